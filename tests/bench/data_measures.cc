// Contents: reads and writes, which the kernel is to pass through without a request.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#include "ground.h"
#include "measure.h"
#include "process.h"

namespace sluicebench {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kStretch = size_t{1} << 20;
constexpr int kTouches = 2048;

Fd OpenData(const Place& place, int flags) {
  Fd fd(::open((place.directory + kData).c_str(), flags | O_CLOEXEC));
  Must(fd.get(), "open data");
  return fd;
}

// Offsets of pages of the data file, the same ones in each timing.
class Pages {
 public:
  size_t Next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_ % (kDataBytes / kPage) * kPage;
  }

 private:
  uint64_t state_ = 0x9E3779B97F4A7C15;
};

void Whole(ssize_t length, size_t wanted, const char* what) {
  if (Must(length, what) != static_cast<long>(wanted)) throw Failure(std::string(what) + ": short");
}

void RandomWrite(benchmark::State& state, const Place& place) {
  const Fd fd = OpenData(place, O_RDWR);
  const std::vector<char> block(kPage, 'w');
  Pages pages;
  for (auto _ : state) {
    Whole(::pwrite(fd.get(), block.data(), kPage, static_cast<off_t>(pages.Next())), kPage,
          "write");
  }
}

void RandomRead(benchmark::State& state, const Place& place) {
  const Fd fd = OpenData(place, O_RDONLY);
  std::vector<char> block(kPage);
  Pages pages;
  for (auto _ : state) {
    Whole(::pread(fd.get(), block.data(), kPage, static_cast<off_t>(pages.Next())), kPage, "read");
    benchmark::DoNotOptimize(block.data());
  }
}

void SequentialWrite(benchmark::State& state, const Place& place) {
  const Fd fd = OpenData(place, O_RDWR);
  const std::vector<char> block(kStretch, 's');
  size_t offset = 0;
  for (auto _ : state) {
    Whole(::pwrite(fd.get(), block.data(), kStretch, static_cast<off_t>(offset)), kStretch,
          "write");
    offset = (offset + kStretch) % kDataBytes;
  }
}

void SequentialRead(benchmark::State& state, const Place& place) {
  const Fd fd = OpenData(place, O_RDONLY);
  std::vector<char> block(kStretch);
  size_t offset = 0;
  for (auto _ : state) {
    Whole(::pread(fd.get(), block.data(), kStretch, static_cast<off_t>(offset)), kStretch, "read");
    benchmark::DoNotOptimize(block.data());
    offset = (offset + kStretch) % kDataBytes;
  }
}

// Once through the file, of which the side has cached nothing.
void ReadFirst(benchmark::State& state, const Place& place) {
  const Fd fd = OpenData(place, O_RDONLY);
  std::vector<char> block(kStretch);
  Pass(state, kDataBytes / kStretch, [&](int i) {
    Whole(::pread(fd.get(), block.data(), kStretch, static_cast<off_t>(i) * kStretch), kStretch,
          "read");
  });
}

// Each iteration maps the file anew, so that it is the faults that are timed.
void MappedRead(benchmark::State& state, const Place& place) {
  const Fd fd = OpenData(place, O_RDONLY);
  Pages pages;
  for (auto _ : state) {
    void* const at = ::mmap(nullptr, kDataBytes, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (at == MAP_FAILED) Must(-1, "mmap");
    uint64_t sum = 0;
    for (int i = 0; i < kTouches; ++i) sum += static_cast<const uint8_t*>(at)[pages.Next()];
    benchmark::DoNotOptimize(sum);
    ::munmap(at, kDataBytes);
  }
}

}  // namespace

std::vector<Measure> DataMeasures() {
  constexpr auto kHigher = Measure::Better::kHigher;
  constexpr auto kLoop = Measure::Kind::kLoop;
  constexpr auto kPass = Measure::Kind::kPass;
  constexpr auto kAgain = Measure::State::kDone;
  constexpr auto kFirst = Measure::State::kFirst;
  constexpr int kStretches = kDataBytes / kStretch;
  const Needs data{.data = true};
  return {
      {"sequential read 1 MiB, first pass",
       kHigher,
       kPass,
       kStretches,
       data,
       kFirst,
       {0.97, 0.97},
       {},
       ReadFirst},
      {kSequentialRead, kHigher, kLoop, 1, data, kAgain, {}, {}, SequentialRead},
      {"random read 4 KiB", kHigher, kLoop, 1, data, kAgain, {0.97, 0.97}, {}, RandomRead},
      {"mmap random read", kHigher, kLoop, kTouches, data, kAgain, {0.97, 0.97}, {}, MappedRead},
      {"sequential write 1 MiB",
       kHigher,
       kLoop,
       1,
       data,
       kAgain,
       {0.97, 0.97},
       {},
       SequentialWrite},
      {kRandomWrite, kHigher, kLoop, 1, data, kAgain, {0.95, 0.95}, {}, RandomWrite},
  };
}

}  // namespace sluicebench
