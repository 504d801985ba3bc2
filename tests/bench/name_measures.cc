// Names and attributes: what costs requests, unless the kernel has it cached.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "ground.h"
#include "measure.h"
#include "process.h"

namespace sluicebench {
namespace {

constexpr int kNewFiles = 1000;

void OpenClose(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  Must(fd, "open");
  Must(::close(fd), "close");
}

void OpenOne(benchmark::State& state, const Place& place) {
  const std::string path = place.directory + kKnown;
  for (auto _ : state) OpenClose(path, O_RDONLY);
}

void OpenMany(benchmark::State& state, const Place& place) {
  const std::string directory = place.directory + kManyDir;
  Pass(state, kManyFiles, [&](int i) { OpenClose(directory + FileName(i), O_RDONLY); });
}

void ReadSmall(benchmark::State& state, const Place& place) {
  const std::string directory = place.directory + kTreeDir;
  char text[8192];
  Pass(state, kTreeFiles, [&](int i) {
    const Fd fd(::open((directory + TreeFile(i)).c_str(), O_RDONLY | O_CLOEXEC));
    Must(fd.get(), "open");
    while (Must(::read(fd.get(), text, sizeof(text)), "read") > 0) {
    }
  });
}

void StatCached(benchmark::State& state, const Place& place) {
  const std::string path = place.directory + kKnown;
  struct stat stat;
  for (auto _ : state) Must(::stat(path.c_str(), &stat), "stat");
}

void StatFirst(benchmark::State& state, const Place& place) {
  const std::string directory = place.directory + kManyDir;
  struct stat stat;
  Pass(state, kManyFiles,
       [&](int i) { Must(::stat((directory + FileName(i)).c_str(), &stat), "stat"); });
}

void StatAbsent(benchmark::State& state, const Place& place) {
  const std::string directory = place.directory + kManyDir;
  struct stat stat;
  Pass(state, kManyFiles, [&](int i) {
    const std::string path = directory + FileName(kManyFiles + i);
    if (::stat(path.c_str(), &stat) == 0 || errno != ENOENT)
      throw Failure("an absent name is there");
  });
}

void List(const std::string& directory, int expected) {
  DIR* const stream = ::opendir(directory.c_str());
  if (stream == nullptr) Must(-1, directory);
  int found = 0;
  while (::readdir(stream) != nullptr) ++found;
  ::closedir(stream);
  if (found != expected + 2) throw Failure(directory + ": names are missing");  // "." and ".."
}

void ListThousand(benchmark::State& state, const Place& place) {
  for (auto _ : state) List(place.directory + kThousandDir, kThousand);
}

void ListManyFirst(benchmark::State& state, const Place& place) {
  Pass(state, 1, [&](int) { List(place.directory + kManyDir, kManyFiles); });
}

void MakeScratch(const Place& place) { Must(::mkdir(place.scratch.c_str(), 0755), place.scratch); }

void CreateAt(const Place& place, int i) {
  OpenClose(place.scratch + FileName(i), O_WRONLY | O_CREAT | O_EXCL);
}

void MakeFilledScratch(const Place& place) {
  MakeScratch(place);
  for (int i = 0; i < kNewFiles; ++i) CreateAt(place, i);
}

void Create(benchmark::State& state, const Place& place) {
  Pass(state, kNewFiles, [&](int i) { CreateAt(place, i); });
}

void Unlink(benchmark::State& state, const Place& place) {
  Pass(state, kNewFiles,
       [&](int i) { Must(::unlink((place.scratch + FileName(i)).c_str()), "unlink"); });
}

}  // namespace

std::vector<Measure> NameMeasures() {
  constexpr auto kLower = Measure::Better::kLower;
  constexpr auto kLoop = Measure::Kind::kLoop;
  constexpr auto kPass = Measure::Kind::kPass;
  constexpr auto kAgain = Measure::State::kDone;
  constexpr auto kFirst = Measure::State::kFirst;
  const Needs none, thousand{.thousand = true}, many{.many = true}, tree{.tree = true};
  return {
      {"stat, cached", kLower, kLoop, 1, none, kAgain, {1.0, 1.25}, {}, StatCached},
      {"stat, first touch", kLower, kPass, kManyFiles, many, kFirst, {5, 13, 7.2, 13}, {}, StatFirst},
      {"absent name, first", kLower, kPass, kManyFiles, many, kFirst, {3, 5.5, 3.5, 9.9}, {}, StatAbsent},
      {kOpenClose, kLower, kLoop, 1, none, kAgain, {5, 5, 7, 9.3}, {}, OpenOne},
      {"open + close, 10,000 files, first",
       kLower,
       kPass,
       kManyFiles,
       many,
       kFirst,
       {7, 7, 5.7, 6.9},
       {},
       OpenMany},
      {"read whole small files", kLower, kPass, kTreeFiles, tree, kFirst, {6, 6, 8.5, 12}, {}, ReadSmall},
      {"readdir, 1,000 names", kLower, kLoop, 1, thousand, kAgain, {}, {}, ListThousand},
      {"readdir, 10,000 names, first", kLower, kPass, 1, many, kFirst, {}, {}, ListManyFirst},
      {"create", kLower, kPass, kNewFiles, none, kAgain, {3, 11, 2.94, 13}, MakeScratch, Create},
      {"unlink", kLower, kPass, kNewFiles, none, kAgain, {4.5, 8, 8.7, 9.3}, MakeFilledScratch, Unlink},
  };
}

}  // namespace sluicebench
