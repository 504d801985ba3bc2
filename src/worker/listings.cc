#include "worker/listings.h"

#include <unistd.h>

#include <cerrno>

#include "os/file.h"
#include "os/metadata.h"

namespace sluice::worker {
namespace {

// The lowest bit of a handle: whether its cookies are numbered, also where other rules came since.
constexpr uint64_t kNumbered = 1;

}  // namespace

Listing::Listing(Legacy& legacy, uint64_t handle, os::Fd fd, bool numbered, const wire::LeftListing* left)
    : legacy_(legacy), handle_(handle), fd_(std::make_shared<const os::Fd>(std::move(fd))), numbered_(numbered) {
  if (left == nullptr) return;
  places_ = left->places;
  records_ = left->records;
  for (size_t i = 0; i < places_.size(); ++i) numbers_.try_emplace(places_[i], static_cast<int64_t>(i) + 1);
}

core::Outcome Listing::go_to(int64_t cookie) {
  int64_t place = cookie;
  if (numbered_ && cookie != 0) {
    if (cookie < 0 || static_cast<uint64_t>(cookie) > places_.size()) {
      return core::Failure{EINVAL, core::Reason::kNone};
    }
    place = places_[static_cast<size_t>(cookie) - 1];
  }
  if (place == next_) return core::Done{};
  start_ = end_ = 0;
  // ext4 takes the place of the first read for the beginning: one that began at the end would list nothing ever after
  // (fs/ext4/dir.c, ext4_dx_readdir: where it is at its end it returns before it remembers where it was; Linux 6.18).
  if (!has_read_) {
    if (auto read = os::read_directory(fd_->get(), buffer_); !read.ok()) return read.failure();
    has_read_ = true;
  }
  auto moved = os::seek(fd_->get(), place, SEEK_SET);
  if (!moved.ok()) return moved.failure();
  next_ = place;
  return core::Done{};
}

core::Result<const RawEntry*> Listing::peek() {
  if (start_ == end_) {
    auto length = os::read_directory(fd_->get(), buffer_);
    if (!length.ok()) return length.failure();
    has_read_ = true;
    start_ = 0;
    end_ = *length;
    if (end_ == 0) return nullptr;
  }
  return reinterpret_cast<const RawEntry*>(buffer_ + start_);
}

int64_t Listing::cookie_behind(const RawEntry* entry) {
  if (!numbered_) return entry->next;
  const auto [known, is_new] =
      numbers_.try_emplace(entry->next, static_cast<int64_t>(places_.size()) + 1);
  if (is_new) {
    legacy_.add_place(handle_, static_cast<uint32_t>(places_.size()), entry->next, records_);
    places_.push_back(entry->next);
  }
  return known->second;
}

void Listing::advance(const RawEntry* entry) {
  start_ += entry->length;
  next_ = entry->next;
}

uint64_t Listings::add(os::Fd fd, bool numbered) {
  const uint64_t handle = legacy_.new_handle() << 1 | (numbered ? kNumbered : 0);
  listings_[handle] = std::make_unique<Listing>(legacy_, handle, std::move(fd), numbered, nullptr);
  return handle;
}

Listing* Listings::find(uint64_t handle) {
  const auto found = listings_.find(handle);
  return found == listings_.end() ? nullptr : found->second.get();
}

Listing* Listings::add_again(uint64_t handle, os::Fd fd) {
  const auto left = left_.find(handle);
  auto& listing = listings_[handle];
  listing = std::make_unique<Listing>(legacy_, handle, std::move(fd), (handle & kNumbered) != 0,
                                      left == left_.end() ? nullptr : &left->second);
  if (left != left_.end()) left_.erase(left);
  return listing.get();
}

void Listings::remove(uint64_t handle) {
  listings_.erase(handle);
  // Nobody has listed it since another worker did: only what is written down is left.
  const auto left = left_.find(handle);
  if (left == left_.end()) return;
  legacy_.drop_places(left->second.records);
  left_.erase(left);
}

}  // namespace sluice::worker
