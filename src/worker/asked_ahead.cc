// Grants that are asked for before anybody opens the file, and that nobody waits for.
#include <fcntl.h>

#include "worker/open_files.h"

namespace sluice::worker {

bool OpenFiles::has_room_ahead(size_t more) const {
  const size_t asked = read_write_.asked_ahead() + read_only_link_.asked_ahead();
  return asked + more <= core::Limits::kGrantsAhead && users_.size() + asked + more <= most_ / 4 * 3;
}

void OpenFiles::ask_ahead(Node* node) {
  if (node->grant != 0 || node->asked || node->parent == nullptr) return;
  PathBuffer buffer;
  const auto path = table_.path_of(node, buffer);
  if (!path.ok()) return;
  node->asked = link().ask_ahead(request_to_open(node, O_RDONLY), *path, node->id);
  if (node->asked) counters_.grants_asked.fetch_add(1, std::memory_order_relaxed);
}

void OpenFiles::settle(const Node* node) {
  const bool waits = node != nullptr;
  if (waits && !node->asked) return;
  for (BrokerLink* link : {&read_write_, &read_only_link_}) {
    while (!waits || node->asked) {
      const auto answer = link->take_ahead(waits);
      if (!answer.has_value()) break;
      take_ahead(*link, *answer);
    }
  }
}

void OpenFiles::take_ahead(BrokerLink& link, const BrokerLink::Ahead& answer) {
  Node* node = table_.get(answer.nodeid);
  if (node == nullptr) return;  // none goes before it is settled
  const auto& reply = answer.reply;
  if (reply.ok() && reply->use_read_only != 0 && &link == &read_write_) {
    PathBuffer buffer;
    const auto path = table_.path_of(node, buffer);
    node->asked = path.ok() && read_only_link_.ask_ahead(request_to_open(node, O_RDONLY), *path, node->id);
    return;
  }
  node->asked = false;
  const bool is_stale = reply.ok() && closed_.contains(reply->grant);
  if (read_write_.asked_ahead() + read_only_link_.asked_ahead() == 0) closed_.clear();
  if (!reply.ok() || reply->grant == 0) return habit_.wasted();
  if (is_stale) return;
  take_grant(node, *reply, false);
  node->ahead = true;
  set_idle(node, false);
}

}  // namespace sluice::worker
