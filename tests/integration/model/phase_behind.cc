// Changes that are made behind a view, in its source: how soon the view shows them.
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <iterator>
#include <span>

#include "tests/integration/model/checks.h"
#include "tests/integration/model/small_tree.h"
#include "tests/integration/model/stage.h"
#include "tests/integration/model/whole_file.h"

namespace sluice::model {
namespace {

constexpr uid_t kOther = kUser + 1;
constexpr int64_t kDefaultCoherence = 1000;  // milliseconds
constexpr int64_t kGrace = 200;
// What the kernel tells of is seen so soon, whatever may be remembered.
constexpr int64_t kAtOnce = 300;

// Of a small tree.
struct Change {
  const char* what;
  bool (*make)(const std::string& at);
};

constexpr Change kChanges[] = {
    {"create", [](const std::string& at) { return write_file(at + "/new", O_EXCL, "new"); }},
    {"mkdir", [](const std::string& at) { return ::mkdir((at + "/new").c_str(), 0700) == 0; }},
    {"link",
     [](const std::string& at) { return ::link((at + "/a").c_str(), (at + "/new").c_str()) == 0; }},
    {"unlink", [](const std::string& at) { return ::unlink((at + "/a").c_str()) == 0; }},
    {"rename", [](const std::string& at) { return rename_with(at + "/a", at + "/new"); }},
    {"replace", [](const std::string& at) { return rename_with(at + "/a", at + "/b"); }},
    {"move", [](const std::string& at) { return rename_with(at + "/a", at + "/d/f"); }},
    {"chmod", [](const std::string& at) { return ::chmod((at + "/a").c_str(), 0640) == 0; }},
    {"truncate", [](const std::string& at) { return ::truncate((at + "/a").c_str(), 1) == 0; }},
    {"append", [](const std::string& at) { return write_file(at + "/a", O_APPEND, "more"); }},
    {"times",
     [](const std::string& at) {
       const struct timespec times[2] = {{123, 0}, {456, 789}};
       return ::utimensat(AT_FDCWD, (at + "/a").c_str(), times, 0) == 0;
     }},
    {"retarget a link",
     [](const std::string& at) {
       return ::unlink((at + "/s").c_str()) == 0 && ::symlink("b", (at + "/s").c_str()) == 0;
     }},
    {"swap directories",
     [](const std::string& at) { return rename_with(at + "/d", at + "/e", RENAME_EXCHANGE); }},
    {"a directory for a file",
     [](const std::string& at) {
       return ::unlink((at + "/a").c_str()) == 0 && ::mkdir((at + "/a").c_str(), 0755) == 0;
     }},
    {"chmod of a directory",
     [](const std::string& at) { return ::chmod((at + "/d").c_str(), 0711) == 0; }},
    // The last: only root may.
    {"chown",
     [](const std::string& at) { return ::chown((at + "/a").c_str(), kOther, kOther) == 0; }},
};
constexpr size_t kOwnChanges = std::size(kChanges) - 1;

std::string place(const std::string& top, const char* what) { return top + "/" + what; }

// Ends when the view shows what the source has, or fails after so many milliseconds; 0: there is
// one try.
void wait_until_seen(const std::string& source, const std::string& view, int64_t most) {
  std::vector<const Change*> unseen;
  for (const Change& change : kChanges) unseen.push_back(&change);
  const int64_t start = now_milliseconds();
  for (bool last = false; !last && !unseen.empty();) {
    last = now_milliseconds() - start >= most;
    std::erase_if(unseen, [&](const Change* change) {
      return look(place(view, change->what)) == look(place(source, change->what));
    });
    sleep_milliseconds(1);
  }
  for (const Change* change : unseen) {
    expect(false, std::string(change->what) + " behind the view is not seen; source:\n" +
                      look(place(source, change->what)) + "view:\n" +
                      look(place(view, change->what)));
  }
}

// The user looks, root makes the changes, the user looks again.
void change_behind(const std::string& source, const std::string& view, int64_t most) {
  const pid_t user = start_as(kUser, [&] {
    for (const Change& change : kChanges) make_small_tree(place(source, change.what));
    for (const Change& change : kChanges) {
      expect(look(place(source, change.what)) == look(place(view, change.what)), "before");
    }
    ::raise(SIGSTOP);
    wait_until_seen(source, view, most);
  });
  int status;
  ::waitpid(user, &status, WUNTRACED);
  for (const Change& change : kChanges) {
    const std::string at = place(source, change.what);
    const std::string before = look(at);
    expect_done(change.make(at), std::string(change.what));
    expect(look(at) != before, std::string(change.what) + " changes nothing");
  }
  ::kill(user, SIGCONT);
  wait_for({user}, "changes behind");
}

// Changes by the view itself, of what it remembers, are seen at once whatever may be remembered.
void change_own(const std::string& source, const std::string& view) {
  for (const Change& change : std::span(kChanges).first(kOwnChanges)) {
    const std::string below = place(source, change.what), above = place(view, change.what);
    make_small_tree(below);
    const std::string before = look(above);
    expect(before == look(below), "before");
    expect_done(change.make(above), std::string(change.what));
    const std::string after = look(above);
    expect(after != before && after == look(below),
           std::string("own ") + change.what + ": source:\n" + look(below) + "view:\n" + after);
  }
}

void play_coherence(const Stage& stage, const char* name, const char* coherence, int64_t most) {
  std::vector<std::string> options;
  if (coherence != nullptr) options = {"--coherence", coherence};
  for (const std::string part : {"behind-", "own-"}) stage.make_directory(part + name);
  const auto view = stage.mount(std::move(options));
  const auto top = [&](const std::string& side, const char* part) {
    return side + "/" + part + "-" + name + "/top";
  };
  const std::string above = stage.options().self_check ? stage.under() : stage.view();
  change_behind(top(stage.under(), "behind"), top(above, "behind"), most);
  run_as(kUser, std::string("coherence ") + name,
         [&] { change_own(top(stage.under(), "own"), top(above, "own")); });
  view->expect_passthrough();
}

}  // namespace

void play_behind(Stage& stage) {
  if (stage.options().self_check) return play_coherence(stage, "plain", nullptr, 0);
  play_coherence(stage, "default", nullptr, kDefaultCoherence + kGrace);
  play_coherence(stage, "none", "0s", 0);
  play_coherence(stage, "long", "1d", kAtOnce);
}

}  // namespace sluice::model
