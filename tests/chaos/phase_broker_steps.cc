// Each operation, with the broker killed at the beginning and at the end of each of the system calls that it makes for it (some_steps.h): the
// result is that of a plain directory, once; and the kernel has no id that no ledger knows of.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

#include "tests/chaos/acts.h"
#include "tests/chaos/some_steps.h"
#include "tests/chaos/tracer.h"
#include "tests/integration/model/checks.h"
#include "tests/integration/model/stage.h"
#include "tests/integration/model/tree.h"
#include "tests/integration/model/whole_file.h"

namespace sluice::model {
namespace {

// Of one view; the service gives up on a view whose broker keeps ending, and waits longer each time.
constexpr int kDeathsOfAView = 10;
constexpr int kViewsWithoutALook = 8;  // grants are kept for a while after the last close: not waited for each time
constexpr int kMostSteps = 400;
constexpr unsigned kMostSeconds = 20;  // for any of it, to whom it hangs

// As the user, while the broker is traced. What it returns is what it said; empty: it failed.
std::string told(Tracer& tracer, int kill_at, const std::function<std::string()>& action) {
  int ends[2];
  if (::pipe(ends) < 0) std::abort();
  const pid_t child = start_as(kUser, [&] {
    ::alarm(kMostSeconds);
    const std::string said = action();
    expect(::write(ends[1], said.data(), said.size()) == static_cast<ssize_t>(said.size()), "it is told");
  });
  ::close(ends[1]);
  const int status = tracer.run(child, kill_at);
  std::string said(4096, '\0');
  const ssize_t got = ::read(ends[0], said.data(), said.size());
  ::close(ends[0]);
  said.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? said : std::string();
}

struct Place {
  size_t act = 0;
  int step = 1;
  int deaths = 0;  // in all
};

// dead: 0, or one that the service may still take for its.
pid_t broker_after(const MountedView& view, pid_t dead) {
  pid_t broker = -1;
  expect(within(kMostSeconds * 1000, [&] { return (broker = view.broker()) > 0 && broker != dead; }), "there is a broker");
  return broker;
}

// One operation at one step. True: the broker died.
bool play_one(const Stage& stage, pid_t broker, const Act& act, const Place& place) {
  const std::string name = "/broker-steps/top/" + std::to_string(place.act) + "-" + std::to_string(place.step);
  const std::string plain = stage.plain() + name, seen = stage.view() + name;
  const std::string what = std::string(act.name) + ", step " + std::to_string(place.step);
  Tracer tracer(broker);
  const std::string wanted = told(tracer, 0, [&] { return prepare(plain) && prepare(seen) ? act.run(plain) : ""; });
  expect(!wanted.empty(), what + ": prepared");
  const std::string got = told(tracer, place.step, [&] { return act.run(seen); });
  const bool died = tracer.has_ended();
  // Of that nothing more is promised than that somebody is told.
  if (died && act.is_lost && got.find("EIO") != std::string::npos) return true;
  expect(got == wanted, what + ": said \"" + got + "\", and a plain directory \"" + wanted + "\"");
  const std::string trees = told(tracer, 0, [&] {
    const std::string differs = differences(tree_of(plain), tree_of(seen), "plain", "view");
    return differs.empty() ? "the same" : differs.substr(0, 4000);
  });
  expect(trees == "the same", what + ":\n" + trees);
  return died;
}

// In a view of its own, until so many brokers have died. False: there is nothing more.
bool play_some(const Stage& stage, const MountedView& view, const SomeSteps& steps, Place& place) {
  int deaths = 0;
  pid_t dead = 0;
  while (place.act < acts().size()) {
    const pid_t broker = broker_after(view, dead);
    const bool died = play_one(stage, broker, acts()[place.act], place);
    if (died) dead = broker;
    place.step += steps.stride;
    if (!died || place.step > kMostSteps) {
      expect(!died, std::string(acts()[place.act].name) + ": has an end");
      place = {place.act + 1, steps.first, place.deaths};
    } else if (++place.deaths; ++deaths == kDeathsOfAView) {
      return true;
    }
  }
  return false;
}

// The kernel's ids against the ledger, at the end of a view.
void expect_equal_ids(const MountedView& view, const std::string& what) {
  const int64_t before = view.grants();
  const int ids = view.take_ids();
  if (view.grants() == before) expect_equal(ids, before, what + ": ids that the kernel has, and grants of the ledger");
}

// The first grant of a connection: of that there is nothing in the ledger before.
int play_first(const Stage& stage, const SomeSteps& steps) {
  int deaths = 0;
  bool died = true;
  for (int step = steps.first; died && step < kMostSteps; step += steps.stride) {
    const auto view = stage.mount();
    const pid_t broker = broker_after(*view, 0);
    Tracer tracer(broker);
    const std::string what = "the first grant, step " + std::to_string(step);
    const std::string said = told(tracer, step, [&] { return read_file(stage.view() + "/broker-steps/first"); });
    expect(said == "first", what + ": said \"" + said + "\"");
    died = tracer.has_ended();
    deaths += died;
    (void)broker_after(*view, died ? broker : 0);
    expect_equal_ids(*view, what);
  }
  return deaths;
}

}  // namespace

void play_broker_steps(Stage& stage) {
  const SomeSteps steps = some_steps();
  Place place{.step = steps.first};
  stage.make_directory("broker-steps");
  const std::string first = stage.under() + "/broker-steps/first";
  expect(write_file(first, O_EXCL, "first") && ::chmod(first.c_str(), 0644) == 0, first);
  place.deaths = play_first(stage, steps);
  const int before = failures();
  int views = 0;
  for (bool more = true; more && failures() - before < 5;) {
    const auto view = stage.mount();
    const int files = view->files_of_broker();  // none of the source's
    more = play_some(stage, *view, steps, place);
    if (++views % kViewsWithoutALook == 1 || !more) {
      expect(within(4000, [&] { return view->files_of_broker() == files && view->grants() == 0; }), "no file stays granted");
    }
    view->expect_passthrough();
    expect_equal_ids(*view, "after " + std::to_string(place.deaths) + " deaths");
  }
  std::printf("%d deaths\n", place.deaths);
  expect(place.deaths * steps.stride > 100, "brokers died");
}

}  // namespace sluice::model
