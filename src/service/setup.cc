#include "service/setup.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "core/filesystem.h"
#include "core/limits.h"
#include "core/unit_name.h"
#include "core/zeroed_memory.h"
#include "os/file.h"
#include "os/fuse_device.h"
#include "os/landlock.h"
#include "os/mount.h"
#include "os/search.h"
#include "os/self.h"
#include "os/service_self.h"
#include "os/shared_file.h"
#include "service/connection.h"
#include "service/foreign.h"
#include "service/log.h"
#include "wire/backing_message.h"
#include "wire/report.h"

namespace sluice::service {

using core::Failure;
using core::Reason;
using wire::Hello;

void answer(const Setup& setup, const wire::Reply& reply, std::span<const int> fds) {
  (void)os::send_message(setup.peer, wire::encode_reply(reply), fds);
}

std::string unit_of_peer(int peer) {
  const auto groups = os::groups_of_peer(peer);
  return groups.ok() ? core::unit_of(*groups) : std::string();
}

core::Result<wire::Reply> ask(int report, const wire::Report& question, std::span<const int> fds) {
  if (auto sent = os::send_message(report, wire::encode_report(question), fds); !sent.ok()) {
    return sent.failure();
  }
  std::array<uint8_t, 512> buffer;
  auto message = os::receive_message(report, buffer, 0);
  if (!message.ok()) return message.failure();
  auto reply = wire::decode_reply({buffer.data(), message->length});
  if (reply.ok() && reply->reason != Reason::kNone) return Failure{reply->error, reply->reason};
  return reply;
}

namespace {

// The source as the peer proves it with a descriptor: safe to look at even on a hostile filesystem.
core::Result<os::Fd> check_source(os::Fd fd) {
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || (flags & O_PATH) == 0) return Failure{EINVAL, Reason::kSourceNotPathFd};
  auto magic = os::filesystem_magic(fd.get());
  if (!magic.ok()) return magic.failure();
  if (core::stacks(*magic)) return Failure{ELOOP, Reason::kSourceStacked};
  if (!core::is_served(*magic)) return Failure{EOPNOTSUPP, Reason::kSourceFilesystem};
  auto stat = os::stat_held(fd.get());
  if (!stat.ok()) return stat.failure();
  if (!S_ISDIR(stat->stx_mode)) return Failure{ENOTDIR, Reason::kSourceNotDirectory};
  return fd;
}

// An unprivileged peer is itself; root says who.
core::Result<Identity> decide_identity(const Setup& setup, const Hello& hello) {
  const os::Peer& peer = setup.identity;
  if (hello.preserve) {
    if (peer.uid != 0 || !setup.options.may_preserve) return Failure{EPERM, Reason::kNotPermitted};
    if (hello.device_nodes && !setup.options.may_make_devices) return Failure{EPERM, Reason::kNotPermitted};
    return Identity{0, 0, {}};
  }
  if (hello.named_identity) {
    const bool itself = hello.uid == peer.uid && hello.gid == peer.gid;
    if (peer.uid != 0 && !itself) return Failure{EPERM, Reason::kNotPermitted};
    if (hello.uid == 0) return Failure{EINVAL, Reason::kIdentityRoot};
    if (peer.uid == 0) return Identity{hello.uid, hello.gid, hello.groups};
  }
  if (peer.uid == 0) return Failure{EINVAL, Reason::kIdentityRoot};
  return Identity{peer.uid, peer.gid, {peer.groups.begin(), peer.groups.end()}};
}

// Detached trees are copied in the mount namespace that they were made in, and nowhere else.
Tree with_another(os::Fd read_only, os::Fd read_write) {
  auto another = os::clone_tree(read_write.get(), false);
  return {std::move(read_only), std::move(read_write), another.ok() ? *std::move(another) : os::Fd()};
}

core::Result<Tree> clone(os::Fd directory, bool read_only, bool device_nodes) {
  auto source = check_source(std::move(directory));
  if (!source.ok()) return source.failure();
  // What is made there opens no device to who comes to it as the administrator does, and was meant to open none.
  if (device_nodes && !read_only) {
    const auto nodev = os::is_nodev(source->get());
    if (!nodev.ok()) return nodev.failure();
    if (!*nodev) return Failure{EPERM, Reason::kDeviceNodes};
  }
  auto first = os::clone_tree(source->get(), true);
  if (!first.ok()) return first.failure();
  // Two mounts in any case, since broker and worker each attach one; but what is read-only has no
  // writable tree anywhere.
  auto second = os::clone_tree(source->get(), read_only);
  if (!second.ok()) return second.failure();
  return with_another(*std::move(first), *std::move(second));
}

// A tree of empty directories, as places for the grafts.
core::Result<Tree> make_places(const Hello& hello) {
  std::vector<std::string_view> places;
  for (const core::Graft& graft : hello.grafts) {
    const size_t slash = graft.at.rfind('/');
    const auto above = std::string_view(graft.at).substr(0, slash == std::string::npos ? 0 : slash);
    // What is in another graft has its place there.
    if (core::place_of(hello.grafts, above).root == 0) places.push_back(graft.at);
  }
  auto first = os::empty_tree(places);
  if (!first.ok()) return first.failure();
  auto second = os::empty_tree(places);
  if (!second.ok()) return second.failure();
  return with_another(*std::move(first), *std::move(second));
}

// fds: of the source, if there is one, and of each graft.
core::Result<std::vector<Tree>> make_trees(const Hello& hello, std::vector<os::Fd> fds) {
  std::vector<Tree> trees;
  if (hello.no_source) {
    auto tree = make_places(hello);
    if (!tree.ok()) return tree.failure();
    trees.push_back(*std::move(tree));
  }
  for (os::Fd& fd : fds) {
    const bool read_only =
        hello.read_only || (!trees.empty() && hello.grafts[trees.size() - 1].read_only);
    auto tree = clone(std::move(fd), read_only, hello.device_nodes);
    if (!tree.ok()) return tree.failure();
    trees.push_back(*std::move(tree));
  }
  return trees;
}

// Not one that somebody uses at once; nor one whose processes would find a mistake of who asks for it, who is to hear of it: a
// place of a graft that is not there, a source that may not be searched, no user namespace.
bool begins_at_rest(const Setup& setup, const Hello& hello, const Identity& identity, std::span<const Tree> trees) {
  return setup.busy && !hello.tied && !hello.record && !hello.preserve && hello.grafts.empty() && trees[0].another &&
         os::may_search(trees[0].another.get(), identity.uid, identity.gid, identity.groups);
}

core::Outcome make_view(const Setup& setup, const Hello& hello, std::vector<os::Fd> fds_of_trees) {
  auto identity = decide_identity(setup, hello);
  if (!identity.ok()) return identity.failure();
  const auto reserved =
      ask(setup.report, {wire::ReportKind::kReserve, identity->uid, 0, hello.name, {}, {}});
  if (!reserved.ok()) return reserved.failure();
  auto trees = make_trees(hello, std::move(fds_of_trees));
  if (!trees.ok()) return trees.failure();
  // What is still to be made takes none of the host's mounts.
  if (auto gone = leave_mounts(*setup.executables); !gone.ok()) return gone;
  auto connection = make_connection(
      {identity->uid, identity->gid, hello.preserve, hello.read_only, hello.source});
  if (!connection.ok()) return connection.failure();

  wire::ViewConfig config;
  config.read_only = hello.read_only;
  config.preserve = hello.preserve;
  config.device_nodes = hello.device_nodes;
  config.audit = setup.options.audit;
  config.coherence_milliseconds = hello.coherence_milliseconds;
  config.most_grants = reserved->count;
  config.private_uid = private_uid_of(setup.view_id);
  config.uid = hello.preserve ? config.private_uid : identity->uid;
  config.missing = setup.options.missing;
  config.init = connection->init;
  config.rules = hello.rules;
  config.grafts = hello.grafts;
  std::pair<os::Fd, os::Fd> record;
  if (hello.record) {
    auto pipe = os::record_pipe(core::Limits::kRecordBytes);
    if (!pipe.ok()) return pipe.failure();
    record = *std::move(pipe);
  }
  const bool at_rest = begins_at_rest(setup, hello, *identity, *trees);
  auto processes = start_processes(*setup.executables, connection->device.get(), *std::move(trees), *identity,
                                   config, std::move(record.second), at_rest);
  if (!processes.ok()) return processes.failure();

  wire::ViewInfo view;
  view.id = setup.view_id;
  view.started = static_cast<int64_t>(::time(nullptr));
  view.uid = identity->uid;
  view.gid = identity->gid;
  view.owner = setup.identity.uid;
  view.rules = static_cast<uint32_t>(hello.rules.size());
  view.most_grants = config.most_grants;
  view.missing = config.missing & os::landlock_missing();
  view.broker_pid = processes->broker.pid;
  view.worker_pid = processes->worker.pid;
  view.coherence_milliseconds = hello.coherence_milliseconds;
  view.read_only = hello.read_only;
  view.preserve = hello.preserve;
  view.device_nodes = hello.device_nodes;
  view.tied = hello.tied;
  view.name = reserved->text;
  view.source = hello.source;
  view.target = hello.target;
  view.unit = unit_of_peer(setup.peer);
  view.connection = os::connection_of(connection->mount.get());
  const auto kind = at_rest ? wire::ReportKind::kMadeResting : wire::ReportKind::kMade;
  std::vector<int> fds(at_rest ? 0 : kViewFds);
  if (at_rest) {
    fds = {connection->device.get(), processes->counters.get()};
  } else {
    fds[kViewDevice] = connection->device.get();
    fds[kViewBroker] = processes->broker.pidfd.get();
    fds[kViewWorker] = processes->worker.pidfd.get();
    fds[kViewBrokerEvents] = processes->broker_events.get();
    fds[kViewWorkerEvents] = processes->worker_events.get();
    fds[kViewCounters] = processes->counters.get();
    fds[kViewWatch] = processes->watch.get();
  }
  if (processes->park) fds.push_back(processes->park.get());
  const uint32_t can_have = processes->park ? static_cast<uint32_t>(1 + config.grafts.size()) : 0;
  // The main process knows of the view before the client has it: it can always end it.
  const std::string name = view.name;
  if (auto made = ask(setup.report, {kind, can_have, 0, {}, std::move(view), {}}, fds); !made.ok()) {
    for (const os::Child* process : {&processes->broker, &processes->worker}) {
      if (process->pidfd) os::end_child(*process);
    }
    return made.failure();
  }
  const int handed[] = {connection->mount.get(), record.first.get()};
  answer(setup, {0, Reason::kNone, 0, name}, {handed, hello.record ? 2u : 1u});
  return core::Done{};
}

core::Outcome list_views(const Setup& setup) {
  std::vector<std::vector<uint8_t>> views;
  std::vector<uint8_t> buffer(wire::kViewInfoMost);
  for (uint64_t after = 0;;) {
    auto reply = ask(setup.report, {wire::ReportKind::kNext, 0, after, {}, {}, {}});
    if (!reply.ok()) return reply.failure();
    if (reply->count == 0) break;
    auto message = os::receive_message(setup.report, buffer, 0);
    if (!message.ok()) return message.failure();
    auto view = wire::decode_view({buffer.data(), message->length});
    if (!view.ok()) return view.failure();
    after = view->id;
    views.emplace_back(buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(message->length));
  }
  answer(setup, {0, Reason::kNone, static_cast<uint32_t>(views.size()), {}});
  for (const auto& view : views) {
    if (auto sent = os::send_message(setup.peer, view); !sent.ok()) break;  // the peer has gone
  }
  return core::Done{};
}

core::Outcome give_totals(const Setup& setup) {
  if (auto reply = ask(setup.report, {wire::ReportKind::kTotals, 0, 0, {}, {}, {}}); !reply.ok()) {
    return reply.failure();
  }
  std::vector<uint8_t> buffer(wire::kViewInfoMost);
  auto message = os::receive_message(setup.report, buffer, 0);
  if (!message.ok()) return message.failure();
  answer(setup, {0, Reason::kNone, 1, {}});
  return os::send_message(setup.peer, std::span(buffer).first(message->length));
}

core::Outcome end_view(const Setup& setup, const Hello& hello) {
  auto ended = ask(setup.report, {wire::ReportKind::kEnd, 0, 0, hello.name, {}, {}});
  if (!ended.ok()) return ended.failure();
  answer(setup, {});
  return core::Done{};
}

// What runs in a view is often its owner. It could not show itself what the view hides if the rules
// could only be changed by who has not given up its privileges, as all that `sluice run` starts has.
core::Outcome reload_view(const Setup& setup, Hello hello) {
  auto confined = os::peer_is_confined(setup.peer);
  if (!confined.ok()) return Failure{confined.failure().error, Reason::kNotPermitted};
  if (*confined) return Failure{EPERM, Reason::kNotPermitted};
  auto reloaded =
      ask(setup.report, {wire::ReportKind::kReload, 0, 0, hello.name, {}, std::move(hello.rules)});
  if (!reloaded.ok()) return reloaded.failure();
  answer(setup, {0, Reason::kNone, reloaded->count, {}});
  return core::Done{};
}

core::Outcome serve(const Setup& setup) {
  const auto buffer = core::zeroed_memory<uint8_t>(wire::kHelloMost);
  auto message = os::receive_message(setup.peer, {buffer.get(), wire::kHelloMost}, 1 + core::kMostGrafts);
  if (!message.ok()) return message.failure();
  if (message->length == 0) return Failure{0, Reason::kNone};  // only looked whether we are there
  const std::span bytes(buffer.get(), message->length);
  if (wire::is_foreign_hello(bytes)) {
    const auto foreign = wire::check_foreign_hello(bytes);
    if (!foreign.ok()) return foreign.failure();
    const bool makes = (foreign->flags & wire::kForeignMake) != 0;
    if (message->fds.size() != (makes ? 0 : 1)) return Failure{EPROTO, Reason::kProtocol};
    return makes ? make_connection_for_peer(setup) : serve_connection_of_peer(setup, std::move(message->fds[0]));
  }
  auto hello = wire::decode_hello(bytes);
  if (!hello.ok()) return hello.failure();
  const bool mount = hello->kind == wire::HelloKind::kMount;
  const size_t trees = mount ? hello->grafts.size() + (hello->no_source ? 0 : 1) : 0;
  if (message->fds.size() != trees || (mount && trees == 0)) return Failure{EPROTO, Reason::kProtocol};
  switch (hello->kind) {
    case wire::HelloKind::kMount:
      return make_view(setup, *hello, std::move(message->fds));
    case wire::HelloKind::kList:
      return list_views(setup);
    case wire::HelloKind::kEnd:
      return end_view(setup, *hello);
    case wire::HelloKind::kReload:
      return reload_view(setup, *std::move(hello));
    case wire::HelloKind::kTotals:
      return give_totals(setup);
  }
  return Failure{EPROTO, Reason::kProtocol};
}

}  // namespace

void run_setup(const Setup& setup) {
  os::keep_children();  // until they are the main process's, which wants to know how they ended
  for (const int socket : {setup.peer, setup.report}) {
    (void)os::set_timeout(socket, core::Limits::kSetupSeconds * 1000);
  }
  const auto served = serve(setup);
  if (served.ok() || served.failure().reason == Reason::kNone) return;
  const auto reason = static_cast<uint64_t>(served.failure().reason);
  const wire::Report refused{wire::ReportKind::kRefused, 0, reason, {}, {}, {}};
  (void)os::send_message(setup.report, wire::encode_report(refused));
  if (setup.log_refusal) log(Level::kWarning, "refused",
      {{"peer_uid", absl::StrCat(setup.identity.uid)},
       {"peer_pid", absl::StrCat(setup.identity.pid)},
       {"peer_unit", unit_of_peer(setup.peer)},
       {"verdict", "refused"},
       {"reason", describe(served.failure())}});
  answer(setup, {served.failure().error, served.failure().reason, 0, {}});
}

}  // namespace sluice::service
