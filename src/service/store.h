// What of a view outlives this process: the record of it, and every descriptor that it is served with.
//
// For each view the service manager keeps one socket (FDSTORE=1 of sd_notify(3)), in which the record waits with the
// descriptors: one message, which the next service looks at and leaves there. Its other end, by which this process
// replaces it, lies in it too. So the manager hears of a view when it begins and when it ends; in between the record is
// that of now at any instant, whoever is killed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "os/fd.h"
#include "service/activation.h"
#include "service/view_fds.h"
#include "wire/stored_view.h"

namespace sluice::service {

class StoredRecord {
 public:
  StoredRecord() = default;
  StoredRecord(os::Fd in, os::Fd out) : in_(std::move(in)), out_(std::move(out)) {}

  explicit operator bool() const { return static_cast<bool>(out_); }
  // From now on the record is this; where it fails, it is what it was. fds: borrowed; in front of them goes the end by
  // which it is replaced.
  core::Outcome put(std::span<const uint8_t> bytes, std::span<const int> fds);
  // The same, of one that somebody else had before: where the ends do not belong together it fails.
  core::Outcome put_anew(std::span<const uint8_t> bytes, std::span<const int> fds);
  // Lets go of all that lies in it, whoever has the socket besides.
  void clear();
  int socket() const { return out_.get(); }

 private:
  core::Outcome send(std::span<const uint8_t> bytes, std::span<const int> fds) const;
  void drop_first() const;

  os::Fd in_, out_;  // neither waits for anybody
};

std::string stored_name(uint64_t view);           // under which the manager has it
std::vector<int> numbers_of(const ViewFds& fds);  // in the order in which a record has them

// A view as it was found, with what it is served with, all of which the kernel says is what it should be.
struct FoundView {
  wire::StoredView view;
  ViewFds fds;
  StoredRecord record;
};
struct Found {
  std::vector<FoundView> views;
  std::vector<std::string> refused;  // names, of what the manager is to let go of
};
// Main process, before it is confined. What cannot be right is logged and refused, and the view with it: its processes
// are ended as far as they are known to be its own.
struct Programs {
  int worker, broker;  // borrowed; < 0: no view is taken over
};
Found look_at_stored(std::vector<Given::Stored> stored, Programs programs);

}  // namespace sluice::service
