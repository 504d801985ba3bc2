#include "worker/names.h"

#include <algorithm>
#include <cerrno>

namespace sluice::worker {

using wire::BrokerOp;

core::Outcome Names::ask(const wire::BrokerRequest& request, std::string_view path,
                         std::string_view second) {
  auto reply = broker_.ask(request, path, second);
  if (!reply.ok()) return reply.failure();
  return core::Done{};
}

bool Names::leads_to_graft(std::string_view path) const {
  return std::any_of(grafts_.begin(), grafts_.end(), [&](const core::Graft& graft) {
    return graft.at.size() > path.size() && graft.at.starts_with(path) && graft.at[path.size()] == '/';
  });
}

core::Outcome Names::remove(const Node* parent, std::string_view name, bool directory) {
  PathBuffer buffer;
  auto path = table_.path_of(parent, name, buffer);
  if (!path.ok()) return path.failure();
  wire::BrokerRequest request{};
  request.op = BrokerOp::kRemove;
  request.flags = directory ? wire::kRemoveDirectory : 0;
  return ask(request, *path, {});
}

core::Outcome Names::rename(const Node* from, std::string_view from_name, const Node* to,
                            std::string_view to_name, uint32_t flags) {
  PathBuffer from_buffer, to_buffer;
  auto from_path = table_.path_of(from, from_name, from_buffer);
  if (!from_path.ok()) return from_path.failure();
  auto to_path = table_.path_of(to, to_name, to_buffer);
  if (!to_path.ok()) return to_path.failure();
  if (leads_to_graft(*from_path) || leads_to_graft(*to_path)) {
    return core::Failure{EBUSY, core::Reason::kGraftPlace};
  }
  wire::BrokerRequest request{};
  request.op = BrokerOp::kRename;
  request.flags = flags;
  return ask(request, *from_path, *to_path);
}

core::Outcome Names::link(Node* node, const Node* to, std::string_view name) {
  PathBuffer to_buffer;
  auto to_path = table_.path_of(to, name, to_buffer);
  if (!to_path.ok()) return to_path.failure();
  return table_.by_any_name(node, [&]() -> core::Outcome {
    PathBuffer buffer;
    auto path = table_.path_of(node, buffer);
    if (!path.ok()) return path.failure();
    wire::BrokerRequest request{};
    request.op = BrokerOp::kLink;
    request.dev = node->key.dev;
    request.ino = node->key.ino;
    return ask(request, *path, *to_path);
  });
}

core::Outcome Names::symlink(std::string_view target, const Node* parent, std::string_view name) {
  PathBuffer buffer;
  auto path = table_.path_of(parent, name, buffer);
  if (!path.ok()) return path.failure();
  wire::BrokerRequest request{};
  request.op = BrokerOp::kSymlink;
  return ask(request, *path, target);
}

}  // namespace sluice::worker
