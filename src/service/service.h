// The service's main process: admits peers, keeps the table of views, and ends them.
//
// It reads nothing that a peer wrote: hellos are served by set-up processes, whose questions it
// answers by what the kernel says of their peer, and what it hears from brokers and workers it only
// logs. It can make nothing: that is the maker's.
#pragma once

#include <absl/container/btree_map.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "os/poller.h"
#include "os/process.h"
#include "os/socket.h"
#include "service/maker.h"
#include "service/notifier.h"
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
  int64_t started = 0;   // seconds since 1970
  pid_t pid = 0;         // of this process
  int64_t idle_milliseconds = 0;  // how long it stays without views and peers; 0: for ever
};

class Service {
 public:
  // poller: watches nothing yet. signals: of os::service_signals().
  Service(Options options, Maker maker, os::Poller poller, os::Fd signals);

  // Until a termination signal; embedded, until its last view is gone; where it may be idle for so
  // long only, until it was. Ends every view before.
  core::Outcome run();

 private:
  struct View {
    wire::ViewInfo info;
    os::Fd device, broker_events, worker_events, counters, peer;
    os::Fd broker, worker;
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
  };
  struct Pending {  // a set-up process
    os::Fd process;  // once the maker has said
    os::Fd peer, report;
    os::Peer identity;
    int64_t deadline;
  };
  struct Ending {
    os::Fd process;
    bool ours;         // a broker or worker, which this process reaps once its set-up process has gone
    std::string view;  // whose it was
    const char* name;
    int64_t kill_at = 0;  // milliseconds; 0: has been killed
    uint32_t uid = ~0u;   // of a peer whose place is taken until the process, which it may keep from ending, is gone
    uint32_t grants = 0;  // and, of the broker of a connection, its share
  };
  // Why a view ended: or aborted, which is the same to it.
  static constexpr const char* kUnmounted = "unmounted";
  // What a tag of the poller means: the kind in the lowest bits, the rest the id.
  enum Source : uint64_t { kListener, kSignals, kMaker, kReport, kConnection, kBrokerEvents,
                           kWorkerEvents, kBrokerEnd, kWorkerEnd, kPeer, kEnding, kSources };
  static uint64_t tag(uint64_t id, Source source) { return id * kSources + source; }

  void admit(os::Fd peer, bool log_refusal);
  void take_started();
  void take_report(uint64_t id);
  core::Result<wire::Reply> answer(uint64_t id, const Pending& pending, const wire::Report& report);
  core::Result<wire::Reply> add_view(uint64_t id, wire::ViewInfo info, std::vector<os::Fd> fds);
  core::Result<wire::Reply> add_connection(uint64_t id, wire::ViewInfo info, std::vector<os::Fd> fds);
  void finish_setup(uint64_t id, bool in_time);
  core::Outcome begin_reload(uint64_t id, uint64_t which, core::Rules rules);
  void go_on_reloading(View& view, bool from_broker, uint32_t open);
  void reply_to_setup(uint64_t id, const wire::Reply& reply);
  void take_event(View& view, bool from_broker);
  void log_event(View& view, bool from_broker, const wire::DecodedEvent& event);
  void end_view(uint64_t id, const char* why);
  // A broker or worker without its view ends by itself; one that does not is killed a moment later,
  // a set-up process at once. It is reaped when it is gone, which may take a while: never waited for.
  void put_end(Ending ending);
  void reap_ended(uint64_t id);
  // What set-up processes made and, killed in the middle, never handed over.
  void reap_orphans();
  void kill_late();
  // Whether it has ended. A signal that is not ours is an event of its own.
  bool reap(const Ending& ending);
  void handle(uint64_t event);
  void handle_view(uint64_t id, Source source);
  // Of views whose connection ended and whose worker did not: once in a while. Who waits for a connection's end is
  // woken by each of its requests, so it is only asked for.
  void look_at_connections();
  bool has_ended(const View& view, uint64_t id);
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
  bool said_ready_ = false;
  size_t views_said_ = 0, connections_said_ = 0;
  int64_t watched_at_ = 0;  // when the manager heard last
  int64_t looked_at_ = 0;   // when connections were last looked at
  int64_t busy_at_ = 0;     // when there was last something to do
  absl::btree_map<uint64_t, std::unique_ptr<View>> views_;
  absl::btree_map<uint64_t, std::unique_ptr<Pending>> pending_;
  absl::btree_map<uint64_t, Ending> ending_;
};

}  // namespace sluice::service
