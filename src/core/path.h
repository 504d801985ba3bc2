// Names and paths as Sluice accepts them: bytes, relative to a view's root. PURE.
//
// Called by every process on whatever a peer, the kernel or a command line sent, before anything
// else is done with it. No allocation.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::core {

inline constexpr size_t kMaxNameBytes = 255;
inline constexpr size_t kMaxPathBytes = 8191;  // more than a call takes: os::open_beneath() takes it in pieces

// One component: 1..255 bytes, no '/', no NUL, neither "." nor "..".
bool valid_name(std::string_view name) noexcept;

// "" (the root), or valid names joined by single '/', at most 8,191 bytes. Not normalised: there is
// exactly one valid spelling of a path, so that two paths are equal when their bytes are.
bool valid_relative(std::string_view path) noexcept;

// Takes the first component off `path`, with its '/'. Needs a path that is not empty; on valid ones
// the loop `while (!path.empty()) pop_name(path)` sees every component.
std::string_view pop_name(std::string_view& path) noexcept;

}  // namespace sluice::core
