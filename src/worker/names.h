// Names that the broker changes, since by its name a file is hidden or not: it asks the rules itself, and
// the worker can remove, move and link nothing. It is told which directory is meant: ESTALE where the path
// leads to another by now, ENOENT too where the name was seen a moment ago. What the table knows of the names
// is the caller's.
//
// Used by the main thread only.
#pragma once

#include <string_view>

#include "worker/broker_link.h"
#include "worker/table.h"

namespace sluice::worker {

class Names {
 public:
  // Both borrowed.
  Names(Table& table, BrokerLink& broker) : table_(table), broker_(broker) {}

  core::Outcome remove(const Node* parent, std::string_view name, bool directory);
  // flags: wire::kRename*.
  core::Outcome rename(const Node* from, std::string_view from_name, const Node* to,
                       std::string_view to_name, uint32_t flags);
  // By whichever of its names the file is found.
  core::Outcome link(Node* node, const Node* to, std::string_view name);
  core::Outcome symlink(std::string_view target, const Node* parent, std::string_view name);
  // Of a view that makes device nodes. mode, device: as mknod(2) has them, without set-ID bits.
  core::Outcome make_device(const Node* parent, std::string_view name, uint32_t mode, uint32_t device);

 private:
  core::Outcome ask(const wire::BrokerRequest& request, std::string_view path, std::string_view second);

  Table& table_;
  BrokerLink& broker_;
};

}  // namespace sluice::worker
