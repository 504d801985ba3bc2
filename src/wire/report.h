// What a set-up process asks of the service's main process, which keeps the table of views. PURE.
//
// One packet a question, and one reply (wire::Reply, after which kNext may have one view follow). The
// main process knows from the kernel whose hello the set-up process serves, and decides by that: a
// set-up process that was taken over sees and ends no view that its peer may not.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "wire/control.h"

namespace sluice::wire {

enum class ReportKind : uint32_t {
  kReserve = 1,  // a name and a number of grants for a view of `uid`: reply.text, reply.count
  kMade,         // the view, with its descriptors along; `uid`: as many trees as its next worker can have
  kNext,         // the first view after the id `after` that the peer may see: reply.count is 1 or 0
  kEnd,          // end the view of that name
  kReload,       // other rules for the view of that name: reply.count files are open by the old ones
  kTotals,       // what the service has counted; after the reply the Totals follow
  kRefused,      // the peer was refused, by the reason of the number `after`; there is no reply
  kReserveConnection,  // a name and a number of grants for the foreign connection of the number `after`
  kMadeConnection,     // it has its broker, whose descriptors are along
  kMadeWorker,   // the worker of the process id `after`, in the place of one that has ended; its descriptors are along
  kMadeBoth,     // the same, and a broker, whose process id is `uid`
  kMadeResting,  // as kMade, of a view whose processes the first request starts
};

struct Report {
  ReportKind kind = ReportKind::kNext;
  uint32_t uid = 0;
  uint64_t after = 0;
  std::string name;  // empty for kReserve: the service chooses
  ViewInfo view;     // kMade, kMadeConnection, kMadeResting
  core::Rules rules; // kReload
};

inline constexpr size_t kReportMost = core::kMaxRulesBytes + kViewInfoMost + 256;

std::vector<uint8_t> encode_report(const Report& report);
core::Result<Report> decode_report(std::span<const uint8_t> message);

}  // namespace sluice::wire
