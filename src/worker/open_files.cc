#include "core/limits.h"
#include "worker/open_files.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

namespace sluice::worker {
namespace {

using wire::BrokerOp;

wire::BrokerRequest about(BrokerOp op, uint64_t grant) {
  wire::BrokerRequest request{};
  request.op = op;
  request.grant = grant;
  return request;
}

// The kernel knew a name that is not there: let it look again, since what the caller wants may be to
// make one, or by a directory that has been replaced.
core::Failure stale_if_absent(const core::Failure& why) {
  return why.error == ENOENT ? core::Failure{ESTALE, why.reason} : why;
}

bool is_of(const FileKey& key, const wire::GrantedFile& file) {
  return key.dev == file.dev && key.ino == file.ino && key.root == file.root;
}

}  // namespace

os::Stat to_stat(const wire::BrokerReply& reply) {
  os::Stat stat;
  static_assert(sizeof(stat) <= sizeof(reply.attributes));
  std::memcpy(&stat, reply.attributes, sizeof(stat));
  return stat;
}

int64_t OpenFiles::now() {
  struct timespec time;
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1000000 + 1;
}

wire::BrokerRequest OpenFiles::request_to_open(const Node* node, int flags) const {
  const int access = flags & O_ACCMODE;
  wire::BrokerRequest request{};
  request.op = BrokerOp::kOpen;
  request.flags = (access != O_WRONLY ? wire::kOpenRead : 0) |
                  (access != O_RDONLY ? wire::kOpenWrite : 0) |
                  ((flags & O_TRUNC) != 0 ? wire::kOpenTruncate : 0);
  request.dev = node->key.dev;
  request.ino = node->key.ino;
  return request;
}

core::Result<wire::BrokerReply> OpenFiles::ask_grant(Node* node, int flags, Noted noted) {
  return table_.by_any_name(node, [&] { return ask_grant_by_this_name(node, flags, noted); });
}

core::Result<wire::BrokerReply> OpenFiles::ask_grant_by_this_name(Node* node, int flags, Noted noted) {
  PathBuffer buffer;
  auto path = table_.path_of(node, buffer);
  if (!path.ok()) return path.failure();
  const wire::BrokerRequest request = request_to_open(node, flags);
  counters_.grants_asked.fetch_add(1, std::memory_order_relaxed);
  const auto ask = [&](BrokerLink& link) {
    return noted == Noted::kYes ? link.ask(request, *path) : link.open_unnoted(request, *path);
  };
  if (view_read_only_) return ask(read_only_link_);
  auto reply = ask(read_write_);
  if (reply.ok() && reply->use_read_only != 0) return ask(read_only_link_);
  return reply;
}

core::Outcome OpenFiles::open(Node* node, int flags) {
  settle(node);
  const bool write = (flags & O_ACCMODE) != O_RDONLY;
  const bool truncate = (flags & O_TRUNC) != 0;
  // A grant that is still there serves another reader as it is: the kernel has checked the
  // permission on attributes no older than the view's coherence, and the grant is for this very
  // inode. Writers are always checked by the broker, except on a file without a name, for which the
  // broker has checked this identity when it last had one.
  const bool nameless = node->parent == nullptr;
  const bool as_good = node->grant != 0 && (!write || (nameless && node->writable));
  if (nameless && !as_good) return lost_race();
  // The broker empties what it opens for writing; for O_RDONLY|O_TRUNC, and where nothing is opened
  // any more, it is a request of its own, with the same check.
  const bool cut_here = truncate && (!write || nameless);
  if (cut_here) {
    if (auto cut = this->truncate(node, 0); !cut.ok()) return cut;
  }
  if (as_good) {
    if (!nameless) {
      if (auto held = table_.keep_held(node); !held.ok()) return held;
    }
    link().flush();  // of a program that was just written: who writes it no more may be the one who runs it
    counters_.grants_kept.fetch_add(1, std::memory_order_relaxed);
  } else if (auto got = get_grant(node, cut_here ? flags & ~O_TRUNC : flags); !got.ok()) {
    return got;
  }
  stop_idling(node);
  if (std::exchange(node->ahead, false)) habit_.used();
  ++node->opens;
  if (write) ++node->write_opens;
  table_.legacy().opened(*node);
  return core::Done{};
}

core::Outcome OpenFiles::take_over() {
  auto granted = read_only_link_.list_grants();
  if (!granted.ok()) return granted.failure();
  uint64_t nodes = 0;  // that use a grant: as many as give one back
  absl::flat_hash_map<uint64_t, const wire::GrantedFile*> left;
  for (const wire::GrantedFile& each : *granted) left[each.grant] = &each;
  std::vector<Node*> bare;
  table_.for_each([&](Node* node) {
    const auto found = left.find(node->grant);
    // What is granted may be another file: the grant was written down by who may have been hostile.
    const bool is_its = found != left.end() && is_of(node->key, *found->second);
    // What nobody has open is kept as it was, but for what would soon go: it has no name, or no descriptor.
    const bool is_kept = is_its && (node->opens > 0 || (node->parent != nullptr && found->second->bare == 0));
    if (!is_kept) {
      node->grant = 0;
      node->backing_id = 0;
      node->opens = node->write_opens = 0;
      return table_.legacy().settled(*node);
    }
    node->backing_id = static_cast<int>(found->second->backing_id);
    table_.legacy().settled(*node);
    Users& users = users_[node->grant];
    ++users.nodes;
    ++nodes;
    if (node->opens == 0) return set_idle(node, false);
    node->writable = node->write_opens > 0;
    if (node->writable) ++users.writers;
    node->watched = true;
    if (!table_.legacy().intent().leaves_names_open()) table_.find_again(node);
    if (found->second->bare != 0) bare.push_back(node);
  });
  // Of a file without a name, or that may not be opened any more, only the data go on.
  for (Node* node : bare) {
    if (node->parent == nullptr) continue;
    (void)ask_grant(node, O_RDONLY, Noted::kNo);
    if (node->writable) (void)ask_grant(node, O_WRONLY, Noted::kNo);
  }
  for (const auto& [grant, of] : left) {
    const auto users = users_.find(grant);
    if (users == users_.end()) {
      link().tell(about(BrokerOp::kClose, grant));
    } else if (users->second.writers == 0 && of->writable != 0) {
      link().tell(about(BrokerOp::kDropWrite, grant));
    }
  }
  counters_.grants.store(nodes, std::memory_order_relaxed);
  return core::Done{};
}

void OpenFiles::take_back(Node* node, uint64_t before) {
  const auto opens = static_cast<uint32_t>(before >> 32);
  const auto write_opens = static_cast<uint32_t>(before);
  if (node->grant == 0) return;
  if (node->opens == opens + 1) {
    release(node, node->write_opens > write_opens);
  } else if (node->opens + 1 == opens) {
    stop_idling(node);
    ++node->opens;
    if (node->write_opens < write_opens) ++node->write_opens;
    table_.legacy().opened(*node);
  }
}

core::Outcome OpenFiles::get_grant(Node* node, int flags) {
  // From here on the node is found by its descriptor, whatever happens to its name.
  if (auto held = table_.keep_held(node); !held.ok()) return held;
  if (node->grant == 0) make_room();
  auto reply = ask_grant(node, flags);
  if (!reply.ok()) {
    if (node->grant == 0) table_.let_go(node);
    return stale_if_absent(reply.failure());
  }
  if (node->grant != 0 && reply->grant != node->grant) {
    // By now the broker's clock says that other rules hold: to the kernel it is another file.
    if (!users_.contains(reply->grant)) tell_closed(reply->grant);
    return core::Failure{ESTALE, core::Reason::kNone};
  }
  take_grant(node, *reply, (flags & O_ACCMODE) != O_RDONLY);
  return core::Done{};
}

void OpenFiles::take_grant(Node* node, const wire::BrokerReply& reply, bool write) {
  Users& users = users_[reply.grant];
  if (node->grant == 0) {
    ++users.nodes;
    counters_.grants.fetch_add(1, std::memory_order_relaxed);
  }
  if (write && !node->writable) {
    ++users.writers;
    node->writable = true;
  }
  node->grant = reply.grant;
  node->backing_id = reply.backing_id;
  table_.legacy().opened(*node);
}

core::Failure OpenFiles::lost_race() {
  contested_until_ = now() + core::Limits::kContestedMilliseconds;
  return {ESTALE, core::Reason::kNone};
}

void OpenFiles::before_name_goes(Node* node, const Node* parent, std::string_view name,
                                 bool replaced) {
  if (node->type != S_IFREG) return;
  settle(node);
  const bool last = node->parent == parent && node->name == name && node->links.empty();
  if (last && contested()) {
    // What may not be written can at least be read.
    const bool kept = node->writable || get_grant(node, O_RDWR).ok() || node->grant != 0 ||
                      get_grant(node, O_RDONLY).ok();
    if (kept && node->opens == 0) set_idle(node, true);
  } else if (!replaced) {
    drop_idle(node);  // a file that was replaced can be opened for reading as long as it has its grant
  }
}

core::Result<Node*> OpenFiles::open_temp(Node* directory, uint32_t mode, bool exclusive,
                                         wire::BrokerReply* attributes) {
  PathBuffer buffer;
  auto path = table_.path_of(directory, buffer);
  if (!path.ok()) return path.failure();
  wire::BrokerRequest request{};
  request.op = BrokerOp::kOpenTemp;
  request.mode = mode;
  request.flags = exclusive ? wire::kTempExclusive : 0;
  make_room();
  counters_.grants_asked.fetch_add(1, std::memory_order_relaxed);
  auto reply = read_write_.ask(request, *path);
  if (!reply.ok()) return reply.failure();
  const os::Stat stat = to_stat(*reply);
  Node* node = table_.remember_nameless({os::dev_of(stat), stat.stx_ino, stat.stx_btime.tv_sec,
                                         stat.stx_btime.tv_nsec, directory->key.root},
                                        directory->facet);
  take_grant(node, *reply, true);
  node->opens = node->write_opens = 1;
  table_.legacy().opened(*node);
  *attributes = *reply;
  return node;
}

void OpenFiles::release(Node* node, bool write) {
  if (node->opens == 0) return;
  --node->opens;
  const bool nameless = node->parent == nullptr;
  const bool last_writer = write && node->write_opens > 0 && --node->write_opens == 0;
  table_.legacy().opened(*node);
  if (last_writer && !(nameless && contested())) drop_write(node);
  if (node->opens > 0) return;
  node->watched = false;
  // Deleted: its blocks are freed soon. Not at once, since somebody may be about to open what has just
  // been replaced by a newer version.
  set_idle(node, nameless);
}

void OpenFiles::drop_write(Node* node) {
  if (!node->writable) return;
  node->writable = false;
  if (--users_[node->grant].writers == 0) link().tell_soon(about(BrokerOp::kDropWrite, node->grant));
}

// Another node may have had the grant, and what was asked for ahead of this one be answered with it.
void OpenFiles::tell_closed(uint64_t grant) {
  if (read_write_.asked_ahead() + read_only_link_.asked_ahead() > 0) closed_.insert(grant);
  link().tell_soon(about(BrokerOp::kClose, grant));
}

void OpenFiles::close_grant(Node* node) {
  if (node->grant == 0) return;
  Users& users = users_[node->grant];
  if (users.nodes > 1) {
    drop_write(node);
    --users.nodes;
  } else {
    tell_closed(node->grant);
    users_.erase(node->grant);
  }
  counters_.grants.fetch_sub(1, std::memory_order_relaxed);
  node->grant = 0;
  node->backing_id = 0;
  node->writable = false;
  if (std::exchange(node->ahead, false)) habit_.wasted();
  table_.legacy().opened(*node);
  stop_idling(node);
  table_.let_go(node);
}

core::Outcome OpenFiles::truncate(Node* node, int64_t length) {
  const bool nameless = node->parent == nullptr;
  if (nameless && !node->writable) return lost_race();
  if (node->write_opens > 0 || nameless) {
    wire::BrokerRequest request = about(BrokerOp::kTruncate, node->grant);
    request.length = length;
    auto reply = read_write_.ask(request);
    if (!reply.ok()) return reply.failure();
    return core::Done{};
  }
  auto cut = table_.by_any_name(node, [&]() -> core::Result<wire::BrokerReply> {
    PathBuffer buffer;
    auto path = table_.path_of(node, buffer);
    if (!path.ok()) return path.failure();
    wire::BrokerRequest request{};
    request.op = BrokerOp::kTruncatePath;
    request.dev = node->key.dev;
    request.ino = node->key.ino;
    request.length = length;
    return read_write_.ask(request, *path);
  });
  if (!cut.ok()) return stale_if_absent(cut.failure());
  return core::Done{};
}

core::Result<wire::BrokerReply> OpenFiles::stat_temp(Node* node) {
  return read_write_.ask(about(BrokerOp::kStat, node->grant));
}

core::Outcome OpenFiles::change_temp(Node* node, wire::BrokerRequest change) {
  change.op = BrokerOp::kChange;
  change.grant = node->grant;
  auto reply = read_write_.ask(change);
  if (!reply.ok()) return reply.failure();
  return core::Done{};
}

core::Outcome OpenFiles::link_temp(Node* node, Node* parent, std::string_view name) {
  if (!is_temp(node)) return core::Failure{ENOENT, core::Reason::kNone};  // deleted: as linkat(2)
  PathBuffer buffer;
  auto path = table_.path_of(parent, name, buffer);
  if (!path.ok()) return path.failure();
  wire::BrokerRequest request = about(BrokerOp::kLinkNameless, node->grant);
  request.dev = parent->key.dev;
  request.ino = parent->key.ino;
  auto reply = read_write_.ask(request, *path);
  if (!reply.ok()) return reply.failure();
  return core::Done{};
}

}  // namespace sluice::worker
