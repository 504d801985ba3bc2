// Tries to tell by time whether a hidden name exists in the source.
//   tell_apart SOURCE VIEW      as the user of the view, which hides *.hidden
// Names are random and each is asked for once, so that nothing remembers it; those that exist and
// those that do not come in random order, so that whatever else the machine does falls on both
// alike. Two classes are told apart where both the test of Mann and Whitney and that of Kolmogorov
// and Smirnov, or one of them, say so with a chance of less than one in a million each, and the
// difference is of a size that matters; and where new names say the same twice more. Prints a line
// for each comparison.
//
// The same test must tell visible names that exist from those that do not: otherwise it would show
// nothing.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr size_t kNames = 1500;  // of each class
constexpr int kRounds = 3;
constexpr int kRoundsOfControl = 8;
// Two-sided, one in a million: of the normal distribution, and of Kolmogorov's.
constexpr double kMostZ = 4.9;
constexpr double kMostKolmogorov = 2.7;
// How often one of the one class takes longer than one of the other, beside one half; and the
// largest distance of the distributions. Less is not seen with certainty by the names of one round,
// either.
constexpr double kLeastEffect = 0.06;
constexpr double kLeastDistance = 0.10;

struct Difference {
  double z;           // of Mann and Whitney, positive where the first class takes longer
  double effect;      // -0.5 to 0.5
  double kolmogorov;  // the distance, scaled
  double distance;    // of the distributions

  // -1, 0 or 1: which class takes longer, if any can be said to.
  int sign() const {
    const bool by_rank = std::fabs(z) > kMostZ && std::fabs(effect) > kLeastEffect;
    const bool by_shape = kolmogorov > kMostKolmogorov && distance > kLeastDistance;
    if (!by_rank && !by_shape) return 0;
    return effect < 0 ? -1 : 1;
  }
};

struct Sample {
  int64_t nanoseconds;
  bool first;
};

Difference compare(std::vector<Sample> samples) {
  std::sort(samples.begin(), samples.end(),
            [](const Sample& a, const Sample& b) { return a.nanoseconds < b.nanoseconds; });
  double ranks = 0, ties = 0, firsts = 0, seconds = 0, distance = 0;
  const double all = static_cast<double>(samples.size());
  const double of_first = static_cast<double>(
      std::count_if(samples.begin(), samples.end(), [](const Sample& s) { return s.first; }));
  const double of_second = all - of_first;
  for (size_t at = 0; at < samples.size();) {
    size_t end = at;
    double here = 0;
    for (; end < samples.size() && samples[end].nanoseconds == samples[at].nanoseconds; ++end) {
      here += samples[end].first ? 1 : 0;
    }
    const double equal = static_cast<double>(end - at);
    ranks += here * (static_cast<double>(at) + (equal + 1) / 2);
    ties += equal * equal * equal - equal;
    firsts += here;
    seconds += equal - here;
    distance = std::max(distance, std::fabs(firsts / of_first - seconds / of_second));
    at = end;
  }
  const double u = ranks - of_first * (of_first + 1) / 2;
  const double deviation =
      std::sqrt(of_first * of_second / 12 * (all + 1 - ties / (all * (all - 1))));
  return {(u - of_first * of_second / 2) / deviation, u / (of_first * of_second) - 0.5,
          distance * std::sqrt(of_first * of_second / all), distance};
}

int64_t median(const std::vector<Sample>& samples, bool first) {
  std::vector<int64_t> times;
  for (const Sample& sample : samples) {
    if (sample.first == first) times.push_back(sample.nanoseconds);
  }
  std::nth_element(times.begin(), times.begin() + static_cast<long>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

// What is tried of a name. Each keeps errno, and leaves nothing.
int try_stat(const char* path) {
  struct stat stat;
  return ::stat(path, &stat);
}
int try_open(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  return fd < 0 ? -1 : ::close(fd);
}
int try_access(const char* path) { return ::access(path, F_OK); }
int try_create(const char* path) {
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  return fd < 0 ? -1 : ::close(fd);
}
int try_mkdir(const char* path) { return ::mkdir(path, 0700); }
int try_unlink(const char* path) { return ::unlink(path); }
int try_below(const char* path) {
  struct stat stat;
  return ::stat((std::string(path) + "/below").c_str(), &stat);
}

struct Way {
  const char* name;
  int (*attempt)(const char* path);
  int error;  // of a hidden name, whether it exists or not
};
constexpr Way kWays[] = {
    {"stat", try_stat, ENOENT},        {"open", try_open, ENOENT},   {"access", try_access, ENOENT},
    {"create", try_create, EACCES},    {"mkdir", try_mkdir, EACCES}, {"unlink", try_unlink, ENOENT},
    {"stat below", try_below, ENOENT},
};

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(2);
}

class Trial {
 public:
  Trial(std::string source, std::string view)
      : source_(std::move(source)), view_(std::move(view)), random_(std::random_device()()) {}

  // error: which one all of them must give, or -1 where they may differ. The first class exists.
  std::vector<Sample> measure(const Way& way, const char* suffix, int error) {
    const bool directories = way.attempt == try_below;
    struct Name {
      std::string name;
      bool exists;
    };
    std::vector<Name> names;
    for (size_t at = 0; at < 2 * kNames; ++at) {
      char digits[24];
      std::snprintf(digits, sizeof(digits), "%016llx", static_cast<unsigned long long>(random_()));
      names.push_back({digits + std::string(suffix), at % 2 == 0});
    }
    for (const Name& name : names) {
      if (!name.exists) continue;
      const std::string path = source_ + "/" + name.name;
      const int made =
          directories ? ::mkdir(path.c_str(), 0700) : ::mknod(path.c_str(), S_IFREG | 0600, 0);
      if (made < 0) give_up("make " + path);
    }
    std::shuffle(names.begin(), names.end(), random_);
    std::vector<Sample> samples;
    for (const Name& name : names) {
      const std::string path = view_ + "/" + name.name;
      struct timespec from, to;
      ::clock_gettime(CLOCK_MONOTONIC, &from);
      const int result = way.attempt(path.c_str());
      const int is = result < 0 ? errno : 0;
      ::clock_gettime(CLOCK_MONOTONIC, &to);
      samples.push_back(
          {(to.tv_sec - from.tv_sec) * 1'000'000'000 + to.tv_nsec - from.tv_nsec, name.exists});
      if (error >= 0 && is != error) {
        std::printf("  FAILED: %s of a name that %s: %s, should be %s\n", way.name,
                    name.exists ? "exists" : "does not exist", ::strerrorname_np(is),
                    ::strerrorname_np(error));
        failed_ = true;
        break;
      }
    }
    for (const Name& name : names) {
      if (name.exists)
        ::unlinkat(AT_FDCWD, (source_ + "/" + name.name).c_str(), directories ? AT_REMOVEDIR : 0);
    }
    return samples;
  }

  // 0: they are not; 1 or -1: the first class takes longer, or the second.
  int look_once(const Way& way, const char* suffix, int error) {
    const std::vector<Sample> samples = measure(way, suffix, error);
    if (samples.size() != 2 * kNames) return 0;  // failed, and said so
    const Difference found = compare(samples);
    std::printf(
        "  %-10s %-8s exists %7.1f us, not %7.1f us: z %6.1f, effect %6.3f, distance %.3f\n",
        way.name, suffix, static_cast<double>(median(samples, true)) / 1e3,
        static_cast<double>(median(samples, false)) / 1e3, found.z, found.effect, found.distance);
    return found.sign();
  }

  // Each time in the same direction.
  bool told_apart(const Way& way, const char* suffix) {
    const int first = look_once(way, suffix, way.error);
    for (int round = 1; round < kRounds && first != 0; ++round) {
      if (look_once(way, suffix, way.error) != first) return false;
    }
    return first != 0;
  }

  // Whether what differs is seen to.
  bool sees_difference(const Way& way, const char* suffix) {
    for (int round = 0; round < kRoundsOfControl; ++round) {
      if (look_once(way, suffix, -1) != 0) return true;
    }
    return false;
  }

  bool failed() const { return failed_; }

 private:
  std::string source_, view_;
  std::mt19937_64 random_;
  bool failed_ = false;
};

}  // namespace

int main(int count, char** words) {
  if (count != 3) {
    std::fputs("usage: tell_apart SOURCE VIEW\n", stderr);
    return 2;
  }
  Trial trial(words[1], words[2]);
  bool fine = true;
  std::puts("visible names, which must be told apart:");
  // What a look-up alone takes longer is little, and gets lost on a busy machine.
  const Way& control = kWays[1];
  if (!trial.sees_difference(control, ".visible")) {
    std::printf("  FAILED: %s does not, so that this test shows nothing here\n", control.name);
    fine = false;
  }
  std::puts("hidden names, which must not:");
  for (const Way& way : kWays) {
    if (!trial.told_apart(way, ".hidden")) continue;
    std::printf("  FAILED: %s tells hidden names that exist from those that do not\n", way.name);
    fine = false;
  }
  return fine && !trial.failed() ? 0 : 1;
}
