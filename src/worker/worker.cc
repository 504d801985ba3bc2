#include "core/limits.h"
#include "core/recovery_limits.h"
#include "core/zeroed_memory.h"
#include "worker/worker.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <iterator>

#include "os/channel.h"
#include "wire/event.h"
#include "wire/worker_start.h"
#include "worker/due.h"

namespace sluice::worker {
namespace {

// How long a file must be open before its attributes are no longer cached.
constexpr int64_t kFreshMilliseconds = 4;

}  // namespace

core::Result<Node*> Worker::look_up(Node* parent, std::string_view name, os::Stat* stat) {
  constexpr core::Failure kAbsent{ENOENT, core::Reason::kHidden};
  if (auto may = rules.may(parent, core::Operation::kEnter); !may.ok()) return may.failure();
  const core::Verdicts verdicts = rules.decide(parent, name);
  // A name that is hidden whatever it is takes the same way whether it exists or not.
  if (rules.hides(verdicts.file) && rules.hides(verdicts.directory)) return kAbsent;
  auto found = table.stat_child(parent, name);
  if (!found.ok()) return found.failure();
  const core::Decision& decision = verdicts.of(S_ISDIR(found->stx_mode));
  if (rules.hides(decision)) return kAbsent;
  *stat = *found;
  return remember(parent, name, *found, rules.facet_of(decision));
}

Node* Worker::remember(Node* parent, std::string_view name, const os::Stat& stat, Facet facet) {
  Node* node = table.remember(parent, name, stat, facet);
  rules.decided_now(node);
  return node;
}

uint32_t Worker::attribute_time(const Node* node, uint32_t links) const {
  if (node->watched) return 0;
  if (node->is_directory()) return time_of(node->announced);
  // Another name may be in a directory that is not watched, and be made without a word. Where the kernel checks
  // permissions by what it remembers, and nobody else does, that is not risked.
  return time_of(!config.preserve && watches.what() == os::Watched::kNamesAndFiles && links == 1 && node->parent != nullptr &&
                 node->parent->announced);
}

int64_t Worker::nanoseconds() {
  struct timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void Worker::reply_entry(fuse_req_t req, const Node* parent, Node* node, os::Stat stat) {
  rules.show(node->facet, &stat);
  struct fuse_entry_param entry {};
  entry.ino = node->id;
  entry.attr = to_stat(stat);
  entry.attr_timeout = seconds(attribute_time(node, stat.stx_nlink));
  entry.entry_timeout = seconds(name_time(parent));
  table.count_lookup(node);
  // The caller may have given up: then the kernel does not know the node.
  if (fuse_reply_entry(req, &entry) != 0) table.forget(node, 1);
}

void Worker::begin(uint64_t number) {
  if (!intent().begin(number)) return;
  const Intent::Count count = intent().counted();
  // Whether the count came to the node before the end or did not: it is set to what it was.
  if (Node* node = table.get(count.node); node != nullptr) files.take_back(node, count.before);
}

void Worker::use_umask(uint32_t mask) {
  if (mask == umask) return;
  os::set_umask(mask);
  umask = mask;
}

int64_t Worker::realtime(clockid_t clock) {
  struct timespec time;
  ::clock_gettime(clock, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// Whether it is what this process made just now: of nobody's uid, which another view's processes may have
// had before, empty, by no other name, and born since the last time that something was not found again. Where
// the filesystem keeps no time of birth: as long as nothing was ever lost.
bool Worker::was_made_since(int64_t since, const os::Stat& stat, uint32_t mode) const {
  const bool directory = S_ISDIR(mode);
  const bool timed = (stat.stx_mask & STATX_BTIME) != 0;
  const int64_t born = int64_t{stat.stx_btime.tv_sec} * 1'000'000'000 + stat.stx_btime.tv_nsec;
  return stat.stx_uid == config.private_uid && (stat.stx_mode & S_IFMT) == (mode & S_IFMT) &&
         (directory || stat.stx_nlink == 1) && (!S_ISREG(mode) || stat.stx_size == 0) &&
         (timed ? born > since : since == started_at);
}

bool Worker::was_made(fuse_req_t req, Node* parent, std::string_view name, uint32_t mode, const Node* link) {
  if (!intent().was_noted()) {
    const int64_t begun = realtime(CLOCK_REALTIME_COARSE);
    const auto there = table.stat_child(parent, name);
    intent().note(there.ok() ? std::optional(Intent::There{table.key_of(*there), 0}) : std::nullopt, {}, begun);
    return false;
  }
  if (intent().first().has_value()) return false;
  using enum wire::BrokerOp;
  for (const auto op : {kSymlink, kLink, kLinkNameless, kMakeDevice}) {
    if (intent().has_done(op)) return true;
  }
  const auto stat = table.stat_child(parent, name);
  if (!stat.ok()) return false;
  if (link != nullptr) return table.key_of(*stat) == link->key;
  const bool timed = (stat->stx_mask & STATX_BTIME) != 0;
  const int64_t born = int64_t{stat->stx_btime.tv_sec} * 1'000'000'000 + stat->stx_btime.tv_nsec;
  const bool ours = stat->stx_uid == config.uid || (config.preserve && stat->stx_uid == fuse_req_ctx(req)->uid);
  return ours && (stat->stx_mode & S_IFMT) == (mode & S_IFMT) && timed && born >= intent().begun();
}

core::Outcome Worker::settle_owner(fuse_req_t req, Node* parent, std::string_view name,
                                   uint32_t mode) {
  if (!config.preserve) return core::Done{};
  const auto given = give_to_maker(req, parent, name, mode);
  // What was made may be somewhere else by now, and still belong to that uid: it is older than this.
  if (!given.ok()) lost_until = realtime(CLOCK_REALTIME);
  return given;
}

core::Outcome Worker::give_to_maker(fuse_req_t req, Node* parent, std::string_view name,
                                    uint32_t mode) {
  auto directory = table.directory(parent);
  if (!directory.ok()) return directory.failure();
  auto above = os::stat_held((*directory)->get());
  if (!above.ok()) return above.failure();
  // Whoever may rename in there can put another file in its place. What was made belongs to the uid that
  // broker and worker make files by, and nothing else does for longer than this.
  auto made = os::open_name_path((*directory)->get(), name);
  if (!made.ok()) return made.failure();
  auto stat = os::stat_held(made->get());
  if (!stat.ok()) return stat.failure();
  const struct fuse_ctx* caller = fuse_req_ctx(req);
  // By the worker before this one, which came to this or did not.
  const bool before = intent().was_noted();
  if (before && stat->stx_uid == caller->uid && caller->uid != config.private_uid) return core::Done{};
  if (!was_made_since(before ? intent().begun() - 1 : lost_until, *stat, mode)) {
    return core::Failure{ESTALE, core::Reason::kNotSameFile};
  }
  const bool group_from_parent = (above->stx_mode & S_ISGID) != 0;
  const os::Target target{made->get(), {}};
  auto owned = os::change_owner(target, caller->uid, group_from_parent ? ~0u : caller->gid);
  if (owned.ok() && !S_ISDIR(mode) && !S_ISLNK(mode) && (mode & (S_ISUID | S_ISGID)) != 0) {
    owned = os::change_mode(target, mode & ~umask & 07777);  // which the change of owner took away
  }
  // As if it had not been made.
  if (!owned.ok()) (void)names.remove(parent, name, S_ISDIR(mode));
  return owned;
}

bool Worker::can_rest() {
  const int64_t remembered = config.coherence_milliseconds + core::RecoveryLimits::kForgottenMilliseconds;
  if (unserved > 0 || data.is_at_work() || (nanoseconds() - served_at) / 1'000'000 < remembered) return false;
  if (tick() >= 0 || (record != nullptr && record->has_lost())) return false;
  // The next could not find it: what has no name, and is not served by its grant alone.
  bool is_lost = false;
  table.for_each([&](const Node* node) { is_lost = is_lost || (node->parent == nullptr && node != table.root()); });
  return !is_lost;
}

core::Outcome Worker::take_word() {
  constexpr size_t kMost = core::kMaxRulesBytes + 1;
  const auto bytes = core::zeroed_memory<uint8_t>(kMost);
  auto length = os::read_message(service, {bytes.get(), kMost});
  if (!length.ok()) return length.failure();
  const std::span said(bytes.get(), *length);
  if (std::equal(said.begin(), said.end(), std::begin(wire::kRest), std::end(wire::kRest))) {
    rests = can_rest();
    if (rests) files.tell_broker();
    return rests ? core::Outcome(core::Failure{ECANCELED, core::Reason::kNone}) : core::Done{};
  }
  auto taken = core::Rules::decode(said);
  if (!taken.ok()) return taken.failure();
  const uint32_t open = rules.replace(*std::move(taken));
  forget_names();
  forget_listings();
  uint8_t message[wire::kEventMost];
  const wire::Event done{wire::EventKind::kReloaded, 0, 0, open, 0, 0, 0};
  return os::write_message(service, {message, wire::encode_event(done, {}, message)});
}

void Worker::note_open(Node* node) {
  if (!node->watched && config.coherence_milliseconds > 0) {
    fresh.push_back({node->id, OpenFiles::now()});
  }
}

int Worker::tick() {
  int due = files.expire();
  const int attributes = milliseconds_until(attributes_due, nanoseconds());
  if (attributes == 0) {
    forget_old_attributes();
  } else {
    due = sooner(due, attributes);
  }
  const int64_t time = OpenFiles::now();
  while (!fresh.empty()) {
    const int64_t left = fresh.front().at + kFreshMilliseconds - time;
    if (left > 0) {
      due = sooner(due, static_cast<int>(left));
      break;
    }
    Node* node = table.get(fresh.front().nodeid);
    fresh.pop_front();
    if (node == nullptr || node->opens == 0 || node->watched) continue;
    node->watched = true;
    forget_attributes(node->id);
  }
  if (table.take_unwatched() && config.coherence_milliseconds > core::Limits::kCoherenceMilliseconds) {
    forget_names();
    for (const uint64_t id : told_open) forget_attributes(id);
  }
  counters.nodes.store(table.size(), std::memory_order_relaxed);
  return due;
}

struct stat to_stat(const os::Stat& in) {
  struct stat out {};
  out.st_ino = in.stx_ino;
  out.st_mode = in.stx_mode;
  out.st_nlink = in.stx_nlink;
  out.st_uid = in.stx_uid;
  out.st_gid = in.stx_gid;
  out.st_rdev = makedev(in.stx_rdev_major, in.stx_rdev_minor);
  out.st_size = static_cast<off_t>(in.stx_size);
  out.st_blksize = static_cast<blksize_t>(in.stx_blksize);
  out.st_blocks = static_cast<blkcnt_t>(in.stx_blocks);
  out.st_atim = {in.stx_atime.tv_sec, in.stx_atime.tv_nsec};
  out.st_mtim = {in.stx_mtime.tv_sec, in.stx_mtime.tv_nsec};
  out.st_ctim = {in.stx_ctime.tv_sec, in.stx_ctime.tv_nsec};
  return out;
}

wire::FuseAttr to_attr(const os::Stat& in) {
  wire::FuseAttr out{};
  out.ino = in.stx_ino;
  out.size = in.stx_size;
  out.blocks = in.stx_blocks;
  out.atime = static_cast<uint64_t>(in.stx_atime.tv_sec);
  out.mtime = static_cast<uint64_t>(in.stx_mtime.tv_sec);
  out.ctime = static_cast<uint64_t>(in.stx_ctime.tv_sec);
  out.atimensec = in.stx_atime.tv_nsec;
  out.mtimensec = in.stx_mtime.tv_nsec;
  out.ctimensec = in.stx_ctime.tv_nsec;
  out.mode = in.stx_mode;
  out.nlink = in.stx_nlink;
  out.uid = in.stx_uid;
  out.gid = in.stx_gid;
  out.rdev = static_cast<uint32_t>(makedev(in.stx_rdev_major, in.stx_rdev_minor));  // to 32 bits, as the kernel has it
  out.blksize = in.stx_blksize;
  return out;
}

}  // namespace sluice::worker
