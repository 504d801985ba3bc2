#include "worker/numbering.h"

namespace sluice::worker {

Numbering::Numbering(Legacy& legacy, uint64_t directory, const wire::LeftListing* left) : legacy_(legacy), directory_(directory) {
  if (left == nullptr) return;
  places_ = left->places;
  records_ = left->records;
  for (size_t i = 0; i < places_.size(); ++i) numbers_.try_emplace(places_[i], static_cast<int64_t>(i) + 1);
}

int64_t Numbering::number_of(int64_t place) {
  const auto [known, is_new] = numbers_.try_emplace(place, static_cast<int64_t>(places_.size()) + 1);
  if (is_new) {
    legacy_.add_place(directory_, static_cast<uint32_t>(places_.size()), place, records_);
    places_.push_back(place);
  }
  return known->second;
}

std::optional<int64_t> Numbering::place_of(int64_t number) const {
  if (number <= 0 || static_cast<uint64_t>(number) > places_.size()) return std::nullopt;
  return places_[static_cast<size_t>(number) - 1];
}

}  // namespace sluice::worker
