#include "worker/forgetter.h"

#include <cstring>
#include <utility>
#include <vector>

#include "core/limits.h"
#include "os/channel.h"
#include "os/descriptor_table.h"
#include "wire/fuse.h"

namespace sluice::worker {

bool Forgetter::start() {
  // The kernel lets nobody kill a thread that waits for a directory's lock. If the worker is killed
  // meanwhile, the service must see its channel close all the same, and end the view; with that the lock
  // is free.
  bool alone = false;
  thread_.start([&] { alone = os::keep_descriptors_up_to(device_).ok(); }, [this] { run(); });
  return alone;
}

bool Forgetter::forget(uint64_t directory, std::string_view name) {
  const std::lock_guard lock(mutex_);
  if (names_.size() >= core::Limits::kNamesToForget) {
    names_.clear();
    return false;
  }
  names_.push_back({directory, std::string(name)});
  work_.notify_one();
  return true;
}

void Forgetter::forget_listings(std::vector<uint64_t> directories) {
  const std::lock_guard lock(mutex_);
  listings_ = std::move(directories);  // all that there are: those that wait are among them, or are forgotten
  work_.notify_one();
}

void Forgetter::run() {
  for (;;) {
    std::deque<Name> names;
    std::vector<uint64_t> listings;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [this] { return !names_.empty() || !listings_.empty(); });
      names.swap(names_);
      listings.swap(listings_);
    }
    for (const uint64_t directory : listings) carry_out(directory);
    for (const Name& name : names) carry_out(name);
  }
}

void Forgetter::carry_out(uint64_t directory) const {
  const wire::InvalInodeNotice notice = wire::inval_inode(directory, 0);
  (void)os::write_message(device_, {reinterpret_cast<const uint8_t*>(&notice), sizeof(notice)});
}

// The name only loses its time: a name that still leads where it led stays what it is to who uses
// it.
void Forgetter::carry_out(const Name& name) const {
  struct {
    wire::FuseOutHeader header;
    wire::FuseNotifyInvalEntry what;
  } notice{{}, {name.directory, static_cast<uint32_t>(name.name.size()), wire::kExpireOnly}};
  const size_t length = sizeof(notice) + name.name.size() + 1;
  notice.header = {static_cast<uint32_t>(length), wire::kNotifyInvalEntry, 0};
  std::vector<uint8_t> message(length);
  std::memcpy(message.data(), &notice, sizeof(notice));
  std::memcpy(message.data() + sizeof(notice), name.name.data(), name.name.size());
  // Fails where the kernel does not remember the name.
  (void)os::write_message(device_, message);
}

}  // namespace sluice::worker
