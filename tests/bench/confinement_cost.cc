// confinement_cost: what the confinement of broker and worker costs an application.
//
//   confinement_cost            some ten seconds
//   confinement_cost --check    one second; fails where it costs more than half of an operation
//
// The shipped programs serve one view, and variants of them without the seccomp filters, without
// the Landlock domains (those that the kernel keeps in each grant among them) and without both
// serve others of the same source. On a tmpfs, which itself costs least, and on one processor.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

#include "ground.h"
#include "process.h"
#include "ratio.h"
#include "turns.h"
#include "view.h"

namespace sluicebench {
namespace {

constexpr int kAttempts = 2;
// Where half of the rounds lie further apart than this, the machine is measured, not the programs.
constexpr double kHugeSpread = 0.25;
// Of the time with the confinement, what is left without. Generous, for --check.
constexpr double kLeastLeft = 0.5;
constexpr double kDeadlineSeconds = 100;

constexpr int kRounds = 1000, kCheckRounds = 60;
// Files that nobody has opened or looked at, of which each operation takes one of its own.
constexpr char kToOpen[] = "/to-open", kToLookUp[] = "/to-look-up";
constexpr int kFewOperations = 8, kFiles = kAttempts * (kRounds + kWarmUpRounds) * kFewOperations;

void OpenClose(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  Must(fd, "open");
  Must(::close(fd), "close");
}

// The broker opens it and has the kernel register it: a look-up, an open and a grant.
void OpenFirst(const std::string& directory, int number) {
  OpenClose(directory + kToOpen + FileName(number));
}

// Its grant is still there.
void OpenAgain(const std::string& directory, int) { OpenClose(directory + kKnown); }

void LookUp(const std::string& directory, int number) {
  struct stat stat;
  Must(::stat((directory + kToLookUp + FileName(number)).c_str(), &stat), "stat");
}

// Without what the kernel remembers.
void Stat(const std::string& directory, int) {
  struct statx stat;
  Must(::statx(AT_FDCWD, (directory + kKnown).c_str(), AT_STATX_FORCE_SYNC, STATX_BASIC_STATS,
               &stat),
       "statx");
}

constexpr Turn kTurns[] = {{"open + close, first", kFewOperations, OpenFirst, "OPEN"},
                           {"open + close, again", 60, OpenAgain, "OPEN"},
                           {"look-up", kFewOperations, LookUp, "LOOKUP"},
                           {"stat", 60, Stat, "GETATTR"}};

std::vector<Variant> Variants() {
  const std::string bin = BinDirectory(), built = bin + "/../unconfined";
  return {{"shipped", bin, true},
          {"no-filter", built + "/no-filter", false},
          {"no-landlock", built + "/no-landlock", true},
          {"neither", built + "/neither", false}};
}

double SpreadOf(const Timings& timings) {
  double most = 0;
  for (size_t i = 1; i < timings.seconds[0].size(); ++i) {
    most = std::max(most, timings.ToFirst(i).spread());
  }
  return most;
}

// False: there is nothing to report, or check was asked for and it costs too much.
bool Report(Stage& stage, const Turn& turn, bool check) {
  Timings timings;
  for (int attempt = 1; attempt <= kAttempts; ++attempt) {
    timings = stage.Run(turn, check ? kCheckRounds : kRounds);
    if (check || SpreadOf(timings) <= kHugeSpread) break;
  }
  if (!check && SpreadOf(timings) > kHugeSpread) {
    std::printf(
        "%-20s NOISE: the rounds lie too far apart (%.0f %% of the median); run it again"
        " on a quieter machine\n",
        turn.name, SpreadOf(timings) * 100);
    return false;
  }
  std::printf("%-20s", turn.name);
  bool cheap = true;
  for (size_t i = 1; i < timings.seconds[0].size(); ++i) {
    const Ratio ratio = timings.ToFirst(i);
    std::printf(" | %-19s", Text(ratio).c_str());
    cheap = cheap && ratio.median >= kLeastLeft;
  }
  std::printf(" | %.1f us\n", Median(timings.Of(0)) * 1e6);
  std::fflush(stdout);
  if (check && !cheap) std::printf("FAIL: less than %g is left\n", kLeastLeft);
  return !check || cheap;
}

int Run(bool check) {
  PrepareProcess();
  NeedRootAndFuse();
  StayOnOneProcessor();
  const Deadline deadline(kDeadlineSeconds);
  const Grounds grounds;
  const Ground& ground = grounds.all().back();  // the tmpfs
  for (const char* name : {kToOpen, kToLookUp}) MakeFiles(ground.source() + name, kFiles);
  const std::vector<Variant> variants = Variants();
  std::printf("%-20s", "ratio to shipped");
  for (size_t i = 1; i < variants.size(); ++i) std::printf(" | %-19s", variants[i].name.c_str());
  std::printf(" | shipped, of this machine\n");
  Stage stage(ground, variants, deadline);
  bool all = true;
  for (const Turn& turn : kTurns) all = Report(stage, turn, check) && all;
  std::printf("Medians of rounds in which the variants take turns, [quartiles].\n");
  return all ? 0 : 1;
}

}  // namespace
}  // namespace sluicebench

int main(int argc, char** argv) {
  const bool check = argc == 2 && std::strcmp(argv[1], "--check") == 0;
  if (argc != 1 && !check) {
    std::fputs("usage: confinement_cost [--check]\n", stderr);
    return 2;
  }
  int status = 1;
  try {
    status = sluicebench::Run(check);
  } catch (const sluicebench::Missing& missing) {
    return sluicebench::SkipStatus("confinement_cost", missing.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "confinement_cost: %s\n", error.what());
  }
  sluicebench::EndDescendants();
  return status;
}
