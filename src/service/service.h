// The service's main process: admits peers, keeps the table of views, and ends them.
//
// It reads nothing that a peer wrote: hellos are served by set-up processes, and what it hears from
// brokers and workers it only logs.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "os/poller.h"
#include "os/process.h"
#include "os/socket.h"
#include "service/processes.h"
#include "wire/control.h"

namespace sluice::service {

struct Options {
  os::Fd listener;       // where peers connect; may be none
  os::Fd first_peer;     // embedded: the one peer that is already connected
  bool may_preserve = false;
};

class Service {
 public:
  static core::Result<std::unique_ptr<Service>> create(Options options, Executables executables);

  // Until a termination signal; embedded, until its last view is gone. Ends every view before.
  core::Outcome run();

 private:
  struct View {
    wire::ViewInfo info;
    os::Fd device, broker_events, worker_events, counters, peer;
    os::Child broker, worker;
    bool peer_gone = false;
  };
  struct Pending {  // a set-up process
    os::Child child;
    os::Fd peer, report;
    os::Peer identity;
    int64_t deadline;
  };
  // What a tag of the poller means: the kind in the lowest bits, the rest the id.
  enum Source : uint64_t { kListener, kSignals, kReport, kBrokerEvents, kWorkerEvents, kBrokerEnd,
                           kWorkerEnd, kPeer, kEnding, kSources };
  static uint64_t tag(uint64_t id, Source source) { return id * kSources + source; }

  Service(Options options, Executables executables, os::Poller poller, os::Fd signals);
  void admit(os::Fd peer, bool log_refusal);
  void take_report(uint64_t id);
  void finish_setup(uint64_t id, bool in_time);
  void add_view(uint64_t id, wire::ViewInfo info, std::vector<os::Fd> fds, os::Fd peer);
  void log_events(View& view, bool from_broker);
  void end_view(uint64_t id, const char* why);
  // Kills a child and reaps it when it is gone, which may take a while: it is never waited for.
  void put_end(os::Child child);
  void reap_ended(uint64_t id);
  void handle(uint64_t event);
  void expire_setups();
  std::vector<wire::ViewInfo> snapshot() const;

  Options options_;
  Executables executables_;
  os::Poller poller_;
  os::Fd signals_;
  uint64_t last_id_ = 0;
  bool stopping_ = false;
  absl::flat_hash_map<uint64_t, std::unique_ptr<View>> views_;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Pending>> pending_;
  absl::flat_hash_map<uint64_t, os::Child> ending_;
};

}  // namespace sluice::service
