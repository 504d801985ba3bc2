// The record of a view that is to be learned from: what the kernel asks for, in the words of its
// requests, and what became of it.
//
// It is written into a pipe that never waits: what does not fit is counted, and lost. That nobody reads it
// any more ends nothing: the worker is the first process of its namespace, which SIGPIPE leaves alone. Used
// by the main thread, but for note_reply(), which other threads may call.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <thread>

#include "core/limits.h"
#include "wire/touch.h"
#include "worker/table.h"

namespace sluice::worker {

class Record {
 public:
  // table, pipe: borrowed.
  Record(Table& table, int pipe) : table_(table), pipe_(pipe), thread_(std::this_thread::get_id()) {}

  // Whether this view is recorded: the service has put the pipe there.
  static bool is_wanted();

  // Before a request is served: which paths it is about, while they are what the kernel means.
  void begin(std::span<const uint8_t> message);
  // What the kernel is told.
  void note_reply(const struct iovec* pieces, int count);
  // After it was served.
  void end();
  // Whether there is more that was lost than has been said.
  bool has_lost() const { return lost_ > 0; }

 private:
  struct Part {
    wire::Way way;
    bool is_directory = false;
    size_t length = 0;  // of the path
    std::array<char, core::Limits::kPathBytes> path;
  };
  void add(wire::Way way, uint64_t nodeid, std::string_view name, bool is_directory = false);
  void write(const Part& part);

  Table& table_;
  const int pipe_;
  const std::thread::id thread_;
  std::array<Part, 2> parts_;
  size_t used_ = 0;
  bool is_lookup_ = false;
  bool replied_ = false;
  int error_ = 0;
  uint64_t found_ = 0;  // nodeid of what was looked up
  uint32_t lost_ = 0;
};

}  // namespace sluice::worker
