// What the view's rules say of its nodes and names. The broker asks the same rules itself for all that
// it opens: nothing depends on the worker's honesty but names and attributes.
//
// Used by the main thread only.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/appearance.h"
#include "core/filter.h"
#include "core/matcher.h"
#include "worker/table.h"

namespace sluice::worker {

class ViewRules {
 public:
  // table: borrowed. left: of the worker before this one, whose facets the nodes have; nullptr: it is the first.
  ViewRules(Table& table, core::Rules rules, const wire::LeftTable* left);

  // Other rules from now on. How many files are open of which they say something else.
  uint32_t replace(core::Rules rules);

  bool empty() const { return matcher_->rules().empty(); }
  bool are_timed() const { return matcher_->is_timed(); }

  // Before each request: rules may have begun or ended to hold.
  void look_at_clock();

  // Of parent/name, for a file and for a directory; hidden where the parent's path is not known.
  core::Verdicts decide(const Node* parent, std::string_view name);
  core::Verdicts decide(std::string_view parent_path, std::string_view name) {
    return matcher_->decide(parent_path, name);
  }
  bool hides(const core::Decision& decision) const { return matcher_->rules().hides(decision); }

  core::Outcome may(const core::Decision& decision, core::Operation operation) const {
    return core::before(matcher_->rules(), decision, operation);
  }
  core::Outcome may(const Node* node, core::Operation operation) const {
    return core::before(terms_of(node), operation);
  }
  // Whether parent/name may be made. What is about to be made must not tell whether something hidden
  // is there already: hidden is what a rule hides whatever it would be. *decision: of what is made.
  core::Result<Facet> may_make(const Node* parent, std::string_view name, bool is_directory);
  // After may_make(): it was made.
  void count_made(Facet facet);

  // The number for what the rules say. Equal for what says the same, also by different rules and
  // after they were replaced.
  Facet facet_of(const core::Decision& decision);

  // What the rules say of a node is what they said when it was found. False where they say something
  // else by now, of the path that it has: the kernel must look it up again.
  bool is_current(Node* node);
  // One more than the highest there is.
  Facet facets() const { return static_cast<Facet>(facets_.size()); }
  void decided_now(Node* node) const { node->epoch = epoch_; }

  // Attributes as the view shows them.
  void show(Facet facet, os::Stat* stat) const;
  bool is_masked(const Node* node) const {
    return terms_of(node).of(core::Term::kAccess).effect == core::Effect::kMask;
  }
  bool is_window(const Node* node) const {
    return terms_of(node).of(core::Term::kAccess).effect == core::Effect::kWindow;
  }
  const core::Terms& terms_of(const Node* node) const { return facets_[node->facet]; }

 private:
  Table& table_;
  std::unique_ptr<core::Matcher> matcher_;
  uint32_t epoch_ = 1;  // what has 0 was decided by another worker
  std::vector<core::Terms> facets_;  // the first: no rule says anything
  absl::flat_hash_map<std::array<uint16_t, core::kTerms>, Facet> known_facets_;  // of these rules
  uint16_t making_ = 0;  // the number of the rule that bounds how many names are made, of the one just now
};

}  // namespace sluice::worker
