// What the service has counted since it started, over all views and connections. PURE.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/result.h"

namespace sluice::wire {

inline constexpr size_t kReasons = static_cast<size_t>(core::Reason::kCount);

struct Totals {
  int64_t started = 0;  // seconds since 1970
  int64_t service_pid = 0, maker_pid = 0;
  uint64_t peers = 0;  // that were admitted
  uint64_t views_started = 0, views_ended = 0;
  uint64_t workers_replaced = 0;  // of views whose worker had ended
  uint64_t workers_rested = 0, workers_woken = 0;  // that had nothing to do; and those that followed them
  uint64_t connections_started = 0, connections_ended = 0;  // of other FUSE servers
  uint64_t granted = 0;         // files, as brokers reported
  uint64_t dropped = 0;         // events that brokers and workers could not report
  uint64_t lines_left_out = 0;  // of the log, for want of room
  uint64_t refused_peers[kReasons] = {};
  uint64_t refused_requests[kReasons] = {};  // as brokers reported
};

std::vector<uint8_t> encode_totals(const Totals& totals);
core::Result<Totals> decode_totals(std::span<const uint8_t> message);

}  // namespace sluice::wire
