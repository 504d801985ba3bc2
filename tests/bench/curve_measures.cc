// Curves: one operation over the number of threads that do it, and over the size of a directory.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "ground.h"
#include "measure.h"
#include "process.h"

namespace sluicebench {
namespace {

constexpr int kOperations = 12'000;  // of all threads together
constexpr int kNames =
    1'000;  // that are looked up in a directory of any size, or as many as it has

bool OpenClose(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  return fd >= 0 && ::close(fd) == 0;
}

bool StatAnew(const std::string& path) {
  struct statx stat;
  return ::statx(AT_FDCWD, path.c_str(), AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &stat) == 0;
}

// Each thread does its share, on a file of its own.
void InThreads(benchmark::State& state, const Place& place, int threads,
               bool (*operation)(const std::string&)) {
  std::atomic<bool> failed{false};
  Pass(state, 1, [&](int) {
    std::vector<std::jthread> all;
    for (int i = 0; i < threads; ++i) {
      all.emplace_back([&, path = place.directory + kThousandDir + FileName(i)] {
        for (int left = kOperations / threads; left > 0; --left) {
          if (!operation(path)) failed = true;
        }
      });
    }
  });
  if (failed) throw Failure("an operation of a thread failed");
}

Measure Threads(const char* curve, int threads, bool (*operation)(const std::string&)) {
  return {std::string(curve) + ", threads: " + std::to_string(threads),
          Measure::Better::kLower,
          Measure::Kind::kPass,
          kOperations,
          Needs{.thousand = true},
          Measure::State::kDone,
          {},
          {},
          [=](benchmark::State& state, const Place& place) {
            InThreads(state, place, threads, operation);
          },
          std::string(curve) + " over threads",
          static_cast<double>(threads)};
}

std::string Sized(const Place& place, int size) {
  return place.directory + kSizedDir + std::to_string(size);
}

void ListSized(benchmark::State& state, const Place& place, int size) {
  Pass(state, 1, [&](int) {
    DIR* const stream = ::opendir(Sized(place, size).c_str());
    if (stream == nullptr) Must(-1, "opendir");
    int found = 0;
    while (::readdir(stream) != nullptr) ++found;
    ::closedir(stream);
    if (found != size + 2) throw Failure("a listing lacks names");
  });
}

int NamesOf(int size) { return size < kNames ? size : kNames; }

// From all over the directory.
void StatSized(benchmark::State& state, const Place& place, int size) {
  const std::string directory = Sized(place, size);
  struct stat stat;
  const int step = size / NamesOf(size);
  Pass(state, NamesOf(size),
       [&](int i) { Must(::stat((directory + FileName(i * step)).c_str(), &stat), "stat"); });
}

Measure OfSize(const char* curve, int size, int items,
               void (*operation)(benchmark::State&, const Place&, int)) {
  return {std::string(curve) + ", names: " + std::to_string(size),
          Measure::Better::kLower,
          Measure::Kind::kPass,
          items,
          Needs{.sized = size},
          Measure::State::kFirst,
          {},
          {},
          [=](benchmark::State& state, const Place& place) { operation(state, place, size); },
          std::string(curve) + " over the size of the directory",
          static_cast<double>(size)};
}

}  // namespace

std::vector<Measure> ThreadCurves() {
  std::vector<Measure> all;
  for (const int threads : {1, 2, 4, 8}) all.push_back(Threads("open + close", threads, OpenClose));
  for (const int threads : {1, 2, 4, 8}) all.push_back(Threads("stat anew", threads, StatAnew));
  return all;
}

std::vector<Measure> SizeCurves(bool long_ones) {
  std::vector<Measure> all;
  for (const int size : {10, 100, 1'000, 10'000, 100'000, 1'000'000}) {
    if (size > 100'000 && !long_ones) break;
    all.push_back(OfSize("readdir", size, size, ListSized));
    all.push_back(OfSize("stat, first touch", size, NamesOf(size), StatSized));
  }
  return all;
}

}  // namespace sluicebench
