// Where a phase plays: a directory for the plain side, one under the view, and where the view is.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/integration/model/mounted_view.h"
#include "tests/integration/model/options.h"

namespace sluice::model {

class Catalogue;

// The three paths have the same length. Removed, with what was mounted, at the end.
class Stage {
 public:
  // work: an existing directory. On a tmpfs of its own, or on work's filesystem.
  Stage(const Options& options, const std::string& work, bool on_tmpfs);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  std::string plain() const { return base_ + "/plain"; }
  std::string under() const { return base_ + "/under"; }  // the view's source
  std::string view() const { return base_ + "/views"; }
  const Options& options() const { return options_; }

  // The view of under() for kUser at view(); ends the process if it does not start.
  std::unique_ptr<MountedView> mount(std::vector<std::string> more = {}) const;
  std::unique_ptr<MountedView> mount_as(const std::string& identity,
                                        std::vector<std::string> more = {}) const;
  // name/top in plain() and under(), which belongs to kUser; name does not, so that nobody gets
  // into another's directory by "..".
  void make_directory(const std::string& name) const;

 private:
  const Options& options_;
  std::string base_;
  bool on_tmpfs_;
};

// The phases, by the file that holds them.
void play_contest(Stage& stage);  // phase_contest.cc
void play_contest_at_once(Stage& stage);
void play_contest_preserved(Stage& stage);
// In a view of the stage's that is mounted.
void contest_in(const Stage& stage, const Catalogue& catalogue);
void play_contest_read_only(Stage& stage);
void play_behind(Stage& stage);     // phase_behind.cc
void play_stale(Stage& stage);      // phase_stale.cc
void play_watch(Stage& stage);      // phase_watch.cc
void play_size(Stage& stage);       // phase_size.cc
void play_hidden(Stage& stage);     // phase_hidden.cc
void play_large(Stage& stage);      // phase_large.cc
void play_path(Stage& stage);       // phase_path.cc
void play_listing(Stage& stage);    // phase_listing.cc
void play_two_users(Stage& stage);  // phase_two_users.cc
void play_shared(Stage& stage);     // phase_shared.cc
// In tests/chaos.
void play_killed(Stage& stage);     // phase_killed.cc
void play_killed_often(Stage& stage);
void play_killed_brokers(Stage& stage);
void play_steps(Stage& stage);      // phase_steps.cc
void play_steps_hidden(Stage& stage);
void play_steps_preserved(Stage& stage);
void play_flood(Stage& stage);      // phase_flood.cc
void play_broker_steps(Stage& stage);  // phase_broker_steps.cc
void play_steps_devices(Stage& stage);
void play_crowd(Stage& stage);      // phase_crowd.cc
void play_crowd_of_names(Stage& stage);

}  // namespace sluice::model
