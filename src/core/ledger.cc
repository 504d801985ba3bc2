#include "core/ledger.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <utility>

namespace sluice::core {

Ledger::Ledger(uint32_t capacity, Grant* left)
    : capacity_(capacity), mask_(std::bit_ceil(capacity) - 1), left_(left), grants_(zeroed_memory<Grant>(capacity)),
      buckets_(zeroed_memory<uint32_t>(size_t{mask_} + 1)) {
  for (; left != nullptr && untouched_ < capacity_ && left[untouched_].generation != 0; ++untouched_) {
    Grant& grant = grants_[untouched_] = left[untouched_];
    last_left_ = std::max({last_left_, grant.backing_id, ~grant.backing_id});
    const bool torn = grant.used == 0 && grant.backing_id > 0;
    if (torn) grant.backing_id = ~grant.backing_id;
    grant.used = torn || grant.used != 0;
    grant.file_fd = grant.write_fd = -1;
    uint32_t& chain = grant.used ? buckets_[bucket_of(grant.file)] : free_;
    grant.next = std::exchange(chain, untouched_ + 1);
    size_ += grant.used ? 1 : 0;
  }
}

void Ledger::write_down(const Grant* grant) {
  Grant& left = left_[grant - grants_.get()];
  Grant copy = *grant;
  copy.used = false;
  left.used = false;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  left = copy;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  left.used = true;
}

uint32_t Ledger::bucket_of(FileId file) const {
  // Fibonacci hashing; a hostile choice of inode numbers costs only the chooser's own broker.
  const uint64_t mixed = (file.ino ^ (file.dev << 32)) * 0x9E3779B97F4A7C15u;
  return static_cast<uint32_t>(mixed >> 32) & mask_;
}

Grant* Ledger::find(FileId file) {
  for (uint32_t at = buckets_[bucket_of(file)]; at != 0; at = grants_[at - 1].next) {
    if (grants_[at - 1].file == file) return &grants_[at - 1];
  }
  return nullptr;
}

Grant* Ledger::get(GrantId id) {
  if (id.slot >= untouched_) return nullptr;
  Grant& grant = grants_[id.slot];
  return grant.used && grant.generation == id.generation ? &grant : nullptr;
}

Grant* Ledger::insert(FileId file) {
  uint32_t slot;
  if (free_ != 0) {
    slot = free_ - 1;
    free_ = grants_[slot].next;
  } else if (untouched_ < capacity_) {
    slot = untouched_++;
  } else {
    return nullptr;
  }
  const uint32_t generation = grants_[slot].generation + 1;
  uint32_t& bucket = buckets_[bucket_of(file)];
  grants_[slot] = {.file = file, .backing_id = 0, .file_fd = -1, .write_fd = -1,
                   .generation = generation, .writable = false, .used = true, .next = bucket};
  bucket = slot + 1;
  ++size_;
  return &grants_[slot];
}

void Ledger::erase(Grant* grant) {
  const auto slot = static_cast<uint32_t>(grant - grants_.get());
  uint32_t* link = &buckets_[bucket_of(grant->file)];
  while (*link != slot + 1) link = &grants_[*link - 1].next;
  *link = grant->next;
  grant->used = false;
  if (left_ != nullptr) left_[slot].used = false;
  grant->next = free_;
  free_ = slot + 1;
  --size_;
}

GrantId Ledger::id_of(const Grant* grant) const {
  return {static_cast<uint32_t>(grant - grants_.get()), grant->generation};
}

}  // namespace sluice::core
