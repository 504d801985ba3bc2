#include "worker/names.h"

#include <cerrno>

namespace sluice::worker {

using wire::BrokerOp;

namespace {

// In the directory that parent is.
wire::BrokerRequest about(BrokerOp op, const Node* parent) {
  wire::BrokerRequest request{};
  request.op = op;
  request.dev = parent->key.dev;
  request.ino = parent->key.ino;
  return request;
}

}  // namespace

// The path of a directory that was moved behind the view leads nowhere, or elsewhere: the kernel looks
// again where the caller has a path. What a rule hides is not there.
core::Outcome Names::ask(const wire::BrokerRequest& request, std::string_view path,
                         std::string_view second) {
  auto reply = broker_.ask(request, path, second);
  if (reply.ok()) return core::Done{};
  const core::Failure& why = reply.failure();
  const bool gone = why.error == ENOENT && why.reason == core::Reason::kSystem;
  return gone ? core::Failure{ESTALE, why.reason} : why;
}

core::Outcome Names::remove(const Node* parent, std::string_view name, bool directory) {
  PathBuffer buffer;
  auto path = table_.path_of(parent, name, buffer);
  if (!path.ok()) return path.failure();
  wire::BrokerRequest request = about(BrokerOp::kRemove, parent);
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
  wire::BrokerRequest request = about(BrokerOp::kRename, from);
  request.dev2 = to->key.dev;
  request.ino2 = to->key.ino;
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
    wire::BrokerRequest request = about(BrokerOp::kLink, node);  // which is what is meant itself
    request.dev2 = to->key.dev;
    request.ino2 = to->key.ino;
    return ask(request, *path, *to_path);
  });
}

core::Outcome Names::symlink(std::string_view target, const Node* parent, std::string_view name) {
  PathBuffer buffer;
  auto path = table_.path_of(parent, name, buffer);
  if (!path.ok()) return path.failure();
  return ask(about(BrokerOp::kSymlink, parent), *path, target);
}

core::Outcome Names::make_device(const Node* parent, std::string_view name, uint32_t mode, uint32_t device) {
  PathBuffer buffer;
  auto path = table_.path_of(parent, name, buffer);
  if (!path.ok()) return path.failure();
  wire::BrokerRequest request = about(BrokerOp::kMakeDevice, parent);
  request.mode = mode;
  request.device = device;
  return ask(request, *path, {});
}

}  // namespace sluice::worker
