// Whose turn it is: what the kernel has sent and nobody has served yet.
//
// The kernel hands out requests as they come, and each thread of an application waits for one at a time: with so many threads at
// full speed, somebody who asks now and then waited for all of them each time. So what waits is read, up to a bound, and who
// was served least of late is next: of users first, then of their threads. Nobody is passed over more often than
// kMostPassed times, and one thread's requests keep their order, as do all that the kernel sends for nobody (RELEASE).
//
// What is read and not answered when the worker ends is sent again to the next one, in no order. There that request comes first
// which this one was at (worker/intent.h): until then nothing else may be written down.
//
// Takes all its memory when it is made. Used by the main thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/zeroed_memory.h"
#include "wire/fuse.h"

namespace sluice::worker {

class Turns {
 public:
  // As many as a worker holds at most: what the next one has to read before it has found the one that comes first.
  static constexpr size_t kMost = 32;
  static constexpr uint32_t kMostPassed = 64;

  Turns() : memory_(core::zeroed_memory<uint8_t>(kMost * (kShort + kRoom))), room_(kRoom) {}

  size_t size() const { return used_; }
  bool is_full() const { return used_ == kMost; }

  // Where the next message is to be read. It must not be full.
  // Of memory that is there: where the kernel has to make a page for what it writes, and the worker is killed just then, it gives the
  // request up, and who waits gets EIO (fs/fuse/dev.c, fuse_dev_do_read: where copying fails, Linux 6.18).
  std::span<uint8_t> room() { return room_; }
  // What was read there, so many bytes of it, waits. At least a header.
  void put(size_t length);
  // Takes one; its bytes stay until the next message is read. first: before all others, whatever it was that was sent again by this
  // number; 0: none. There must be one.
  std::span<uint8_t> take(uint64_t first);

 private:
  static constexpr size_t kRoom = wire::kFuseBufferBytes;
  // Most are no longer, and all those lie in a few pages.
  static constexpr size_t kShort = 512;
  static constexpr size_t kShares = 64;
  static constexpr uint32_t kHalvedEvery = 64;

  struct Waiting {
    uint64_t unique;
    uint32_t uid, pid;
    uint32_t passed;
    size_t length;
  };
  // Behind each there is more of the same memory: libfuse may look there.
  uint8_t* at(uint8_t place, size_t length) {
    return memory_.get() + (length <= kShort ? place * kShort : kMost * kShort + place * kRoom);
  }
  static size_t share_of(uint32_t id) { return (id * 0x9E3779B1u) >> 26; }
  size_t next(uint64_t first) const;
  void count(const Waiting& served);

  core::Memory<uint8_t> memory_;
  std::vector<uint8_t> room_;
  std::array<Waiting, kMost> waiting_{};  // by place
  // Places: those that wait as they came, then the free ones.
  std::array<uint8_t, kMost> order_ = [] {
    std::array<uint8_t, kMost> places{};
    for (size_t i = 0; i < kMost; ++i) places[i] = static_cast<uint8_t>(i);
    return places;
  }();
  size_t used_ = 0;
  // How often they were served of late, those together whose numbers meet here.
  std::array<uint32_t, kShares> of_user_{}, of_thread_{};
  uint32_t served_ = 0;
};

}  // namespace sluice::worker
