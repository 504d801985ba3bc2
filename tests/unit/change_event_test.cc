// What the kernel tells of changes, byte by byte.
#include "wire/change_event.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/unit/decoder_checks.h"

namespace sluice::wire {
namespace {

using test::Bytes;

template <typename T>
void put(Bytes& bytes, T value) {
  const auto* raw = reinterpret_cast<const uint8_t*>(&value);
  bytes.insert(bytes.end(), raw, raw + sizeof(value));
}

// As ext4's handles are: the inode number and its generation.
Bytes handle_of(uint32_t inode) {
  Bytes handle;
  put(handle, inode);
  put(handle, uint32_t{7});
  return handle;
}

Bytes record(uint64_t mask, int32_t pid, std::string_view name, const Bytes& handle,
             int32_t type = 1, uint8_t kind = 2) {
  Bytes info;
  put(info, kind);
  put(info, uint8_t{0});
  put(info, static_cast<uint16_t>(0));
  put(info, uint64_t{0x1234});
  put(info, static_cast<uint32_t>(handle.size()));
  put(info, type);
  info.insert(info.end(), handle.begin(), handle.end());
  info.insert(info.end(), name.begin(), name.end());
  info.push_back(0);
  while (info.size() % 4 != 0) info.push_back(0);
  info[2] = static_cast<uint8_t>(info.size());
  info[3] = static_cast<uint8_t>(info.size() >> 8);
  Bytes bytes;
  put(bytes, static_cast<uint32_t>(24 + info.size()));
  put(bytes, uint8_t{3});
  put(bytes, uint8_t{0});
  put(bytes, uint16_t{24});
  put(bytes, mask);
  put(bytes, int32_t{-1});
  put(bytes, pid);
  bytes.insert(bytes.end(), info.begin(), info.end());
  return bytes;
}

Bytes lost() {
  Bytes bytes;
  put(bytes, uint32_t{24});
  put(bytes, uint8_t{3});
  put(bytes, uint8_t{0});
  put(bytes, uint16_t{24});
  put(bytes, kChangesLost);
  put(bytes, int32_t{-1});
  put(bytes, int32_t{0});
  return bytes;
}

TEST(ChangeEvent, TellsDirectoryNameAndWhoseItIs) {
  Bytes bytes = record(0x100, 0, "made", handle_of(42));
  const Bytes own = record(0x40000200, 1, "gone", handle_of(43));
  const Bytes itself = record(0x40000004, 0, ".", handle_of(44));
  bytes.insert(bytes.end(), own.begin(), own.end());
  bytes.insert(bytes.end(), itself.begin(), itself.end());
  ChangeEvents events(bytes);
  auto event = events.next();
  ASSERT_TRUE(event.ok());
  EXPECT_EQ(event->directory, 42u);
  EXPECT_EQ(event->name, "made");
  EXPECT_FALSE(event->own);
  EXPECT_EQ(event->what & kChangedNames, 0x100u);
  event = events.next();
  ASSERT_TRUE(event.ok());
  EXPECT_TRUE(event->own);
  EXPECT_EQ(event->name, "gone");
  EXPECT_NE(event->what & kChangedDirectory, 0u);
  event = events.next();
  ASSERT_TRUE(event.ok());
  EXPECT_EQ(event->directory, 44u);
  EXPECT_TRUE(event->name.empty());
  EXPECT_TRUE(events.finished());
}

TEST(ChangeEvent, TellsThatSomeWereLost) {
  const Bytes bytes = lost();
  ChangeEvents events(bytes);
  const auto event = events.next();
  ASSERT_TRUE(event.ok());
  EXPECT_EQ(event->what, kChangesLost);
  EXPECT_TRUE(events.finished());
}

TEST(ChangeEvent, KnowsTheHandlesOfTheFilesystemsThatViewsAreMadeOf) {
  Bytes tmpfs;
  put(tmpfs, uint32_t{9});
  put(tmpfs, uint64_t{0x1'0000'0002});
  EXPECT_EQ(inode_of_handle(1, handle_of(2)), 2u);
  EXPECT_EQ(inode_of_handle(1, tmpfs), 0x1'0000'0002u);
  Bytes wide;
  put(wide, uint64_t{0x2'0000'0003});
  put(wide, uint32_t{9});
  EXPECT_EQ(inode_of_handle(0x81, wide), 0x2'0000'0003u);
  put(wide, uint32_t{9});
  EXPECT_EQ(inode_of_handle(0xB1, wide), 0x2'0000'0003u);
  put(wide, uint32_t{9});
  EXPECT_EQ(inode_of_handle(0x4D, wide), 0x2'0000'0003u);
  for (const int type : {0, 1, 2, 0x4D, 0x81, 0xB1, 0xFF, -1}) {
    for (size_t length = 0; length < 40; ++length) {
      const auto inode = inode_of_handle(type, Bytes(length, 1));
      const bool known = type == 1      ? length == 8 || length == 12
                         : type == 0x4D ? length == 20
                         : type == 0x81 ? length == 12
                                        : type == 0xB1 && length == 16;
      EXPECT_EQ(inode.has_value(), known) << type << ", " << length;
    }
  }
}

// A record that is none is not the end of those behind it, where its length can be believed.
TEST(ChangeEvent, GoesOnBehindWhatItDoesNotKnow) {
  for (Bytes bytes : {record(0x100, 0, "a", handle_of(1), 99),
                      record(0x100, 0, "a", handle_of(1), 1, 9), record(0x100, 0, "a", Bytes(5))}) {
    const Bytes next = record(0x200, 0, "b", handle_of(2));
    bytes.insert(bytes.end(), next.begin(), next.end());
    ChangeEvents events(bytes);
    EXPECT_FALSE(events.next().ok());
    const auto event = events.next();
    ASSERT_TRUE(event.ok());
    EXPECT_EQ(event->name, "b");
    EXPECT_TRUE(events.finished());
  }
}

// Every cut and every changed byte comes to an end, inside what was read.
TEST(ChangeEvent, TruncatedAndMutated) {
  Bytes whole = record(0x100, 0, "a name", handle_of(1));
  const Bytes second = record(0x40, 5, std::string(255, 'n'), handle_of(2));
  whole.insert(whole.end(), second.begin(), second.end());
  const auto read_all = [](const Bytes& bytes) {
    size_t records = 0;
    size_t failed = 0;
    for (ChangeEvents events(bytes); !events.finished(); ++records) {
      const auto event = events.next();
      if (!event.ok()) {
        ++failed;
        continue;
      }
      if (event->name.empty()) continue;
      EXPECT_LE(event->name.size(), bytes.size());
      const auto* begin = reinterpret_cast<const uint8_t*>(event->name.data());
      EXPECT_GE(begin, bytes.data());
      EXPECT_LE(begin + event->name.size(), bytes.data() + bytes.size());
    }
    EXPECT_LE(records, bytes.size() / 24 + 1);
    return failed;
  };
  EXPECT_EQ(read_all(whole), 0u);
  for (size_t length = 1; length < whole.size(); ++length) {
    if (length == whole.size() - second.size()) continue;
    EXPECT_EQ(read_all(Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length))), 1u)
        << length;
  }
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const uint8_t byte : {uint8_t{0}, uint8_t{1}, uint8_t{0x7F}, uint8_t{0xFF}}) {
      Bytes changed = whole;
      changed[at] = byte;
      read_all(changed);
    }
  }
}

}  // namespace
}  // namespace sluice::wire
