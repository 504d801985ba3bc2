// Names that the broker changes, since by its name a file is hidden or not: it asks the rules itself, and
// the worker can remove, move and link nothing. What the table knows of the names is the caller's.
//
// Used by the main thread only.
#pragma once

#include <span>
#include <string_view>

#include "core/grafts.h"
#include "worker/broker_link.h"
#include "worker/table.h"

namespace sluice::worker {

class Names {
 public:
  // All borrowed.
  Names(Table& table, BrokerLink& broker, std::span<const core::Graft> grafts)
      : table_(table), broker_(broker), grafts_(grafts) {}

  core::Outcome remove(const Node* parent, std::string_view name, bool directory);
  // flags: wire::kRename*. EBUSY where a graft is below one of the names: it would stay behind.
  core::Outcome rename(const Node* from, std::string_view from_name, const Node* to,
                       std::string_view to_name, uint32_t flags);
  // By whichever of its names the file is found.
  core::Outcome link(Node* node, const Node* to, std::string_view name);
  core::Outcome symlink(std::string_view target, const Node* parent, std::string_view name);

 private:
  core::Outcome ask(const wire::BrokerRequest& request, std::string_view path, std::string_view second);
  bool leads_to_graft(std::string_view path) const;

  Table& table_;
  BrokerLink& broker_;
  std::span<const core::Graft> grafts_;
};

}  // namespace sluice::worker
