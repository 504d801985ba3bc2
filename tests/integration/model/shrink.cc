#include "tests/integration/model/shrink.h"

#include <sys/stat.h>

#include <cstdio>
#include <cstring>

#include "tests/integration/model/checks.h"

namespace sluice::model {
namespace {

constexpr int64_t kMostMilliseconds = 8000;

class Shrinker {
 public:
  Shrinker(const Round& wanted, const Arena& arena)
      : wanted_(wanted), arena_(arena), end_(now_milliseconds() + kMostMilliseconds) {}

  // Whether these end in a mismatch of the same kind.
  std::optional<Round> reproduce(const std::vector<Operation>& operations) {
    const std::string suffix = ".shrink" + std::to_string(++tries_);
    const Arena fresh{arena_.plain + suffix, arena_.view + suffix};
    ::umask(022);
    if (::mkdir(fresh.plain.c_str(), 0755) < 0 || ::mkdir(fresh.view.c_str(), 0755) < 0) {
      std::perror(fresh.view.c_str());
      return {};
    }
    Round round{operations, replay(operations, fresh)};
    if (round.mismatch) round.operations.resize(round.mismatch->step + 1);
    if (!same_kind(round)) return {};
    if (!round.mismatch && compare_trees(fresh).empty()) return {};
    return round;
  }

  // Leaves out pieces, smaller and smaller ones.
  Round shorten(Round round) {
    const size_t kept = round.mismatch ? 1 : 0;  // the last one
    for (size_t piece = round.operations.size() / 2; piece > 0; piece /= 2) {
      for (size_t at = 0; at + kept < round.operations.size();) {
        if (now_milliseconds() > end_) return round;
        std::vector<Operation> fewer = round.operations;
        const size_t until = std::min(at + piece, fewer.size() - kept);
        fewer.erase(fewer.begin() + static_cast<long>(at),
                    fewer.begin() + static_cast<long>(until));
        if (auto again = reproduce(fewer)) {
          round = *std::move(again);
        } else {
          at += piece;
        }
      }
    }
    return round;
  }

 private:
  bool same_kind(const Round& round) const {
    if (!wanted_.mismatch || !round.mismatch)
      return wanted_.mismatch.has_value() == round.mismatch.has_value();
    return std::strcmp(round.operations.back().name, wanted_.operations.back().name) == 0 &&
           round.mismatch->plain.error == wanted_.mismatch->plain.error &&
           round.mismatch->view.error == wanted_.mismatch->view.error;
  }

  const Round& wanted_;
  const Arena& arena_;
  const int64_t end_;
  int tries_ = 0;
};

}  // namespace

std::optional<Round> shrink(const Round& round, const Arena& arena) {
  Shrinker shrinker(round, arena);
  auto again = shrinker.reproduce(round.operations);
  if (!again) return std::nullopt;
  return shrinker.shorten(*std::move(again));
}

}  // namespace sluice::model
