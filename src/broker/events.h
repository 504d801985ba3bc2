// What the broker tells the service. Never waits for it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "wire/event.h"

namespace sluice::broker {

class Events {
 public:
  // socket: borrowed, non-blocking.
  explicit Events(int socket) : socket_(socket) {}

  // Any thread. The text is cut where it is too long, and an event is counted as dropped where the
  // service does not keep up or the kind has had its share of this second.
  void send(wire::EventKind kind, core::Failure why, uint32_t op, std::string_view text, uint64_t grant = 0);
  // Of an audited view: no share any more. Then the service waits for a full socket, for a second.
  void send_all() { all_ = true; }

 private:
  bool within_rate(wire::EventKind kind);

  int socket_;
  bool all_ = false;
  std::atomic<uint32_t> dropped_{0};
  // Per kind of event: the second, and how many events it has had.
  std::atomic<int64_t> second_[wire::kEventKinds]{};
  std::atomic<uint32_t> count_[wire::kEventKinds]{};
};

}  // namespace sluice::broker
