#include "worker/turns.h"

#include <algorithm>
#include <cstring>

namespace sluice::worker {

void Turns::put(size_t length) {
  const uint8_t place = order_[used_];
  wire::FuseInHeader header;
  std::memcpy(at(place, length), room_.data(), length);
  std::memcpy(&header, room_.data(), sizeof(header));
  waiting_[place] = {header.unique, header.uid, header.pid, 0, length};
  ++used_;
}

// By its number among those that wait.
size_t Turns::next(uint64_t first) const {
  size_t best = 0;
  for (size_t i = 0; i < used_; ++i) {
    const Waiting& one = waiting_[order_[i]];
    if (first != 0 && one.unique == (first | wire::kUniqueResend)) return i;
  }
  if (waiting_[order_[0]].passed >= kMostPassed) return 0;
  for (size_t i = 1; i < used_; ++i) {
    const Waiting& one = waiting_[order_[i]];
    const Waiting& least = waiting_[order_[best]];
    const uint32_t user = of_user_[share_of(one.uid)], of_least = of_user_[share_of(least.uid)];
    if (user < of_least ||
        (one.uid == least.uid && of_thread_[share_of(one.pid)] < of_thread_[share_of(least.pid)])) {
      best = i;
    }
  }
  return best;
}

std::span<uint8_t> Turns::take(uint64_t first) {
  const size_t which = next(first);
  for (size_t i = 0; i < which; ++i) ++waiting_[order_[i]].passed;
  std::rotate(order_.begin() + static_cast<std::ptrdiff_t>(which), order_.begin() + static_cast<std::ptrdiff_t>(which) + 1,
              order_.end());
  --used_;
  const uint8_t place = order_.back();
  count(waiting_[place]);
  return {at(place, waiting_[place].length), waiting_[place].length};
}

void Turns::count(const Waiting& served) {
  ++of_user_[share_of(served.uid)];
  ++of_thread_[share_of(served.pid)];
  if (++served_ % kHalvedEvery != 0) return;
  for (uint32_t& share : of_user_) share /= 2;
  for (uint32_t& share : of_thread_) share /= 2;
}

}  // namespace sluice::worker
