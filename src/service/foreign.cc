#include "service/foreign.h"

#include <array>
#include <ctime>
#include <string>
#include <vector>

#include "core/label.h"
#include "core/limits.h"
#include "os/foreign.h"
#include "os/fuse_device.h"
#include "os/landlock.h"
#include "service/connection.h"
#include "service/foreign_broker.h"
#include "wire/backing_message.h"

namespace sluice::service {

using core::Failure;
using core::Reason;

namespace {

// Who may ask, and where it is.
core::Result<os::PeerNamespace> look_at_peer(const Setup& setup) {
  const os::Peer& peer = setup.identity;
  // Root has the ioctl itself, or was denied it by somebody who meant that.
  if (peer.uid == 0) return Failure{EPERM, Reason::kIdentityRoot};
  auto where = os::namespace_of_peer(setup.peer, peer.uid, peer.gid);
  if (!where.ok()) return where.failure();
  const auto label = os::label_of_peer(setup.peer);
  if (!label.ok()) return label.failure();
  // What a grant writes is judged by the broker's label, which is not the peer's.
  if (!core::is_unconfined(*label)) return Failure{EACCES, Reason::kPeerLabelled};
  return where;
}

struct Found {
  int device;             // borrowed
  uint32_t number;
  std::string target;     // where it is mounted; shown only
  uint64_t mount_namespace;
  std::vector<int> made;  // what the peer gets besides its channels; borrowed
};

core::Outcome start_broker(const Setup& setup, Found connection) {
  const os::Peer& peer = setup.identity;
  const auto reserved = ask(setup.report, {wire::ReportKind::kReserveConnection, peer.uid, connection.number, {}, {}, {}});
  if (!reserved.ok()) return reserved.failure();

  wire::ForeignConfig config{};
  config.magic = wire::kForeignConfigMagic;
  config.most_grants = reserved->count;
  config.private_uid = core::Limits::kFirstPrivateUid +
                       static_cast<uint32_t>(setup.view_id % core::Limits::kPrivateUids);
  config.missing = setup.options.missing;
  config.uid = peer.uid;
  config.audit = setup.options.audit ? 1 : 0;
  config.mount_namespace = connection.mount_namespace;
  auto broker = start_foreign_broker(setup.executables->foreign_broker.get(), connection.device,
                                     {peer.uid, peer.gid, {peer.groups.begin(), peer.groups.end()}}, config);
  if (!broker.ok()) return broker.failure();

  wire::ViewInfo info;
  info.id = setup.view_id;
  info.started = static_cast<int64_t>(::time(nullptr));
  info.uid = peer.uid;
  info.gid = peer.gid;
  info.owner = peer.uid;
  info.foreign = true;
  info.most_grants = config.most_grants;
  info.missing = config.missing & os::landlock_missing();
  info.broker_pid = broker->process.pid;
  info.name = reserved->text;
  info.target = std::move(connection.target);
  info.unit = unit_of_peer(setup.peer);
  info.connection = connection.number;
  std::array<int, kConnectionFds> fds{};
  fds[kConnectionBroker] = broker->process.pidfd.get();
  fds[kConnectionBrokerEvents] = broker->events.get();
  const std::string name = info.name;
  if (auto made = ask(setup.report, {wire::ReportKind::kMadeConnection, 0, 0, {}, std::move(info), {}}, fds); !made.ok()) {
    os::end_child(broker->process);
    return made.failure();
  }
  std::vector<int> handed = {broker->read_only.get(), broker->read_write.get()};
  handed.insert(handed.end(), connection.made.begin(), connection.made.end());
  answer(setup, {0, Reason::kNone, config.most_grants, name}, handed);
  return core::Done{};
}

}  // namespace

core::Outcome serve_connection_of_peer(const Setup& setup, os::Fd device) {
  const auto connection = os::connection_served_by(device.get());
  if (!connection.ok()) return connection.failure();
  const auto where = look_at_peer(setup);
  if (!where.ok()) return where.failure();
  auto mountpoint = os::mountpoint_in(*where, *connection);
  if (!mountpoint.ok()) return mountpoint.failure();
  // Its number was this connection's all the time: it has not ended meanwhile, and left it to another.
  if (const auto still = os::connection_served_by(device.get()); !still.ok()) return still.failure();
  return start_broker(setup, {device.get(), *connection, *std::move(mountpoint), where->id, {}});
}

core::Outcome make_connection_for_peer(const Setup& setup) {
  const auto where = look_at_peer(setup);
  if (!where.ok()) return where.failure();
  os::FuseMount options{setup.identity.uid, setup.identity.gid, false, false, "sluice-connection"};
  options.subtype = "sluice-connection";
  const auto connection = make_unanswered_connection(options);
  if (!connection.ok()) return connection.failure();
  const int device = connection->device.get(), mount = connection->mount.get();
  return start_broker(setup, {device, os::connection_of(mount), "", where->id, {device, mount}});
}

}  // namespace sluice::service
