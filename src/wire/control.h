// What a client asks of the service, and what it gets. PURE.
//
// One SOCK_SEQPACKET packet each way, then for a list one packet per view. The peer may be hostile:
// the service's set-up process uses nothing of a hello before decode_hello() returned it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/grafts.h"
#include "core/result.h"
#include "core/rules.h"
#include "wire/counters.h"

namespace sluice::wire {

enum class HelloKind : uint32_t {
  kMount = 1,  // with the O_PATH fds of the source and of each graft: a view; its mount fd comes back
  kList,       // all views that the peer may see
  kEnd,        // end the view of that name: its connection is aborted
  kReload,     // other rules for the view of that name; reply.count files are open by the old ones
  kTotals,     // what the service has counted: one packet of Totals follows. Root's only
};

struct Hello {
  HelloKind kind = HelloKind::kList;
  bool read_only = false;
  bool preserve = false;
  bool device_nodes = false;    // may be made: of a preserve view that is not read-only
  bool named_identity = false;  // uid, gid and groups say who; else the peer is its own identity
  bool tied = false;            // the view ends when this connection does
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t coherence_milliseconds = 0;
  std::vector<uint32_t> groups;
  std::string name;    // of the view; empty: the service chooses
  std::string source;  // as the user wrote it: shown, never used
  std::string target;
  core::Rules rules;
  std::vector<core::Graft> grafts;
  bool no_source = false;  // kMount: the tree holds nothing but the grafts
  bool record = false;     // kMount: a pipe with wire/touch.h comes back behind the mount fd
};

inline constexpr size_t kMostGroups = 1024;
inline constexpr size_t kMostNameBytes = 64;
inline constexpr size_t kHelloMost = 192 * 1024;

std::vector<uint8_t> encode_hello(const Hello& hello);
// Lengths, counts and flags in range; the name is [A-Za-z0-9._-]*, paths are without NUL.
core::Result<Hello> decode_hello(std::span<const uint8_t> message);
bool valid_view_name(std::string_view name);

struct Reply {
  int32_t error = 0;
  core::Reason reason = core::Reason::kNone;
  uint32_t count = 0;   // kList: that many views follow
  std::string text;     // kMount: the view's name
};
std::vector<uint8_t> encode_reply(const Reply& reply);
core::Result<Reply> decode_reply(std::span<const uint8_t> message);

// A view, as it is listed, and as its set-up process reports it to the main process.
struct ViewInfo {
  uint64_t id = 0;
  int64_t started = 0;  // seconds since 1970
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t owner = 0;   // the uid of the peer that asked for it
  uint32_t rules = 0;
  uint32_t most_grants = 0;  // its limit
  uint32_t missing = 0;      // protections that the administrator allowed to be missing
  int32_t broker_pid = 0;
  int32_t worker_pid = 0;
  uint32_t coherence_milliseconds = 0;
  bool read_only = false;
  bool preserve = false;
  bool device_nodes = false;  // may be made
  bool tied = false;
  bool resting = false;  // it has no worker because none is needed; the next request starts one
  bool foreign = false;  // no view, but the connection of another server: no worker, no source, no rules
  uint64_t requests[Counters::kOpcodes] = {};
  uint64_t nodes = 0, grants = 0, grants_asked = 0, grants_kept = 0;
  struct Times {
    uint64_t count[Counters::kBuckets];
    uint64_t nanoseconds;
  };
  Times times[Counters::kAbout] = {};  // Counters::times
  // What its broker reported to the service: files granted, refusals by reason, and how many events of
  // it and its worker were never reported.
  uint64_t granted = 0, dropped = 0;
  uint64_t refused[static_cast<size_t>(core::Reason::kCount)] = {};
  uint32_t connection = 0;  // the minor number of its device, as in mountinfo
  std::string name, source, target;
  std::string unit;  // of the peer that asked for it, as the kernel said then; may be empty
};
inline constexpr size_t kMostUnitBytes = 512;
inline constexpr size_t kViewInfoMost = 16 * 1024;
std::vector<uint8_t> encode_view(const ViewInfo& view);
core::Result<ViewInfo> decode_view(std::span<const uint8_t> message);

}  // namespace sluice::wire
