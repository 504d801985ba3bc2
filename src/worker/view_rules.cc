#include "worker/view_rules.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

namespace sluice::worker {
namespace {

constexpr size_t kMostFacets = wire::kTableFacets;
// As a directory appears where names may be hidden: its true length, and as many links as it has
// directories, would tell of them.
constexpr uint32_t kDirectoryLinks = 1;
constexpr uint64_t kDirectorySize = 4096;

}  // namespace

ViewRules::ViewRules(Table& table, core::Rules rules, const wire::LeftTable* left)
    : table_(table), matcher_(std::make_unique<core::Matcher>(std::move(rules), ::time(nullptr))) {
  if (left != nullptr) facets_ = left->facets;
  if (facets_.empty()) facets_.resize(1);
  table_.legacy().count_by(matcher_->rules());
}

uint32_t ViewRules::replace(core::Rules rules) {
  matcher_ = std::make_unique<core::Matcher>(std::move(rules), ::time(nullptr));
  known_facets_.clear();
  table_.legacy().count_by(matcher_->rules());
  ++epoch_;
  uint32_t open = 0;
  table_.for_each([&](Node* node) { open += node->opens > 0 && !is_current(node) ? 1u : 0u; });
  return open;
}

void ViewRules::look_at_clock() {
  if (matcher_->is_timed() && matcher_->set_time(::time(nullptr))) ++epoch_;
}

core::Verdicts ViewRules::decide(const Node* parent, std::string_view name) {
  if (empty()) return {};
  PathBuffer buffer;
  const auto path = table_.path_of(parent, buffer);
  if (path.ok()) return matcher_->decide(*path, name);
  core::Decision hidden;
  hidden.sight = core::kNoPath;
  return {hidden, hidden};
}

core::Result<Facet> ViewRules::may_make(const Node* parent, std::string_view name,
                                        bool is_directory) {
  // What has no path could not be opened, renamed or removed: the broker does that.
  PathBuffer buffer;
  const auto path = table_.path_of(parent, name, buffer);
  if (!path.ok() && path.failure().error == ENAMETOOLONG) return path.failure();
  if (empty()) return Facet{0};
  const core::Verdicts verdicts = decide(parent, name);
  for (const core::Decision* each : {&verdicts.file, &verdicts.directory}) {
    if (hides(*each)) return core::Failure{EACCES, core::Reason::kHidden};
  }
  const core::Decision& decision = verdicts.of(is_directory);
  if (auto made = may(decision, core::Operation::kMake); !made.ok()) return made.failure();
  const Facet facet = facet_of(decision);
  making_ = decision.term(core::Term::kNames);
  const core::TermValue& names = facets_[facet].of(core::Term::kNames);
  if (names.effect == core::Effect::kMostNames && table_.legacy().made_by(making_) >= names.value) {
    return core::Failure{EDQUOT, core::Reason::kLimitNames};
  }
  return facet;
}

void ViewRules::count_made(Facet facet) {
  if (facets_[facet].of(core::Term::kNames).effect == core::Effect::kMostNames) table_.legacy().count_made(making_);
}

Facet ViewRules::facet_of(const core::Decision& decision) {
  const auto [known, is_new] = known_facets_.try_emplace(decision.terms, 0);
  if (!is_new) return known->second;
  const core::Terms terms = matcher_->rules().resolve(decision);
  auto same = std::find(facets_.begin(), facets_.end(), terms);
  if (same == facets_.end()) {
    // So many nobody means. What is one too many is closed.
    if (facets_.size() == kMostFacets) return known->second = kMostFacets - 1;
    facets_.push_back(terms);
    if (facets_.size() == kMostFacets) {
      facets_.back() = {};
      facets_.back().values[static_cast<size_t>(core::Term::kAccess)] = {core::Effect::kDeny, EOVERFLOW, 0};
    }
    same = facets_.end() - 1;
    table_.legacy().means(static_cast<Facet>(facets_.size() - 1), *same);
  }
  return known->second = static_cast<Facet>(same - facets_.begin());
}

bool ViewRules::is_current(Node* node) {
  if (node->epoch == epoch_ || node == table_.root()) return true;
  PathBuffer buffer;
  const auto path = table_.path_of(node, buffer);
  if (path.ok()) {  // what has no name any more stays what it was
    const core::Decision now = matcher_->decide(*path).of(node->is_directory());
    if (hides(now) || facet_of(now) != node->facet) return false;
  }
  node->epoch = epoch_;
  return true;
}

void ViewRules::show(Facet facet, os::Stat* stat) const {
  if (!empty() && S_ISDIR(stat->stx_mode)) {
    stat->stx_nlink = kDirectoryLinks;
    stat->stx_size = kDirectorySize;
    stat->stx_blocks = kDirectorySize / 512;
  }
  if (facet == 0) return;
  core::Attributes shown{stat->stx_mode, stat->stx_uid, stat->stx_gid, stat->stx_size, stat->stx_blocks};
  core::after(facets_[facet], &shown);
  stat->stx_mode = static_cast<uint16_t>(shown.mode);
  stat->stx_uid = shown.uid;
  stat->stx_gid = shown.gid;
  stat->stx_size = shown.size;
  stat->stx_blocks = shown.blocks;
}

}  // namespace sluice::worker
