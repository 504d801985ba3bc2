// The service's main process: admits peers, keeps the table of views, and ends them.
//
// It reads nothing that a peer wrote: hellos are served by set-up processes, whose questions it
// answers by what the kernel says of their peer, and what it hears from brokers and workers it only
// logs, but for whether a worker still answers. It can make nothing: that is the maker's.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>

#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/idleness.h"
#include "core/recovery.h"
#include "os/poller.h"
#include "os/process.h"
#include "os/socket.h"
#include "service/maker.h"
#include "service/notifier.h"
#include "service/store.h"
#include "service/view_table.h"
#include "wire/event_reader.h"
#include "wire/report.h"
#include "wire/totals.h"

namespace sluice::service {

struct Options {
  os::Fd listener;       // where peers connect; may be none
  os::Fd first_peer;     // embedded: the one peer that is already connected
  uint32_t grants_per_view = 0;
  uint32_t views = 0;    // on this host
  uint32_t connections = 0;  // of other FUSE servers, too
  bool audit = false;    // every grant and refusal is logged
  Notifier notifier;
  bool stores = false;   // views outlive this process, with the manager: service/store.h
  Notifier keeper;       // or with this one, where it is there: service/keeper.h
  Found found;           // those of the service before
  int64_t started = 0;   // seconds since 1970
  pid_t pid = 0;         // of this process
  int64_t idle_milliseconds = 0;  // how long it stays without views and peers; 0: for ever
  int64_t worker_idle_milliseconds = 0;  // how long a worker does without requests; 0: for ever
};

class Service {
 public:
  // poller: watches nothing yet. signals: of os::service_signals().
  Service(Options options, Maker maker, os::Poller poller, os::Fd signals);

  // Until a termination signal; embedded, until its last view is gone; where it may be idle for so
  // long only, until it was. Ends every view before that does not outlive it.
  core::Outcome run();

 private:
  // Who waits for a reload whose set-up process has gone: no view has this number.
  static constexpr uint64_t kNobody = ~uint64_t{0};
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  struct View : ViewFds {
    wire::ViewInfo info;
    StoredRecord record;           // where views are stored
    uint32_t trees = 0;            // that another worker of it can have; 0: there can be none
    bool knows_rest = true;        // its worker knows that word
    bool left_to_manager = false;  // the manager has it
    struct Lines {  // of one process, in this second
      int64_t second = 0;
      uint32_t logged = 0, dropped = 0;
    };
    Lines broker_lines, worker_lines;
    // Other rules: first the broker has them, whose verdict counts, then the worker.
    uint64_t granted = 0, dropped = 0;  // as the two have said
    uint64_t refused[static_cast<size_t>(core::Reason::kCount)] = {};
    uint64_t reload = 0;  // the set-up process that waits for it; 0: there is none
    core::Rules rules;
    bool reloaded = false;          // it has these rules, or is about to
    bool broker_has_rules = false;  // of the reload under way
    // While it has no worker: when another is asked for, and the set-up process that makes one; 0: there is none yet.
    core::Recovery recovery;
    int64_t mend_at = 0, ended_at = 0;
    bool worker_of_another = false, broker_of_another = false;  // service: it is no child of this one
    uint64_t replacement = 0;
    // Its next worker, started ahead (spares.cc), the set-up process that makes one, and from when one may be made.
    struct NextWorker {
      os::Fd process, events, watch;
      pid_t pid = 0;
    } spare;
    uint64_t spare_maker = 0;
    int64_t spare_at = kNever;
    bool beginning = false;  // its worker was a spare one, and does not serve yet
    bool without_broker = false;  // it has ended, or is no use any more
    int64_t broker_ended_at = 0;
    int64_t silent_since = 0;  // its worker has closed what it says its events by; 0: it has not
    // Whether its worker answers, as that says itself: a number to compare with the one before.
    struct Progress {
      uint64_t answered = 0;
      bool busy = false;
      bool operator==(const Progress&) const = default;
    } progress;
    core::Idleness idleness;  // of its worker
    bool rest_planned = false;  // it is looked at for that
    bool woken = false;         // the worker that is to come follows one that rested
    bool look_planned = false;
    int64_t progressed_at = 0, looked_at = 0, patience = core::RecoveryLimits::kPatienceMilliseconds;
  };
  struct Pending {  // a set-up process
    os::Fd process;  // once the maker has said
    os::Fd peer, report;
    os::Peer identity;
    int64_t deadline = 0;
    uint64_t worker_of = 0;  // the view for which it makes a worker; 0: it serves a peer
    uint32_t owner_of_view = 0;
  };
  struct Ending {
    os::Fd process;
    bool ours;         // a broker or worker, which this process reaps once its set-up process has gone
    std::string view;  // whose it was
    const char* name;
    int64_t kill_at = 0;  // milliseconds; 0: has been killed
    uint32_t uid = ~0u;   // of a peer whose place is taken until the process, which it may keep from ending, is gone
    uint32_t grants = 0;  // and, of the broker of a connection, its share
    int64_t gone_at = 0;  // milliseconds; 0: it has not ended
    uint64_t worker_of = 0;  // the view that goes on with another worker, unless this one turns out to have violated its confinement
  };
  // So long a worker that has closed everything, and is killed then, may take to end before another takes its place: those who wait
  // for that one wait as long.
  static constexpr int64_t kLeaveMilliseconds = 30;
  static constexpr int64_t kLeaveToRestMilliseconds = 250;  // nobody waits for another
  // What a tag of the poller means: the kind in the lowest bits, the rest the id.
  enum Source : uint64_t { kListener, kSignals, kMaker, kReport, kConnection, kBrokerEvents,
                           kWorkerEvents, kBrokerEnd, kWorkerEnd, kSpareEnd, kPeer, kEnding, kKeeper, kSources };
  static uint64_t tag(uint64_t id, Source source) { return id * kSources + source; }

  // Of a view, or of a process. Its private uid is that of no view which is there: they begin anew after 65,536.
  uint64_t next_id();
  void admit(os::Fd peer, bool log_refusal);
  void take_started();
  void take_report(uint64_t id);
  core::Result<wire::Reply> answer(uint64_t id, const Pending& pending, const wire::Report& report);
  core::Result<wire::Reply> add_view(uint64_t id, uint32_t trees, wire::ViewInfo info, ViewFds fds);
  core::Result<wire::Reply> add_connection(uint64_t id, wire::ViewInfo info, std::vector<os::Fd> fds);
  void watch(uint64_t id, const View& view);  // all of it, from its beginning
  void watch_broker(uint64_t id, const View& view);
  // Once more after each change of what another service would have to know. Where it fails, the record is what it was.
  core::Outcome store(View& view);
  void take_over(Found found);
  void take_over_view(FoundView found);
  void tell_manager_of_views();
  void leave_views();
  void keeper_ended();
  void finish_setup(uint64_t id, bool in_time);
  core::Outcome begin_reload(uint64_t id, uint64_t which, core::Rules rules);
  void go_on_reloading(View& view, bool from_broker, uint32_t open);
  void reply_to_setup(uint64_t id, const wire::Reply& reply);
  void take_event(View& view, bool from_broker);
  void log_event(View& view, bool from_broker, const wire::DecodedEvent& event);
  void end_view(uint64_t id, const char* why);
  // Each may end the view.
  void worker_ended(uint64_t id, View& view);
  void broker_ended(uint64_t id, View& view);
  void mend_views(const std::vector<uint64_t>& ended);
  void watch_connection(uint64_t id, const View& view);  // anew, for its next request or its end
  void attend(uint64_t id, View& view);
  void look_at_views();
  // rests.cc
  void begin_idleness(uint64_t id, View& view);
  void plan_rest(uint64_t id, View& view);
  void look_for_idle();
  void rest(uint64_t id, View& view);  // its worker has gone because it was asked to
  void wake(uint64_t id, View& view);
  View::Progress progress_of(const View& view) const;
  void mend(uint64_t id, View& view);
  bool can_ask_for_worker(uint32_t owner, uint32_t part) const;
  // The set-up process; 0: there is none.
  uint64_t ask_for_worker(uint64_t id, View& view, bool spare);
  bool plan_replacement(uint64_t id, View& view, std::optional<int64_t> when);
  core::Result<wire::Reply> take_worker(uint64_t pending, uint64_t id, const wire::Report& report, std::vector<os::Fd> fds);
  void put_worker(uint64_t id, View& view, View::NextWorker worker);
  void worker_serves(uint64_t id, View& view, bool with_broker);
  void take_broker(uint64_t id, View& view, pid_t pid, std::vector<os::Fd>& fds);
  bool see_off_broker(uint64_t id, View& view);
  void end_replacement(uint64_t id, const Pending& pending);
  // spares.cc
  void plan_spare(View& view);
  void consider_spare(uint64_t id, View& view);
  void take_spare(uint64_t id, View& view, View::NextWorker spare);
  void end_making_spare(uint64_t id, View& view);
  bool use_spare(uint64_t id, View& view);
  void spare_ended(uint64_t id, View& view);
  void drop_spare(uint64_t id, View& view);
  // Of a view that has no worker any more: ViewFds::watch.
  void let_go_of(os::Fd watch);
  void close_old_watches();
  // A broker or worker without its view ends by itself; one that does not is killed a moment later,
  // a set-up process at once. It is reaped when it is gone, which may take a while: never waited for.
  void put_end(Ending ending);
  void reap_ended(uint64_t id);
  // What set-up processes made and, killed in the middle, never handed over.
  void reap_orphans();
  void kill_late();
  // Whether it has ended. A signal that is not ours is an event of its own.
  bool reap(const Ending& ending);
  void end_violated();
  void handle(const os::Poller::Event& event);
  void handle_view(uint64_t id, Source source, bool ended);
  void expire_setups();
  // Every turn of the loop, and so only while it turns: what the service manager hears.
  void tell_manager();
  int milliseconds_to_wait() const;
  size_t count(bool foreign) const;
  bool idle() const { return views_.empty() && pending_.empty() && ending_.empty(); }
  wire::ViewInfo info_of(const View& view) const;

  Options options_;
  Maker maker_;
  os::Poller poller_;
  os::Fd signals_;
  ViewTable table_;
  wire::Totals totals_;
  uint64_t last_id_ = 0;
  bool stopping_ = false;
  bool maker_gone_ = false;
  std::deque<os::Fd> old_watches_;
  uint64_t closing_ = 0;  // the process that the maker is asked for to close some of them
  size_t connections_here_ = 0;  // among the views, those of other servers
  bool said_ready_ = false;
  size_t views_said_ = 0, connections_said_ = 0;
  int64_t watched_at_ = 0;  // when the manager heard last
  int64_t busy_at_ = 0;     // when there was last something to do
  absl::btree_map<uint64_t, std::unique_ptr<View>> views_;
  absl::btree_map<uint64_t, std::unique_ptr<Pending>> pending_;
  absl::btree_map<uint64_t, Ending> ending_;
  std::vector<uint64_t> ended_workers_;  // views whose worker has ended since the last events
  std::vector<uint64_t> violated_;       // views of which one did that has another by now
  absl::btree_set<uint64_t> lacking_;    // views without a worker
  uint32_t replacements_ = 0;            // under way
  absl::btree_map<uint32_t, uint32_t> replacements_of_;  // the same, by the owner of the view
  absl::btree_set<uint64_t> spared_;     // views that have a spare worker, or are about to
  struct Look {
    int64_t at;  // milliseconds
    uint64_t view;
  };
  std::deque<Look> looks_;  // in their order
  absl::btree_set<std::pair<int64_t, uint64_t>> rests_;  // when to look whether the worker of which view is idle
  struct Word {
    std::string name;
    uint64_t keep;  // the view that the manager is to keep by this name; 0: it is to let go of it
  };
  std::deque<Word> words_;  // that the manager has not heard yet, in their order
};

}  // namespace sluice::service
