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
  Shrinker(const char* name, const Mismatch& wanted, const Arena& arena)
      : name_(name), wanted_(wanted), arena_(arena), end_(now_milliseconds() + kMostMilliseconds) {}

  // Whether these end in a mismatch of the same kind.
  std::optional<Round> reproduce(const std::vector<Operation>& operations) {
    const std::string suffix = ".shrink" + std::to_string(++tries_);
    const Arena fresh{arena_.plain + suffix, arena_.view + suffix};
    ::umask(022);
    if (::mkdir(fresh.plain.c_str(), 0755) < 0 || ::mkdir(fresh.view.c_str(), 0755) < 0) {
      std::perror(fresh.view.c_str());
      return {};
    }
    auto mismatch = replay(operations, fresh);
    if (!mismatch) return {};
    if (std::strcmp(operations[mismatch->step].name, name_) != 0 ||
        mismatch->plain.error != wanted_.plain.error ||
        mismatch->view.error != wanted_.view.error) {
      return {};
    }
    Round round{operations, mismatch};
    round.operations.resize(mismatch->step + 1);
    return round;
  }

  // Leaves out pieces, smaller and smaller ones.
  Round shorten(Round round) {
    for (size_t piece = round.operations.size() / 2; piece > 0; piece /= 2) {
      for (size_t at = 0; at + 1 < round.operations.size();) {
        if (now_milliseconds() > end_) return round;
        std::vector<Operation> fewer = round.operations;
        const size_t until = std::min(at + piece, fewer.size() - 1);
        fewer.erase(fewer.begin() + static_cast<long>(at), fewer.begin() + static_cast<long>(until));
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
  const char* name_;
  const Mismatch& wanted_;
  const Arena& arena_;
  const int64_t end_;
  int tries_ = 0;
};

}  // namespace

std::optional<Round> shrink(const std::vector<Operation>& operations, const Mismatch& mismatch,
                            const Arena& arena) {
  Shrinker shrinker(operations.back().name, mismatch, arena);
  auto again = shrinker.reproduce(operations);
  if (!again) return std::nullopt;
  return shrinker.shorten(*std::move(again));
}

}  // namespace sluice::model
