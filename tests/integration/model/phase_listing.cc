// Listings of a large directory while it changes: what stays is listed once, and a position that
// was remembered stays what it was.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <sstream>
#include <utility>

#include "tests/integration/model/checks.h"
#include "tests/integration/model/listing.h"
#include "tests/integration/model/stage.h"
#include "tests/integration/model/whole_file.h"

namespace sluice::model {
namespace {

// 5,000 names: those that stay, those that are removed, and those that a rule hides.
constexpr int kStay = 4400;
constexpr int kRemoved = 400;
constexpr int kHidden = 200;

std::string name_of(char kind, int number) {
  char name[16];
  std::snprintf(name, sizeof(name), "%c%05d", kind, number);
  return name;
}

bool make(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  return fd >= 0 && ::close(fd) == 0;
}

void fill(const std::string& directory, int hidden) {
  expect_done(::mkdir(directory.c_str(), 0755) == 0, "mkdir");
  for (const auto& [kind, count] : {std::pair{'s', kStay}, {'r', kRemoved}, {'h', hidden}}) {
    for (int i = 0; i < count; ++i) {
      expect_done(make(directory + "/" + name_of(kind, i)), "create");
    }
  }
}

using Count = std::map<std::string, int>;

// What stays was listed exactly once, everything else at most once, and nothing hidden.
void expect_complete(const Count& count, const std::string& what) {
  int stay = 0;
  for (const auto& [name, times] : count) {
    if (name[0] == 's') ++stay;
    expect(times == 1, what + ": " + name + " is listed " + std::to_string(times) + " times");
    expect(name[0] != 'h', what + ": " + name + " is listed");
  }
  expect_equal(stay, kStay, what + ": names that stay");
}

// From the position of the descriptor to the end.
void count_all(int fd, size_t buffer, Count& count) {
  int error = 0;
  for (std::vector<Listed> some; !(some = list_some(fd, buffer, &error)).empty();) {
    for (const Listed& entry : some) ++count[entry.name];
  }
  expect_equal(error, 0, "getdents");
}

// Removes a quarter of what can be removed, and makes names that soon go away again.
void change(const std::string& directory, int quarter) {
  constexpr int kSteps = 300, kLife = 20;
  const auto path = [&](char kind, int i) {
    return directory + "/" + name_of(kind, 4 * i + quarter);
  };
  for (int i = 0; i < kSteps + kLife; ++i) {
    if (i < kRemoved / 4) expect_done(::unlink(path('r', i).c_str()) == 0, "unlink");
    if (i < kSteps) expect_done(make(path('n', i)), "create");
    if (i >= kLife) expect_done(::unlink(path('n', i - kLife).c_str()) == 0, "unlink");
  }
}

// Several processes list, one changes the view and one the source.
void list_while_changed(const std::string& source, const std::string& view) {
  std::vector<pid_t> changers, listers;
  for (const size_t buffer : {1000, 32768}) {
    listers.push_back(start_as(kUser, [&, buffer] {
      int changing = 0;
      for (bool last = false; !last;) {
        last = ::access((source + ".done").c_str(), F_OK) == 0;
        const int fd = ::open(view.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        Count count;
        count_all(fd, buffer, count);
        ::close(fd);
        expect_complete(count, "listing in pieces of " + std::to_string(buffer));
        changing += std::ranges::any_of(count, [](const auto& one) { return one.first[0] == 'n'; });
      }
      expect(changing > 0, "no listing met a change");
    }));
  }
  changers.push_back(start_as(kUser, [&] { change(view, 0); }));
  changers.push_back(start_as(kUser, [&] { change(source, 1); }));
  wait_for(changers, "changes");
  expect_done(make(source + ".done"), "done");
  wait_for(listers, "listings");
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

// The next name of those that stay; empty at the end.
std::string next_that_stays(DIR* directory) {
  while (const struct dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] == 's') return entry->d_name;
  }
  return {};
}

// Positions that telldir(3) gave lead to where they led before, whatever has come and gone.
void seek_back(const std::string& source, const std::string& view) {
  constexpr size_t kEvery = 400, kLook = 100;
  const Directory directory(::opendir(view.c_str()));
  expect_done(directory != nullptr, "opendir");
  if (directory == nullptr) return;
  std::vector<std::string> order;
  std::map<size_t, long> positions;  // before the name with this number
  for (long position = 0;;) {
    position = ::telldir(directory.get());
    const struct dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    if (entry->d_name[0] != 's') continue;
    if (order.size() % kEvery == 0) positions[order.size()] = position;
    order.emplace_back(entry->d_name);
  }
  expect_equal(static_cast<int64_t>(order.size()), kStay, "names that stay");
  const auto look = [&](const char* when) {
    // From the last to the first: no seek goes where the listing is already.
    for (auto at = positions.rbegin(); at != positions.rend(); ++at) {
      ::seekdir(directory.get(), at->second);
      const size_t end = std::min(at->first + kLook, order.size());
      for (size_t i = at->first; i < end; ++i) {
        const std::string found = next_that_stays(directory.get());
        expect(found == order[i], std::string(when) + ": is " + found + ", should be " + order[i]);
        if (found != order[i]) return;
      }
    }
  };
  look("unchanged");
  ::seekdir(directory.get(), positions.at(kEvery));
  const struct dirent* entry = ::readdir(directory.get());
  expect(entry != nullptr && order[kEvery] == entry->d_name, "the very next entry");
  change(view, 2);
  look("changed in the view");
  change(source, 3);
  look("changed behind the view");
  // What follows an entry that is gone is what followed it.
  for (const auto& [number, position] : positions) {
    expect_done(::unlink((view + "/" + order[number]).c_str()) == 0, "unlink");
    ::seekdir(directory.get(), position);
    const std::string found = next_that_stays(directory.get());
    expect(found == order[number + 1],
           "behind a removed entry: is " + found + ", should be " + order[number + 1]);
  }
}

// rewinddir(3) sees what is new, and not what is gone.
void rewind(const std::string& source, const std::string& view) {
  expect_done(make(view + "/gone1") && make(source + "/gone2"), "create");
  const Directory directory(::opendir(view.c_str()));
  expect_done(directory != nullptr && ::readdir(directory.get()) != nullptr, "opendir");
  if (directory == nullptr) return;
  const std::string made[] = {view + "/new1", source + "/new2"};
  const std::string gone[] = {view + "/gone1", source + "/gone2"};
  for (const std::string& path : made) expect_done(make(path), path);
  for (const std::string& path : gone) expect_done(::unlink(path.c_str()) == 0, path);
  ::rewinddir(directory.get());
  Count count;
  while (const struct dirent* entry = ::readdir(directory.get())) ++count[entry->d_name];
  expect_complete(count, "after rewinddir");
  expect(count.contains("new1") && count.contains("new2"), "rewinddir does not see new names");
  expect(!count.contains("gone1") && !count.contains("gone2"), "rewinddir sees removed names");
  expect_equal(static_cast<int64_t>(count.size()), 2 + kStay + kRemoved + 2, "names");
  for (const std::string& path : made) expect_done(::unlink(path.c_str()) == 0, path);
}

// Processes that share one position get each entry once between them.
void list_together(const std::string& source, const std::string& view) {
  const int fd = ::open(view.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::vector<pid_t> pids;
  const std::string found[] = {source + ".found1", source + ".found2"};
  for (const std::string& path : found) {
    pids.push_back(start_as(kUser, [&] {
      Count count;
      count_all(fd, 400, count);
      std::string names;
      for (const auto& [name, times] : count) names += name + "\n";
      expect_done(write_file(path, O_EXCL, names), path);
    }));
  }
  wait_for(pids, "one listing in two processes");
  ::close(fd);
  Count count;
  for (const std::string& path : found) {
    std::istringstream names(read_file(path));
    for (std::string name; std::getline(names, name);) ++count[name];
  }
  expect_complete(count, "one listing in two processes");
}

}  // namespace

void play_listing(Stage& stage) {
  stage.make_directory("listing");
  const bool self_check = stage.options().self_check;
  const auto view = stage.mount({"--hide", "h[0-9]*"});
  const std::string below = stage.under() + "/listing/top/names";
  const std::string above = (self_check ? stage.under() : stage.view()) + "/listing/top/names";
  run_as(kUser, "listings", [&] {
    fill(below, self_check ? 0 : kHidden);
    rewind(below, above);
    list_together(below, above);
    list_while_changed(below, above);
    seek_back(below, above);  // removes some that stay
  });
  view->expect_passthrough();
}

}  // namespace sluice::model
