#include "service/foreign.h"

#include <array>
#include <ctime>

#include "core/label.h"
#include "core/limits.h"
#include "os/foreign.h"
#include "os/landlock.h"
#include "service/foreign_broker.h"
#include "wire/backing_message.h"

namespace sluice::service {

using core::Failure;
using core::Reason;

core::Outcome make_foreign(const Setup& setup, os::Fd device) {
  const os::Peer& peer = setup.identity;
  // Root has the ioctl itself, or was denied it by somebody who meant that.
  if (peer.uid == 0) return Failure{EPERM, Reason::kIdentityRoot};
  const auto connection = os::connection_served_by(device.get());
  if (!connection.ok()) return connection.failure();
  const auto where = os::namespace_of_peer(setup.peer, peer.uid, peer.gid);
  if (!where.ok()) return where.failure();
  const auto mountpoint = os::mountpoint_in(*where, *connection);
  if (!mountpoint.ok()) return mountpoint.failure();
  // Its number was this connection's all the time: it has not ended meanwhile, and left it to another.
  if (const auto still = os::connection_served_by(device.get()); !still.ok()) return still.failure();
  const auto label = os::label_of_peer(setup.peer);
  if (!label.ok()) return label.failure();
  if (!core::is_unconfined(*label)) return Failure{EACCES, Reason::kPeerLabelled};
  const auto reserved = ask(setup.report, {wire::ReportKind::kReserveConnection, peer.uid, *connection, {}, {}, {}});
  if (!reserved.ok()) return reserved.failure();

  wire::ForeignConfig config{};
  config.magic = wire::kForeignConfigMagic;
  config.most_grants = reserved->count;
  config.private_uid = core::Limits::kFirstPrivateUid +
                       static_cast<uint32_t>(setup.view_id % core::Limits::kPrivateUids);
  config.missing = setup.options.missing;
  // What a grant writes is judged by the broker's label, which is not the peer's.
  config.uid = peer.uid;
  config.audit = setup.options.audit ? 1 : 0;
  config.mount_namespace = where->id;
  auto broker = start_foreign_broker(setup.executables->foreign_broker.get(), device.get(),
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
  info.target = *mountpoint;
  info.unit = unit_of_peer(setup.peer);
  info.connection = *connection;
  std::array<int, kConnectionFds> fds{};
  fds[kConnectionBroker] = broker->process.pidfd.get();
  fds[kConnectionBrokerEvents] = broker->events.get();
  const std::string name = info.name;
  if (auto made = ask(setup.report, {wire::ReportKind::kMadeConnection, 0, 0, {}, std::move(info), {}}, fds); !made.ok()) {
    os::end_child(broker->process);
    return made.failure();
  }
  const int handed[] = {broker->read_only.get(), broker->read_write.get()};
  answer(setup, {0, Reason::kNone, config.most_grants, name}, handed);
  return core::Done{};
}

}  // namespace sluice::service
