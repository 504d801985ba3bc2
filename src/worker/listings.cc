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

Listing::Listing(os::Fd fd, std::shared_ptr<Numbering> numbering)
    : fd_(std::make_shared<const os::Fd>(std::move(fd))), numbering_(std::move(numbering)) {}

core::Outcome Listing::go_to(int64_t cookie) {
  int64_t place = cookie;
  if (numbering_ != nullptr && cookie != 0) {
    const auto found = numbering_->place_of(cookie);
    if (!found.has_value()) return core::Failure{EINVAL, core::Reason::kNone};
    place = *found;
  }
  if (place == next_) return core::Done{};
  start_ = end_ = 0;
  auto moved = os::seek(fd_->get(), place, SEEK_SET);
  if (!moved.ok()) return moved.failure();
  next_ = place;
  return core::Done{};
}

core::Result<const RawEntry*> Listing::peek() {
  if (start_ == end_) {
    auto length = os::read_directory(fd_->get(), buffer_);
    if (!length.ok()) return length.failure();
    start_ = 0;
    end_ = *length;
    if (end_ == 0) return nullptr;
  }
  return reinterpret_cast<const RawEntry*>(buffer_ + start_);
}

int64_t Listing::cookie_behind(const RawEntry* entry) {
  return numbering_ == nullptr ? entry->next : numbering_->number_of(entry->next);
}

void Listing::advance(const RawEntry* entry) {
  start_ += entry->length;
  next_ = entry->next;
}

std::shared_ptr<Numbering> Listings::numbering_of(uint64_t directory) {
  std::weak_ptr<Numbering>& known = numberings_[directory];
  if (auto numbering = known.lock(); numbering != nullptr) return numbering;
  const auto left = left_.find(directory);
  auto numbering = std::make_shared<Numbering>(legacy_, directory, left == left_.end() ? nullptr : &left->second);
  known = numbering;
  if (left != left_.end()) {
    left_.erase(left);
    left_open_.try_emplace(directory, numbering);
  }
  if (numberings_.size() >= most_numberings_) {
    absl::erase_if(numberings_, [](const auto& one) { return one.second.expired(); });
    most_numberings_ = 2 * numberings_.size() + 64;
  }
  return numbering;
}

uint64_t Listings::add(uint64_t directory, os::Fd fd, bool numbered) {
  const uint64_t handle = legacy_.new_handle() << 1 | (numbered ? kNumbered : 0);
  listings_[handle] = std::make_unique<Listing>(std::move(fd), numbered ? numbering_of(directory) : nullptr);
  return handle;
}

Listing* Listings::find(uint64_t handle) {
  const auto found = listings_.find(handle);
  return found == listings_.end() ? nullptr : found->second.get();
}

Listing* Listings::add_again(uint64_t handle, uint64_t directory, os::Fd fd) {
  auto& listing = listings_[handle];
  listing = std::make_unique<Listing>(std::move(fd), (handle & kNumbered) != 0 ? numbering_of(directory) : nullptr);
  return listing.get();
}

void Listings::remove(uint64_t handle) { listings_.erase(handle); }

void Listings::forget(uint64_t directory) {
  left_open_.erase(directory);
  const auto left = left_.find(directory);
  if (left == left_.end()) return;
  legacy_.drop_places(left->second.records);
  left_.erase(left);
}

}  // namespace sluice::worker
