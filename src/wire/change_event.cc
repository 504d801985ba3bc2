#include "wire/change_event.h"

#include <cerrno>
#include <cstring>

#include "wire/cursor.h"

namespace sluice::wire {
namespace {

constexpr uint8_t kVersion = 3;
constexpr uint8_t kDirectoryAndName = 2;  // FAN_EVENT_INFO_TYPE_DFID_NAME
constexpr core::Failure kMalformed{EPROTO, core::Reason::kProtocol};

struct Metadata {
  uint32_t length;
  uint8_t version;
  uint8_t reserved;
  uint16_t metadata_length;
  uint64_t mask;
  int32_t fd;
  int32_t pid;
};
static_assert(sizeof(Metadata) == 24);

struct Info {
  uint8_t type;
  uint8_t padding;
  uint16_t length;
  uint32_t filesystem[2];
  uint32_t handle_bytes;
  int32_t handle_type;
};
static_assert(sizeof(Info) == 20);

template <typename T>
T number_at(std::span<const uint8_t> bytes, size_t at) {
  T number;
  std::memcpy(&number, bytes.data() + at, sizeof(number));
  return number;
}

}  // namespace

core::Result<ChangeEvent> ChangeEvents::next() {
  Reader whole(rest_);
  const auto metadata = whole.take<Metadata>();
  if (metadata.version != kVersion || metadata.metadata_length != sizeof(Metadata) ||
      metadata.length < sizeof(Metadata) || metadata.length > rest_.size()) {
    rest_ = {};
    return kMalformed;
  }
  const auto record = rest_.subspan(sizeof(Metadata), metadata.length - sizeof(Metadata));
  rest_ = rest_.subspan(metadata.length);
  ChangeEvent event;
  event.what = metadata.mask;
  // To a reader without privilege the kernel tells no process but itself.
  event.own = metadata.pid != 0;
  if ((event.what & kChangesLost) != 0) return event;
  Reader reader(record);
  const auto info = reader.take<Info>();
  const auto handle = reader.take_bytes(info.handle_bytes);
  if (!reader.ok() || info.type != kDirectoryAndName || info.length != record.size())
    return kMalformed;
  const auto name = record.subspan(sizeof(Info) + handle.size());
  if (name.empty()) return kMalformed;
  const auto end = static_cast<const uint8_t*>(std::memchr(name.data(), 0, name.size()));
  if (end == nullptr) return kMalformed;
  const auto directory = inode_of_handle(info.handle_type, handle);
  if (!directory.has_value()) return kMalformed;
  event.directory = *directory;
  event.name = {reinterpret_cast<const char*>(name.data()), static_cast<size_t>(end - name.data())};
  if (event.name == ".") event.name = {};
  return event;
}

std::optional<uint64_t> inode_of_handle(int32_t type, std::span<const uint8_t> handle) {
  switch (type) {
    case 1:  // FILEID_INO32_GEN: ext4, f2fs, xfs with small numbers; tmpfs in a way of its own
      if (handle.size() == 8) return number_at<uint32_t>(handle, 0);
      if (handle.size() == 12) {
        return number_at<uint32_t>(handle, 4) | uint64_t{number_at<uint32_t>(handle, 8)} << 32;
      }
      return std::nullopt;
    case 0x4D:  // FILEID_BTRFS_WITHOUT_PARENT
      if (handle.size() == 20) return number_at<uint64_t>(handle, 0);
      return std::nullopt;
    case 0x81:  // FILEID_INO64_GEN, of xfs too
      if (handle.size() == 12) return number_at<uint64_t>(handle, 0);
      return std::nullopt;
    case 0xB1:  // FILEID_BCACHEFS_WITHOUT_PARENT
      if (handle.size() == 16) return number_at<uint64_t>(handle, 0);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace sluice::wire
