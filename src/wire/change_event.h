// What the kernel tells of changes in directories: the records that are read from a fanotify group.
// PURE.
//
// Source: Linux include/uapi/linux/fanotify.h and include/linux/exportfs.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/result.h"

namespace sluice::wire {

// Bits of ChangeEvent::what.
inline constexpr uint64_t kChangedAttributes = 0x4;
inline constexpr uint64_t kChangedContents = 0x2;
inline constexpr uint64_t kNameMade = 0x100;
inline constexpr uint64_t kChangedNames = 0x40 | 0x80 | kNameMade | 0x200;  // moved from, to, made, removed
inline constexpr uint64_t kChangesLost = 0x4000;
inline constexpr uint64_t kChangedDirectory = 0x40000000;  // what has the name is a directory

struct ChangeEvent {
  uint64_t what = 0;
  bool own = false;        // made by the process that reads
  uint64_t directory = 0;  // its inode number
  std::string_view name;   // in it; empty: the directory itself. Points into what was read
};

// Takes apart what one read(2) returned, record by record.
class ChangeEvents {
 public:
  explicit ChangeEvents(std::span<const uint8_t> bytes) : rest_(bytes) {}
  // Fails where a record is not as the kernel writes them, or is of a directory that its handle
  // does not tell: what follows can still be read, if anything does.
  core::Result<ChangeEvent> next();
  bool finished() const { return rest_.empty(); }

 private:
  std::span<const uint8_t> rest_;
};

// The inode number in a file handle (name_to_handle_at(2)), of the filesystems whose handles we
// know.
std::optional<uint64_t> inode_of_handle(int32_t type, std::span<const uint8_t> handle);

}  // namespace sluice::wire
