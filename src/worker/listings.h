// Directories that are open, by the handle that the kernel has for each: a number, which the worker after this one knows
// as well.
//
// Cookies are the filesystem's own, which stay valid under change. Where names may be hidden they are numbered
// instead: the filesystem's tell of the name that comes next, seen or not. What a number stands for is written
// down, so that a listing goes on where it was, in another worker too.
//
// Used by the main thread only; the descriptors by others as well.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "os/fd.h"
#include "worker/legacy.h"

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
  // left: what a worker before this one has numbered; nullptr: nothing.
  Listing(Legacy& legacy, uint64_t handle, os::Fd fd, bool numbered, const wire::LeftListing* left);
  ~Listing() { legacy_.drop_places(records_); }
  Listing(const Listing&) = delete;
  Listing& operator=(const Listing&) = delete;

  const std::shared_ptr<const os::Fd>& fd() const { return fd_; }

  core::Outcome go_to(int64_t cookie);
  // The entry at the cookie; nullptr at the end. Stays until the next call.
  core::Result<const RawEntry*> peek();
  // Of the place behind an entry that is shown: the same each time, whatever was listed in between.
  int64_t cookie_behind(const RawEntry* entry);
  void advance(const RawEntry* entry);

 private:
  Legacy& legacy_;
  const uint64_t handle_;
  std::shared_ptr<const os::Fd> fd_;
  const bool numbered_;
  std::vector<int64_t> places_;  // of each number, from 1 on
  absl::flat_hash_map<int64_t, int64_t> numbers_;
  std::vector<uint32_t> records_;  // where they are written down
  int64_t next_ = 0;  // place
  bool has_read_ = false;
  size_t start_ = 0;
  size_t end_ = 0;
  alignas(8) char buffer_[16384];
};

class Listings {
 public:
  // legacy: borrowed. left: of a worker before this one, by handle.
  Listings(Legacy& legacy, std::map<uint64_t, wire::LeftListing> left) : legacy_(legacy), left_(std::move(left)) {}

  // The handle.
  uint64_t add(os::Fd fd, bool numbered);
  // nullptr: this worker has not opened it.
  Listing* find(uint64_t handle);
  // fd: of the directory that a worker before this one had opened as this handle.
  Listing* add_again(uint64_t handle, os::Fd fd);
  void remove(uint64_t handle);

 private:
  Legacy& legacy_;
  std::map<uint64_t, wire::LeftListing> left_;  // that are not open here yet
  absl::flat_hash_map<uint64_t, std::unique_ptr<Listing>> listings_;
};

}  // namespace sluice::worker
