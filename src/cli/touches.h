// What a recorded view says of itself: paths that were touched, and how.
//
// It comes from the view's worker, which may have been taken over. It is bounded, each path is one
// that a view can have, and what it says is a proposal and no more.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "os/fd.h"
#include "wire/touch.h"

namespace sluice::cli {

struct Touched {
  uint32_t ways = 0;  // a bit for each
  bool is_directory = false;

  bool has(wire::Way way) const { return (ways >> static_cast<uint32_t>(way) & 1) != 0; }
  bool is_read() const { return has(wire::Way::kRead); }
  bool is_changed() const {
    using wire::Way;
    return has(Way::kWritten) || has(Way::kChanged) || has(Way::kMade) || has(Way::kRemoved) ||
           has(Way::kRenamed);
  }
  // Not only asked for, and not there.
  bool was_there() const {
    return (ways & ~(1u << static_cast<uint32_t>(wire::Way::kAbsent))) != 0;
  }
};

inline constexpr size_t kMostTouchedPaths = 100'000;
inline constexpr size_t kMostTouchedBytes = 16 << 20;

class Touches {
 public:
  // The next bytes of the stream.
  void take(std::span<const uint8_t> bytes);

  const std::map<std::string, Touched>& paths() const { return paths_; }
  // Touches that are not among them: too many, or no messages.
  uint64_t lost() const { return lost_; }

 private:
  void add(const wire::Touch& touch);

  std::map<std::string, Touched> paths_;  // below the source; never empty
  size_t bytes_ = 0;
  uint64_t lost_ = 0;
  bool broken_ = false;
  std::vector<uint8_t> rest_;  // the beginning of a message
};

// Reads the record while the command runs.
class TouchReader {
 public:
  TouchReader() = default;
  ~TouchReader() { (void)finish(); }

  void begin(os::Fd pipe);
  bool has_begun() const { return static_cast<bool>(pipe_); }
  // The command has ended: what is there to its end, which comes with the view's.
  const Touches& finish();

 private:
  void read();

  os::Fd pipe_;
  std::thread thread_;
  std::atomic<bool> ending_ = false;
  Touches touches_;
};

}  // namespace sluice::cli
