#include "worker/record.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "os/channel.h"
#include "os/shared_file.h"
#include "sandbox/fds.h"
#include "wire/cursor.h"
#include "wire/fuse.h"

namespace sluice::worker {
namespace {

using wire::Way;

// Requests that touch a path. Source: include/uapi/linux/fuse.h, enum fuse_opcode.
enum Opcode : uint32_t {
  kLookup = 1, kSetattr = 4, kReadlink = 5, kSymlink = 6, kMknod = 8, kMkdir = 9, kUnlink = 10,
  kRmdir = 11, kRename = 12, kLink = 13, kOpen = 14, kSetxattr = 21, kRemovexattr = 24,
  kOpendir = 27, kCreate = 35, kRename2 = 45,
};
constexpr uint32_t kSetattrSize = 1u << 3;  // FATTR_SIZE

// What stands before the names in a request.
struct Mknod { uint32_t mode, rdev, umask, padding; };
struct Mkdir { uint32_t mode, umask; };
struct Rename { uint64_t to; };
struct Rename2 { uint64_t to; uint32_t flags, padding; };
struct Link { uint64_t from; };
struct Open { uint32_t flags, open_flags; };
struct Setattr { uint32_t valid, padding; };

bool writes(uint32_t flags) { return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0; }

}  // namespace

bool Record::is_wanted() { return os::is_pipe(sandbox::kFdRecord); }

void Record::add(Way way, uint64_t nodeid, std::string_view name, bool is_directory) {
  const Node* node = table_.get(nodeid);
  PathBuffer buffer;
  if (node == nullptr) return;
  const auto path = name.empty() ? table_.path_of(node, buffer) : table_.path_of(node, name, buffer);
  if (!path.ok()) return;  // it has no name any more
  Part& part = parts_[used_++];
  part.way = way;
  part.is_directory = is_directory;
  part.length = path->size();
  wire::copy_text(part.path.data(), *path);
}

void Record::begin(std::span<const uint8_t> message) {
  used_ = 0;
  replied_ = is_lookup_ = false;
  wire::FuseInHeader header;
  std::memcpy(&header, message.data(), sizeof(header));
  auto rest = message.subspan(sizeof(header));
  const auto take = [&]<typename T>(T value) {
    if (rest.size() < sizeof(T)) return T{};
    std::memcpy(&value, rest.data(), sizeof(T));
    rest = rest.subspan(sizeof(T));
    return value;
  };
  const auto name = [&] {
    const std::string_view text(reinterpret_cast<const char*>(rest.data()), rest.size());
    const std::string_view found = text.substr(0, text.find('\0'));
    rest = rest.subspan(std::min(rest.size(), found.size() + 1));
    return found;
  };
  const uint64_t node = header.nodeid;
  switch (header.opcode) {
    case kLookup:
      is_lookup_ = true;
      return add(Way::kLooked, node, name());
    case kSetattr:
      return add((take(Setattr{}).valid & kSetattrSize) != 0 ? Way::kWritten : Way::kChanged, node, {});
    case kSetxattr:
    case kRemovexattr:
      return add(Way::kChanged, node, {});
    case kReadlink:
      return add(Way::kRead, node, {});
    case kSymlink:
      return add(Way::kMade, node, name());
    case kMknod:
      take(Mknod{});
      return add(Way::kMade, node, name());
    case kMkdir:
      take(Mkdir{});
      return add(Way::kMade, node, name(), true);
    case kUnlink:
      return add(Way::kRemoved, node, name());
    case kRmdir:
      return add(Way::kRemoved, node, name(), true);
    case kRename:
    case kRename2: {
      const uint64_t to = header.opcode == kRename ? take(Rename{}).to : take(Rename2{}).to;
      add(Way::kRenamed, node, name());
      return add(Way::kMade, to, name());
    }
    case kLink:
      add(Way::kRead, take(Link{}).from, {});
      return add(Way::kMade, node, name());
    case kOpen:
      return add(writes(take(Open{}).flags) ? Way::kWritten : Way::kRead, node, {});
    case kOpendir:
      return add(Way::kListed, node, {}, true);
    case kCreate:
      take(wire::FuseCreateIn{});
      return add(Way::kMade, node, name());
    default:
      return;
  }
}

void Record::note_reply(const struct iovec* pieces, int count) {
  if (used_ == 0 || thread_ != std::this_thread::get_id()) return;
  wire::FuseOutHeader header;
  if (count < 1 || pieces[0].iov_len < sizeof(header)) return;
  std::memcpy(&header, pieces[0].iov_base, sizeof(header));
  replied_ = true;
  error_ = -header.error;
  found_ = 0;
  if (is_lookup_ && count > 1 && pieces[1].iov_len >= sizeof(found_)) {
    std::memcpy(&found_, pieces[1].iov_base, sizeof(found_));
  }
}

void Record::end() {
  if (used_ == 0 || !replied_) return;
  if (is_lookup_) {
    if (error_ == ENOENT || (error_ == 0 && found_ == 0)) parts_[0].way = Way::kAbsent;
    const Node* found = found_ == 0 ? nullptr : table_.get(found_);
    parts_[0].is_directory = found != nullptr && found->is_directory();
  }
  // What failed otherwise touched nothing.
  const bool told = error_ == 0 || parts_[0].way == Way::kAbsent;
  for (size_t i = 0; told && i < used_; ++i) write(parts_[i]);
}

void Record::write(const Part& part) {
  uint8_t message[wire::kTouchMost];
  const wire::TouchHeader header{0, part.way, static_cast<uint8_t>(part.is_directory), lost_};
  const size_t length = wire::encode_touch(header, {part.path.data(), part.length}, message);
  if (length > 0 && os::write_message(pipe_, {message, length}).ok()) {
    lost_ = 0;
  } else {
    ++lost_;
  }
}

}  // namespace sluice::worker
