// Each operation, with the worker killed at each of its steps (some_steps.h): the result is that of a plain directory, once.
//
// Needs a worker that is built to die at a step (worker/step.h): it is told of at which by a name that is looked up.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "tests/chaos/acts.h"
#include "tests/chaos/some_steps.h"
#include "tests/integration/model/checks.h"
#include "tests/integration/model/stage.h"
#include "tests/integration/model/tree.h"

namespace sluice::model {
namespace {

// Of one view; the service gives up on a view whose worker keeps ending, and waits longer each time.
constexpr int kDeathsOfAView = 10;
constexpr int kMostSteps = 400;

// What a look-up of the name says: whether a step was still to come.
int arm(const std::string& view, int step) {
  struct stat stat {};
  return ::lstat((view + "/.die-at-step-" + std::to_string(step)).c_str(), &stat) == 0 ? 0 : errno;
}

struct Place {
  int act = 0;
  int step = 1;
  int deaths = 0;  // in all
};

// How a view is mounted, and what is compared with a plain directory.
struct Kind {
  std::string identity = std::to_string(kUser);
  std::vector<std::string> options{};
  bool by_source = false;  // the view's source: rules show directories otherwise than they are
  const char* without = "";  // an act that this view cannot do
  std::span<const Act> acts = model::acts();
  uid_t user = kUser;
  SomeSteps steps = some_steps();
};

// In a view of its own, until so many workers have died. seen: the view, or its source. False: there is nothing more.
bool play_some(const std::string& plain, const std::string& view, const std::string& seen, const Kind& kind, Place& place) {
  int deaths = 0;
  while (static_cast<size_t>(place.act) < kind.acts.size()) {
    const Act& act = kind.acts[static_cast<size_t>(place.act)];
    if (act.name == std::string(kind.without)) {
      ++place.act;
      continue;
    }
    const std::string name = "/" + std::to_string(place.act) + "-" + std::to_string(place.step);
    const std::string what = std::string(act.name) + ", step " + std::to_string(place.step);
    expect(prepare(plain + name) && prepare(view + name), what + ": prepared");
    const std::string wanted = act.run(plain + name);
    (void)arm(view, place.step);
    const std::string got = act.run(view + name);
    const bool died = arm(view, 0) != EBUSY;
    expect(got == wanted, what + ": said " + got + ", and a plain directory " + wanted);
    const std::string differs = differences(tree_of(plain + name), tree_of(seen + name), "plain", "view");
    expect(differs.empty(), what + ":\n" + differs);
    place.step += kind.steps.stride;
    if (!died || place.step > kMostSteps) {
      expect(!died, what + ": has an end");
      place = {place.act + 1, kind.steps.first, place.deaths};
    } else if (++place.deaths; ++deaths == kDeathsOfAView) {
      return true;
    }
  }
  return false;
}

void play_kind(Stage& stage, const Kind& kind) {
  Place place{.step = kind.steps.first};
  int views = 0;
  stage.make_directory("steps");
  for (const std::string& side : {stage.plain(), stage.under()}) make_others(side + "/steps");
  for (bool more = true; more;) {
    const int before = failures();
    const auto view = stage.mount_as(kind.identity, kind.options);
    const int files = view->files_of_broker();  // none of the source's
    int ends[2];
    if (::pipe(ends) < 0) std::abort();
    run_as(kind.user, "steps", [&] {
      const std::string top = "/steps/top";
      const std::string seen = kind.by_source ? stage.under() : stage.view();
      more = play_some(stage.plain() + top, stage.view() + top, seen + top, kind, place);
      const ssize_t sent = ::write(ends[1], &place, sizeof(place));
      expect(sent == sizeof(place) && ::write(ends[1], &more, sizeof(more)) == sizeof(more), "the place is told");
    });
    ::close(ends[1]);
    const bool told = ::read(ends[0], &place, sizeof(place)) == sizeof(place) && ::read(ends[0], &more, sizeof(more)) == sizeof(more);
    ::close(ends[0]);
    if (!told || failures() - before > 5) break;
    // Some are kept for a while after the last close: not waited for each time.
    if (++views % 8 == 1 || !more) {
      expect(within(4000, [&] { return view->files_of_broker() == files; }), "no file stays granted");
    }
    view->expect_passthrough();
  }
  std::printf("%d deaths\n", place.deaths);
  expect(place.deaths * kind.steps.stride > 3 * static_cast<int>(kind.acts.size()), "workers died");
}

}  // namespace

void play_steps(Stage& stage) { play_kind(stage, {}); }

void play_steps_hidden(Stage& stage) { play_kind(stage, {.options = {"--hide", "*.hidden"}, .by_source = true}); }

void play_steps_preserved(Stage& stage) {
  play_kind(stage, {.identity = "preserve", .without = "a nameless file"});  // it would belong to the broker's user
}

void play_steps_devices(Stage& stage) {
  play_kind(stage, {.identity = "preserve", .options = {"--device-nodes"}, .acts = device_acts(), .user = 0});
}

}  // namespace sluice::model
