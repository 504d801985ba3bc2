// Which files are going to be opened next.
#include "worker/worker.h"

namespace sluice::worker {
namespace {

constexpr int kNear = 8;  // files and directories between one open and the next: a listing has both, and others that nobody opens

// What was seen next in the same directory; nullptr: nothing, or it is gone.
Node* next_of(Worker& worker, const Node* node) {
  Node* next = worker.table.get(node->next_seen);
  return next != nullptr && next->parent == node->parent ? next : nullptr;
}

// For reading; by the rules as they are now, by which the broker decides too: what it refuses is logged.
bool may_ask(Worker& worker, Node* node) {
  return node->type == S_IFREG && worker.rules.is_current(node) && worker.rules.may(node, core::Operation::kRead).ok() &&
         !worker.rules.is_masked(node) && !worker.rules.is_window(node);
}

}  // namespace

// An audited view's log says what was opened, and nothing that only might have been.
void Worker::look_ahead(Node* opened) {
  if (config.audit || opened->parent == nullptr) return;
  bool follows = false;
  const Node* at = table.get(last_opened);
  for (int hops = 0; at != nullptr && !follows && hops < kNear; ++hops) {
    at = next_of(*this, at);
    follows = at == opened;
  }
  last_opened = opened->id;
  files.habit().opened_after_look_up(opened->id);
  const uint32_t wanted = files.habit().opened(follows);
  std::array<Node*, OpenHabit::kMost> lacking;
  uint32_t count = 0, files_ahead = 0;
  Node* next = wanted == 0 ? nullptr : next_of(*this, opened);
  for (uint32_t hops = 0; next != nullptr && files_ahead < wanted && hops < 2 * OpenHabit::kMost; ++hops) {
    if (may_ask(*this, next)) {
      ++files_ahead;
      if (next->grant == 0 && !next->asked) lacking[count++] = next;
    }
    next = next_of(*this, next);
  }
  // Several at once: each time wakes the broker.
  if (count == 0 || count < wanted / 2 || !files.has_room_ahead(count)) return;
  for (uint32_t i = 0; i < count; ++i) files.ask_ahead(lacking[i]);
}

void Worker::look_ahead_of_look_up(Node* node) {
  if (config.audit || node->type != S_IFREG) return;
  if (files.habit().looked_up(node->id) && node->opens == 0 && may_ask(*this, node) && files.has_room_ahead(1)) files.ask_ahead(node);
}

}  // namespace sluice::worker
