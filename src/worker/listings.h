// Directories that are open, by the handle that the kernel has for each: a number, which the worker after this one knows
// as well.
//
// Cookies are the filesystem's own, which stay valid under change; where names may be hidden they are numbered instead.
//
// Used by the main thread only; the descriptors by others as well.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "os/fd.h"
#include "worker/legacy.h"
#include "worker/numbering.h"

namespace sluice::worker {

// As getdents64(2) returns it.
struct RawEntry {
  uint64_t ino;
  int64_t next;
  uint16_t length;
  uint8_t type;
  char name[];
};

class Listing {
 public:
  // numbering: nullptr: cookies are the filesystem's.
  Listing(os::Fd fd, std::shared_ptr<Numbering> numbering);
  Listing(const Listing&) = delete;
  Listing& operator=(const Listing&) = delete;

  const std::shared_ptr<const os::Fd>& fd() const { return fd_; }
  const std::shared_ptr<Numbering>& numbering() const { return numbering_; }

  core::Outcome go_to(int64_t cookie);
  // The entry at the cookie; nullptr at the end. Stays until the next call.
  core::Result<const RawEntry*> peek();
  // Of the place behind an entry that is shown: the same each time, whatever was listed in between.
  int64_t cookie_behind(const RawEntry* entry);
  void advance(const RawEntry* entry);

 private:
  std::shared_ptr<const os::Fd> fd_;
  const std::shared_ptr<Numbering> numbering_;
  int64_t next_ = 0;  // place
  size_t start_ = 0;
  size_t end_ = 0;
  alignas(8) char buffer_[16384];
};

class Listings {
 public:
  // legacy: borrowed. left: of a worker before this one, by directory.
  Listings(Legacy& legacy, std::map<uint64_t, wire::LeftListing> left) : legacy_(legacy), left_(std::move(left)) {}

  // directory: its nodeid. The handle.
  uint64_t add(uint64_t directory, os::Fd fd, bool numbered);
  // nullptr: this worker has not opened it.
  Listing* find(uint64_t handle);
  // fd: of the directory that a worker before this one had opened as this handle.
  Listing* add_again(uint64_t handle, uint64_t directory, os::Fd fd);
  void remove(uint64_t handle);
  // The kernel has forgotten the directory: nobody has it open.
  void forget(uint64_t directory);

 private:
  std::shared_ptr<Numbering> numbering_of(uint64_t directory);

  Legacy& legacy_;
  std::map<uint64_t, wire::LeftListing> left_;  // that nobody has asked for here yet
  absl::flat_hash_map<uint64_t, std::unique_ptr<Listing>> listings_;
  absl::flat_hash_map<uint64_t, std::weak_ptr<Numbering>> numberings_;  // by directory
  size_t most_numberings_ = 64;  // with as many it is looked which of them nobody uses any more
  // Of directories that somebody may have open since a worker before this one.
  absl::flat_hash_map<uint64_t, std::shared_ptr<Numbering>> left_open_;
};

}  // namespace sluice::worker
