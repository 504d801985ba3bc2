// Names and paths as long and as strange as they may be.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "tests/integration/model/checks.h"
#include "tests/integration/model/listing.h"
#include "tests/integration/model/outcome.h"
#include "tests/integration/model/stage.h"
#include "tests/integration/model/whole_file.h"

namespace sluice::model {
namespace {

constexpr size_t kMostName = 255;
constexpr size_t kMostPath = 8191;
constexpr size_t kMostOfACall = 4095;

std::set<std::string> names_in(const std::string& path) {
  std::set<std::string> names;
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int error;
  for (std::vector<Listed> some; !(some = list_some(fd, 4096, &error)).empty();) {
    for (const Listed& entry : some) names.insert(entry.name);
  }
  ::close(fd);
  return names;
}

void use_strange_names(const std::string& source, const std::string& view) {
  expect_done(::mkdir(view.c_str(), 0755) == 0, "mkdir");
  std::string control;
  for (char c = 1; c < ' '; ++c) control += c;
  const std::vector<std::string> names = {std::string(kMostName, 'n'),
                                          std::string(kMostName - 1, '\xff') + "x",
                                          "\xc3\x28 not UTF-8",
                                          "\xed\xa0\x80",
                                          "a\nline",
                                          control,
                                          "\x7f",
                                          " ",
                                          "...",
                                          "-rf *",
                                          "\"'\\",
                                          "\x1b[2J"};
  std::set<std::string> expected = {".", ".."};
  for (const std::string& name : names) {
    const std::string path = view + "/" + name;
    expect_done(write_file(path, O_EXCL, name), escaped(name));
    expect(read_file(source + "/" + name) == name, escaped(name) + " in the source");
    expect_done(::rename(path.c_str(), (view + "/other").c_str()) == 0 &&
                    ::rename((view + "/other").c_str(), path.c_str()) == 0,
                "rename " + escaped(name));
    expect(::symlink(name.c_str(), (view + "/link").c_str()) == 0 &&
               read_file(view + "/link") == name && ::unlink((view + "/link").c_str()) == 0,
           "a link to " + escaped(name));
    expected.insert(name);
  }
  expect(names_in(view) == expected && names_in(source) == expected, "strange names in the list");
  for (const std::string& name : names) {
    expect_done(::unlink((view + "/" + name).c_str()) == 0, escaped(name));
  }
  const std::string longer = view + "/" + std::string(kMostName + 1, 'n');
  const auto too_long = [](bool done, const char* what) {
    expect(!done && errno == ENAMETOOLONG, std::string("256 bytes: ") + what);
  };
  struct stat stat;
  too_long(write_file(longer, 0, ""), "open");
  too_long(::mkdir(longer.c_str(), 0755) == 0, "mkdir");
  too_long(::stat(longer.c_str(), &stat) == 0, "stat");
  too_long(::symlink("x", longer.c_str()) == 0, "symlink");
  too_long(::rename(view.c_str(), longer.c_str()) == 0, "rename");
}

// A path below a view's root is at most kMostPath bytes, of which a call takes about half: the last name of a
// full path is reached, by one path from half way and in steps; what would be longer is not.
void go_deep(const std::string& view, size_t prefix) {
  const std::string step(kMostName, 'd');
  int fd = ::open(view.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  expect_done(fd >= 0, "open");
  std::vector<std::string> names;
  size_t left = kMostPath - prefix;
  std::vector<int> steps = {fd};
  while (left > kMostName + 1) {
    // The last two share what is left, so that the last name ends at the last byte.
    const size_t length = std::min(kMostName, left > 2 * kMostName ? left : left / 2);
    const std::string name = step.substr(0, length);
    expect_done(::mkdirat(steps.back(), name.c_str(), 0755) == 0, "mkdir");
    fd = ::openat(steps.back(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    expect_done(fd >= 0, "a step");
    if (fd < 0) break;
    steps.push_back(fd);
    names.push_back(name);
    left -= length + 1;
  }
  const std::string last(left, 'f');
  const size_t half = std::min(names.size() / 2 + 1, names.size());
  std::string path;
  size_t length = prefix + last.size();
  for (size_t i = 0; i < names.size(); ++i) {
    length += names[i].size() + 1;
    if (i >= half) path += names[i] + "/";
  }
  expect_done(::fchdir(steps[half]) == 0, "chdir half way");
  expect_equal(static_cast<int64_t>(length), static_cast<int64_t>(kMostPath), "length of the path");
  const auto open_last = [&](const std::string& name, int flags) {
    return ::openat(steps.back(), name.c_str(), flags | O_CLOEXEC, 0644);
  };
  int file = open_last(last, O_RDWR | O_CREAT | O_EXCL);
  expect_done(file >= 0 && ::write(file, "deep", 4) == 4, "create the last");
  ::close(file);
  expect(read_file(path + last) == "deep", "by one path: " + read_file(path + last));
  expect_done(::chmod((path + last).c_str(), 0600) == 0 &&
                  ::truncate((path + last).c_str(), 2) == 0 && read_file(path + last) == "de",
              "change by one path");
  // One byte more.
  file = open_last(last + "f", O_RDWR | O_CREAT);
  expect_done(file < 0 && errno == ENAMETOOLONG, "create beyond the last");
  expect_done(::renameat(steps.back(), last.c_str(), steps.back(), (last + "f").c_str()) == 0 ||
                  errno == ENAMETOOLONG,
              "rename beyond the last");
  ::close(file);
  std::string too_long = path + last;
  too_long.resize(kMostOfACall + 1, 'x');
  expect(read_file(too_long) == "ENAMETOOLONG", "a path of 4096 bytes");
  for (const std::string& name : {last, last + "f"}) ::unlinkat(steps.back(), name.c_str(), 0);
  for (size_t i = steps.size() - 1; i > 0; --i) {
    expect_done(::unlinkat(steps[i - 1], names[i - 1].c_str(), AT_REMOVEDIR) == 0, "rmdir");
  }
  for (const int one : steps) ::close(one);
}

}  // namespace

void play_path(Stage& stage) {
  stage.make_directory("path");
  const auto view = stage.mount();
  const std::string top = "/path/top";
  const std::string above = (stage.options().self_check ? stage.under() : stage.view()) + top;
  run_as(kUser, "paths", [&] {
    use_strange_names(stage.under() + top + "/names", above + "/names");
    if (!stage.options().self_check) go_deep(above, top.size());  // a plain directory goes deeper
  });
  view->expect_passthrough();
}

}  // namespace sluice::model
