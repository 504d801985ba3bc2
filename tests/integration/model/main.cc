// A view must behave as the directory that it shows: see the phases.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/integration/model/checks.h"
#include "tests/integration/model/contained.h"
#include "tests/integration/model/stage.h"

namespace sluice::model {
namespace {

constexpr int kExitSkipped = 77;

struct Phase {
  const char* name;
  bool on_tmpfs;
  void (*play)(Stage&);
  bool only_by_name = false;  // tests/chaos
};

constexpr Phase kPhases[] = {
    {"contest", false, play_contest},
    {"contest-preserved", false, play_contest_preserved},
    {"contest-tmpfs", true, play_contest_at_once},
    {"read-only", false, play_contest_read_only},
    {"behind", false, play_behind},
    {"behind-tmpfs", true, play_behind},
    {"stale", false, play_stale},
    {"stale-tmpfs", true, play_stale},
    {"watch", false, play_watch},
    {"watch-tmpfs", true, play_watch},
    {"size", false, play_size},
    {"size-tmpfs", true, play_size},
    {"hidden", false, play_hidden},
    {"hidden-tmpfs", true, play_hidden},
    {"large", false, play_large},
    {"large-tmpfs", true, play_large},
    {"path", false, play_path},
    {"path-tmpfs", true, play_path},
    {"listing", false, play_listing},
    {"listing-tmpfs", true, play_listing},
    {"two-users", false, play_two_users},
    {"two-users-tmpfs", true, play_two_users},
    {"crowd", false, play_crowd},
    {"crowd-tmpfs", true, play_crowd_of_names},
    {"shared", false, play_shared},
    {"shared-tmpfs", true, play_shared},
    {"killed", false, play_killed, true},
    {"killed-tmpfs", true, play_killed, true},
    {"killed-often", false, play_killed_often, true},
    {"killed-brokers", false, play_killed_brokers, true},
    {"steps", false, play_steps, true},
    {"steps-hidden", false, play_steps_hidden, true},
    {"steps-preserved", false, play_steps_preserved, true},
    {"flood", true, play_flood, true},
    {"broker-steps", false, play_broker_steps, true},
    {"steps-devices", true, play_steps_devices, true},
};

int play_phases(const Options& options, const std::string& work) {
  for (const Phase& phase : kPhases) {
    if (options.only.empty() ? phase.only_by_name : options.only != phase.name) continue;
    const int before = failures();
    const int64_t start = now_milliseconds();
    {
      Stage stage(options, work, phase.on_tmpfs);
      phase.play(stage);
    }
    std::printf("%s %s (%.1f s)\n", failures() == before ? "ok  " : "FAIL", phase.name,
                static_cast<double>(now_milliseconds() - start) / 1000);
    std::fflush(stdout);
  }
  return failures() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace sluice::model

int main(int argc, char** argv) {
  using namespace sluice::model;
  const Options options = parse_options(argc, argv);
  if (const std::string what = missing(options); !what.empty()) {
    const char* all = std::getenv("SLUICE_REQUIRE_ALL");
    const bool required = all != nullptr && std::strcmp(all, "1") == 0;
    std::printf("%s: model_test needs %s\n", required ? "FAIL" : "SKIPPED", what.c_str());
    return required ? 1 : kExitSkipped;
  }
  return run_contained(options,
                       [&](const std::string& work) { return play_phases(options, work); });
}
