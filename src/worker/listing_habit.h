// Whether those who list directories look at what they find: whether attributes should come with the names.
//
// The kernel asks for both with the first part of every listing, since it does not know either. Attributes save a
// look-up of each file for those who look at all of them (ls -l, a copy, grep -r), and cost those who do not (find, a
// plain ls) several times what the listing itself does. So they come with the names as long as that was of use: in
// some listings one file is left without, and is looked up if the others would have been. What was left
// out is looked up as any name is; nothing but the time depends on this.
//
// Used by the main thread only.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sluice::worker {

class ListingHabit {
 public:
  // A listing of this directory begins, from its first name.
  void begin(uint64_t directory) {
    if (left_out_) credit_ = looked_up_ ? std::min(credit_ + 2, kMostCredit) : std::max(credit_ - 2, 0);
    directory_ = directory;
    left_out_ = looked_up_ = false;
    tries_ = credit_ < kMostCredit || ++listings_ % kTryEvery == 0;
  }
  // Whether the next file's attributes are to come with its name.
  bool wants_file() {
    if (credit_ > 0 && (left_out_ || !tries_)) return true;
    left_out_ = true;
    return false;
  }
  // Whether those who list are likely to look at what they find.
  bool expects_looks() const { return credit_ > 0; }
  // The kernel looks up a name in this directory.
  void look_up(uint64_t directory) {
    if (left_out_ && directory == directory_) looked_up_ = true;
  }

 private:
  static constexpr int kMostCredit = 6;
  static constexpr uint32_t kTryEvery = 8;
  uint64_t directory_ = 0;
  bool left_out_ = false;   // a file of the listing was left without attributes
  bool looked_up_ = false;  // and a name of the directory was looked up since
  bool tries_ = true;
  int credit_ = 0;
  uint32_t listings_ = 0;
};

}  // namespace sluice::worker
