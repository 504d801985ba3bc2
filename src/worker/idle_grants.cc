// Grants of files that nobody has open: for how long they are kept, and which go first.
#include <algorithm>

#include "core/limits.h"
#include "worker/due.h"
#include "worker/open_files.h"

namespace sluice::worker {
namespace {

constexpr int kAheadMilliseconds = 5;  // from one look to the next at what has come of what was asked for ahead

}  // namespace

void OpenFiles::stop_idling(Node* node) {
  if (node->idle_since == 0) return;
  node->idle_since = 0;
  --idle_count_;
}

void OpenFiles::set_idle(Node* node, bool nameless) {
  if (node->idle_since == 0) ++idle_count_;
  node->idle_since = now();
  (nameless ? idle_nameless_ : idle_).push_back({node->id, node->idle_since});
}

void OpenFiles::drop_idle(Node* node) {
  settle(node);
  if (node->opens == 0) close_grant(node);
}

int OpenFiles::expire() {
  settle(nullptr);
  const int a = expire(idle_, core::Limits::kIdleGrantMilliseconds);
  const int b = expire(idle_nameless_, contested()
                                           ? core::Limits::kContestedMilliseconds
                                           : core::Limits::kNamelessGrantMilliseconds);
  const int c = read_write_.asked_ahead() + read_only_link_.asked_ahead() > 0 ? kAheadMilliseconds : -1;
  return sooner(sooner(a, b), c);
}

int OpenFiles::expire(std::deque<Idle>& idle, int64_t most_milliseconds) {
  const int64_t time = now();
  // Many at a time: each time wakes the broker.
  const bool too_many = idle_count_ > most_idle_;
  const size_t most = too_many ? most_idle_ - most_idle_ / 8 : most_idle_;
  while (!idle.empty()) {
    const int64_t left = idle.front().since + most_milliseconds - time;
    const Node* node = table_.get(idle.front().nodeid);
    const bool outdated = node == nullptr || node->idle_since != idle.front().since;
    if (!outdated && left > 0 && idle_count_ <= most) return static_cast<int>(left);
    close_oldest(idle);
  }
  return -1;
}

bool OpenFiles::close_oldest(std::deque<Idle>& idle) {
  if (idle.empty()) return false;
  const Idle oldest = idle.front();
  idle.pop_front();
  Node* node = table_.get(oldest.nodeid);
  if (node != nullptr && node->idle_since == oldest.since) close_grant(node);
  return true;
}

void OpenFiles::make_room() {
  while (users_.size() + read_write_.asked_ahead() + read_only_link_.asked_ahead() >= most_) {
    settle(nullptr);
    if (!close_oldest(idle_) && !close_oldest(idle_nameless_)) break;
  }
}

}  // namespace sluice::worker
