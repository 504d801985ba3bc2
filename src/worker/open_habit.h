// Whether those who open files open them one after the other, as they were seen: whether the next ones' grants should be
// asked for before they are opened.
//
// A grant costs a question to another process, which is most of what the first open of a file takes. Who reads a tree
// (grep -r, a copy, an archive) opens what a listing or a look-up has just shown, in that order; then several are asked for at
// once, while the application reads. As long as that was of use: each that nobody opened makes the next fewer. Nothing
// but the time depends on this.
//
// Used by the main thread only.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sluice::worker {

class OpenHabit {
 public:
  // So many more than the one that is looked at are worth asking for at most.
  static constexpr uint32_t kMost = 16;

  // A file is opened to be read. follows: it was seen soon after the one before. How many of those that were seen after it
  // should be granted by now.
  uint32_t opened(bool follows) {
    run_ = follows ? std::min(run_ + 1, kRun) : 0;
    return run_ < kRun ? 0 : window_;
  }
  // The kernel looks up a regular file. Whether it is going to be opened next, as those before it were.
  bool looked_up(uint64_t nodeid) {
    if (looked_up_ != 0) credit_ = std::max(credit_ - 2, 0);
    looked_up_ = nodeid;
    return credit_ >= kRun;
  }
  void opened_after_look_up(uint64_t nodeid) {
    if (looked_up_ == nodeid) credit_ = std::min(credit_ + 1, kMostCredit);
    looked_up_ = 0;
  }

  // What became of one that was asked for.
  void used() { window_ = std::min(window_ + 1, kMost); }
  void wasted() {
    window_ = std::max(window_ / 2, 1u);
    run_ = 0;
    credit_ = 0;
  }

 private:
  static constexpr int kRun = 3;
  static constexpr int kMostCredit = 8;
  int run_ = 0;      // opens one after the other
  uint32_t window_ = 4;
  uint64_t looked_up_ = 0;  // not opened yet
  int credit_ = 0;
};

}  // namespace sluice::worker
