// What the worker of a recorded view says of it: which paths are touched, and how. PURE.
//
// A stream in a pipe, from a process that may have been taken over to the command that asked for the
// view: nothing in it is true because it stands there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "core/result.h"

namespace sluice::wire {

enum class Way : uint8_t {
  kAbsent = 1,  // asked for, and not there
  kLooked,      // its attributes
  kListed,
  kRead,        // opened for reading, or the target of a link
  kWritten,     // opened for writing, or cut
  kChanged,     // mode, owner, times or extended attributes
  kMade,
  kRemoved,
  kRenamed,     // it has another name now, which is kMade
};
inline constexpr uint32_t kWays = 10;  // with 0, which is none

struct TouchHeader {
  uint16_t path_length;
  Way way;
  uint8_t is_directory;
  uint32_t lost;  // touches before this one that did not fit into the pipe
};
static_assert(std::has_unique_object_representations_v<TouchHeader>);

// A pipe takes so much whole or not at all (PIPE_BUF).
inline constexpr size_t kTouchMost = 4096;

// The length of the message; 0: it does not fit.
size_t encode_touch(TouchHeader header, std::string_view path, std::span<uint8_t> out);

struct Touch {
  TouchHeader header{};
  std::string_view path;  // valid_relative, within the bytes; empty: the root
  size_t length = 0;      // of the message; 0: there is not all of it yet
};
// The first message of a stream. Fails where what follows cannot be one: the stream is of no more use.
core::Result<Touch> decode_touch(std::span<const uint8_t> bytes);

}  // namespace sluice::wire
