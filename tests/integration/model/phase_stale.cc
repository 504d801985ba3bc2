// Names that the view remembers although the source has changed: what may be old, and what may not.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/model/checks.h"
#include "tests/integration/model/listing.h"
#include "tests/integration/model/small_tree.h"
#include "tests/integration/model/stage.h"
#include "tests/integration/model/whole_file.h"

namespace sluice::model {
namespace {

// A case in which the view remembers what `at` holds, and then something happens in the source.
struct Surprise {
  const char* what;
  bool (*make)(const std::string& at);
  // By the view; what should come of it.
  std::string (*use)(const std::string& at);
  const char* result;
};

std::string done_or_error(int result) { return result < 0 ? error_name() : "done"; }

bool replace_a(const std::string& at) {
  return write_file(at + "/next", O_EXCL, "next") && rename_with(at + "/next", at + "/a");
}
bool remove_a(const std::string& at) { return ::unlink((at + "/a").c_str()) == 0; }
bool make_new(const std::string& at) { return write_file(at + "/new", O_EXCL, "new"); }

// Old names may be remembered, but the contents of files are those of now; whoever makes a name is
// told whether there is one; and whoever changes something by its name changes what has that name.
constexpr Surprise kSurprises[] = {
    {"read what was written to",
     [](const std::string& at) { return write_file(at + "/a", O_TRUNC, "written"); },
     [](const std::string& at) { return read_file(at + "/a"); }, "written"},
    {"append to what was replaced", replace_a,
     [](const std::string& at) {
       return write_file(at + "/a", O_APPEND, ".") ? read_file(at + "/a") : error_name();
     },
     "next."},
    {"create what was removed", remove_a,
     [](const std::string& at) {
       return write_file(at + "/a", 0, "anew") ? read_file(at + "/a") : error_name();
     },
     "anew"},
    {"create what was made", make_new,
     [](const std::string& at) {
       return write_file(at + "/new", O_APPEND, ".") ? read_file(at + "/new") : error_name();
     },
     "new."},
    {"create, with O_EXCL, what was made", make_new,
     [](const std::string& at) { return done_or_error(write_file(at + "/new", O_EXCL, "") - 1); },
     "EEXIST"},
    {"mkdir of what was made", make_new,
     [](const std::string& at) { return done_or_error(::mkdir((at + "/new").c_str(), 0700)); },
     "EEXIST"},
    {"mkdir of what was removed", remove_a,
     [](const std::string& at) { return done_or_error(::mkdir((at + "/a").c_str(), 0700)); },
     "done"},
    {"rename onto what was made", make_new,
     [](const std::string& at) {
       return done_or_error(rename_with(at + "/a", at + "/new", RENAME_NOREPLACE) - 1);
     },
     "EEXIST"},
    {"unlink what was removed", remove_a,
     [](const std::string& at) { return done_or_error(::unlink((at + "/a").c_str())); }, "ENOENT"},
    {"chmod of what was replaced", replace_a,
     [](const std::string& at) {
       struct stat stat {};
       if (::chmod((at + "/a").c_str(), 0604) < 0 || ::stat((at + "/a").c_str(), &stat) < 0) {
         return error_name();
       }
       return std::to_string(stat.st_size) + " bytes, mode " + std::to_string(stat.st_mode & 0777);
     },
     "4 bytes, mode 388"},
    {"list what was changed", [](const std::string& at) { return make_new(at) && remove_a(at); },
     [](const std::string& at) {
       const int fd = ::open(at.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
       const Outcome outcome = list_all(fd, 4096);
       ::close(fd);
       return outcome.data;
     },
     "..:4 .:4 b:8 d:4 e:4 new:8 s:10 "},
    {"create in a directory that was replaced",
     [](const std::string& at) {
       return rename_with(at + "/d", at + "/e/d") && ::mkdir((at + "/d").c_str(), 0755) == 0;
     },
     [](const std::string& at) { return done_or_error(write_file(at + "/d/new", O_EXCL, "") - 1); },
     "done"},
};

void be_surprised(const std::string& source, const std::string& view) {
  for (const Surprise& surprise : kSurprises) {
    const std::string below = source + "/" + surprise.what, above = view + "/" + surprise.what;
    make_small_tree(below);
    expect(look(above) == look(below) && read_file(above + "/a") == "this is /a" &&
               read_file(above + "/d/f") == "this is /d/f",
           "before");
    expect_done(surprise.make(below), std::string(surprise.what));
    const std::string result = surprise.use(above);
    expect(result == surprise.result, std::string(surprise.what) + ": is \"" + result +
                                          "\", should be \"" + surprise.result + "\"");
  }
}

// What has been replaced or removed may be read as long as its name may be remembered, not longer.
void read_again(const std::string& source, const std::string& view, int64_t most) {
  const std::string below = source + "/read again", above = view + "/read again";
  const auto found = [&] {
    return read_file(above + "/a") + ", " + read_file(above + "/b") + ", " +
           read_file(above + "/d/f");
  };
  make_small_tree(below);
  expect(found() == "this is /a, this is /b, this is /d/f", "before: " + found());
  expect_done(replace_a(below) && ::unlink((below + "/b").c_str()) == 0 &&
                  rename_with(below + "/d", below + "/e", RENAME_EXCHANGE),
              "read again");
  expect(within(most, [&] { return found() == "next, ENOENT, this is /e/f"; }),
         "read again: " + found());
}

// most: for so many milliseconds a name may be remembered.
void play_stale_of(const Stage& stage, const std::string& coherence, int64_t most) {
  stage.make_directory(coherence);
  const auto view = stage.mount({"--coherence", coherence});
  const std::string top = "/" + coherence + "/top";
  const std::string above = (stage.options().self_check ? stage.under() : stage.view()) + top;
  run_as(kUser, "coherence " + coherence, [&] {
    be_surprised(stage.under() + top, above);
    read_again(stage.under() + top, above, most);
  });
  view->expect_passthrough();
}

}  // namespace

void play_stale(Stage& stage) {
  play_stale_of(stage, "0s", 0);
  play_stale_of(stage, "1s", 1200);
  play_stale_of(stage, "10s", 300);  // by what the kernel tells of changes
}

}  // namespace sluice::model
