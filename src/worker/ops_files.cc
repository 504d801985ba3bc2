// Files: opening and creating them under a grant, and what the kernel does not pass through.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "os/channel.h"
#include "worker/step.h"
#include "worker/worker.h"

namespace sluice::worker {
namespace {

using wire::BrokerOp;

// The worker's own handle: all that a release must know.
constexpr uint64_t kReader = 1;
constexpr uint64_t kWriter = 2;
constexpr uint64_t kEmpty = 3;  // of a masked file: nobody reads it, since its size is 0

bool is_write(int flags) { return (flags & O_ACCMODE) != O_RDONLY; }
core::Operation operation_of(int flags) {
  return is_write(flags) || (flags & O_TRUNC) != 0 ? core::Operation::kWrite : core::Operation::kRead;
}

// FLUSH would only cost: data never waits in the worker, and the kernel keeps the locks.
wire::FuseOpenOut open_reply(const Node* node, int flags) {
  // Without a backing id: a part of a file, whose reads the broker serves.
  const uint32_t through = node->backing_id > 0 ? wire::kFopenPassthrough : 0;
  return {is_write(flags) ? kWriter : kReader, through | wire::kFopenNoFlush, node->backing_id};
}

struct CreateReply {
  wire::FuseEntryOut entry;
  wire::FuseOpenOut open;
};
static_assert(sizeof(CreateReply) == 144);

CreateReply create_reply(const Worker& worker, const Node* parent, const Node* node, os::Stat stat,
                         int flags) {
  worker.rules.show(node->facet, &stat);
  CreateReply reply{};
  reply.entry.nodeid = node->id;
  const uint32_t name_time = worker.name_time(parent);
  reply.entry.entry_valid = name_time / 1000;
  reply.entry.entry_valid_nsec = name_time % 1000 * 1'000'000;
  const uint32_t attribute_time = worker.attribute_time(node, stat.stx_nlink);
  reply.entry.attr_valid = attribute_time / 1000;
  reply.entry.attr_valid_nsec = attribute_time % 1000 * 1'000'000;
  reply.entry.attr = to_attr(stat);
  reply.open = open_reply(node, flags);
  return reply;
}

// Of a window: what is passed through is not read here. The broker replies.
void read(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t offset, fuse_file_info*) {
  Worker& worker = worker_of(req);
  const Node* node = worker.table.get(nodeid);
  if (node == nullptr || node->grant == 0 || !worker.rules.is_window(node)) {
    return fail(req, {EBADF, core::Reason::kGrantUnknown});
  }
  // To the broker this would be a message that no honest worker sends.
  if (offset < 0) return fail(req, {EINVAL, core::Reason::kProtocol});
  wire::BrokerRequest request{};
  request.op = BrokerOp::kReadWindow;
  request.grant = node->grant;
  request.grant2 = worker.unique;
  request.offset = offset;
  request.length = static_cast<int64_t>(size);
  worker.data.tell(request);
  fuse_reply_none(req);
}

// What the broker has emptied for the worker before this one, somebody may have written to since.
int without_truncation_done(Worker& worker, int flags) {
  using wire::BrokerOp;
  for (const BrokerOp op : {BrokerOp::kOpen, BrokerOp::kTruncate, BrokerOp::kTruncatePath}) {
    if (worker.intent().has_done(op)) return flags & ~O_TRUNC;
  }
  return flags;
}

void open(fuse_req_t req, fuse_ino_t nodeid, fuse_file_info* file) {
  Worker& worker = worker_of(req);
  Node* node = worker.get(nodeid);
  if (node == nullptr) return fail(req, kStale);
  if (auto may = worker.rules.may(node, operation_of(file->flags)); !may.ok()) {
    return fail(req, may.failure());
  }
  if (worker.rules.is_masked(node)) {
    const wire::FuseOpenOut empty{kEmpty, wire::kFopenNoFlush, 0};
    fuse_reply_buf(req, reinterpret_cast<const char*>(&empty), sizeof(empty));
    return;
  }
  if (auto opened = worker.files.open(node, without_truncation_done(worker, file->flags)); !opened.ok()) {
    return fail(req, opened.failure());
  }
  const wire::FuseOpenOut reply = open_reply(node, file->flags);
  if (fuse_reply_buf(req, reinterpret_cast<const char*>(&reply), sizeof(reply)) != 0) {
    worker.files.release(node, is_write(file->flags));
    return;
  }
  worker.note_open(node);
  if (!is_write(file->flags)) worker.look_ahead(node);
}

void release(fuse_req_t req, fuse_ino_t nodeid, fuse_file_info* file) {
  Worker& worker = worker_of(req);
  if (Node* node = worker.table.get(nodeid); node != nullptr && file->fh != kEmpty) {
    worker.files.release(node, file->fh == kWriter);
  }
  fuse_reply_err(req, 0);
}

// A file is made without being opened, and then opened by the broker as any other. For that its
// owner must be able to open it, whatever mode it is to have in the end.
struct MadeFile {
  Node* node;
  bool is_new;  // not somebody else's, found there
};
core::Result<MadeFile> make_file(Worker& worker, fuse_req_t req, Node* parent, const char* name,
                                 uint32_t mode, int flags, os::Stat* stat) {
  auto directory = worker.table.directory(parent);
  if (!directory.ok()) return directory.failure();
  // By its path the broker opens it: where that leads elsewhere, nothing must be left behind.
  if (auto there = worker.table.is_by_its_path(parent); !there.ok()) return there.failure();
  const uint32_t umask = fuse_req_ctx(req)->umask;
  const uint32_t needed = worker.config.preserve ? 0 : 0600 & ~(mode & ~umask);
  worker.use_umask(umask & ~needed);
  core::Outcome made = core::Done{};
  const bool made_before = worker.was_made(req, parent, name, S_IFREG | mode);
  if (!made_before) made = os::make_node((*directory)->get(), name, S_IFREG | mode | needed);
  step();
  const bool is_new = made.ok();
  if (!is_new && (made.failure().error != EEXIST || (flags & O_EXCL) != 0)) return made.failure();
  if (is_new) {
    if (auto owned = worker.settle_owner(req, parent, name, S_IFREG | mode); !owned.ok()) {
      return owned.failure();
    }
  }
  auto node = worker.look_up(parent, name, stat);
  if (!node.ok()) return node.failure();
  if (!S_ISREG(stat->stx_mode)) {
    // Somebody else's, made behind the view since the kernel looked: let it look again.
    worker.table.forget(*node, 0);
    return kStale;
  }
  if (made_before && needed != 0) {
    // It may have had its mode in the end.
    auto held = worker.table.hold(*node);
    if (held.ok()) (void)os::change_mode({(*held)->get(), {}}, (stat->stx_mode | needed) & 07777);
    stat->stx_mode = static_cast<uint16_t>(stat->stx_mode | needed);
  }
  auto opened = worker.files.open(*node, is_new ? flags & ~O_TRUNC : without_truncation_done(worker, flags));
  if (opened.ok() && is_new && needed != 0) {
    auto held = worker.table.hold(*node);
    opened = held.ok() ? os::change_mode({(*held)->get(), {}}, stat->stx_mode & ~needed & 07777)
                       : core::Outcome(held.failure());
    stat->stx_mode = static_cast<uint16_t>(stat->stx_mode & ~needed);
    if (!opened.ok()) worker.files.release(*node, is_write(flags));
  }
  if (!opened.ok()) {
    // As if it had not been made: the caller gets an error and no file.
    if (is_new) {
      worker.files.drop_idle(*node);
      if (worker.names.remove(parent, name, false).ok()) worker.table.lose_name(*node, parent, name);
    }
    worker.table.forget(*node, 0);
    return opened.failure();
  }
  return MadeFile{*node, is_new};
}

void create(fuse_req_t req, fuse_ino_t parent_id, const char* name, mode_t mode,
            fuse_file_info* file) {
  Worker& worker = worker_of(req);
  Node* parent = worker.get(parent_id);
  if (parent == nullptr) return fail(req, kStale);
  const auto facet = worker.rules.may_make(parent, name, false);
  if (!facet.ok()) return fail(req, facet.failure());
  os::Stat stat;
  auto made = make_file(worker, req, parent, name, mode & 07777, file->flags, &stat);
  if (!made.ok()) return fail(req, made.failure());
  if (made->is_new) worker.rules.count_made(*facet);
  Node* node = made->node;
  const CreateReply reply = create_reply(worker, parent, node, stat, file->flags);
  worker.table.count_lookup(node);
  if (fuse_reply_buf(req, reinterpret_cast<const char*>(&reply), sizeof(reply)) != 0) {
    worker.files.release(node, is_write(file->flags));
    worker.files.drop_idle(node);
    worker.table.forget(node, 1);
    return;
  }
  worker.note_open(node);
}

// Sends an operation on an open file to the broker by the data thread.
void submit(fuse_req_t req, fuse_ino_t nodeid, DataThread::Answer answer,
            wire::BrokerRequest request) {
  Worker& worker = worker_of(req);
  const Node* node = worker.table.get(nodeid);
  if (node == nullptr || node->grant == 0) return fail(req, {EBADF, core::Reason::kGrantUnknown});
  // To the broker these would be a message that no honest worker sends.
  if (request.offset < 0 || request.offset2 < 0 || request.length < 0) {
    return fail(req, {EINVAL, core::Reason::kProtocol});
  }
  request.grant = node->grant;
  worker.data.submit(req, answer, request);
}

// Of which a rule shows a part, or that it is empty: of that, nothing is written, and the broker lends nobody the file.
bool is_shown_otherwise(Worker& worker, const Node* node) {
  return node != nullptr && (worker.rules.is_masked(node) || worker.rules.is_window(node));
}

void fsync(fuse_req_t req, fuse_ino_t nodeid, int data_only, fuse_file_info*) {
  Worker& worker = worker_of(req);
  if (is_shown_otherwise(worker, worker.table.get(nodeid))) {
    fuse_reply_err(req, 0);
    return;
  }
  wire::BrokerRequest request{};
  request.op = BrokerOp::kSync;
  request.flags = data_only != 0 ? wire::kSyncDataOnly : 0;
  submit(req, nodeid, DataThread::Answer::kError, request);
}

void fallocate(fuse_req_t req, fuse_ino_t nodeid, int mode, off_t offset, off_t length,
               fuse_file_info*) {
  wire::BrokerRequest request{};
  request.op = BrokerOp::kAllocate;
  request.mode = static_cast<uint32_t>(mode);
  request.offset = offset;
  request.length = length;
  submit(req, nodeid, DataThread::Answer::kError, request);
}

// Where holes are is not told: all that is shown is data, as on a filesystem that knows of none.
void seek_shown(fuse_req_t req, Node* node, off_t offset, int whence) {
  Worker& worker = worker_of(req);
  auto stat = worker.table.stat(node);
  if (!stat.ok()) return fail(req, stat.failure());
  worker.rules.show(node->facet, &*stat);
  const auto size = static_cast<off_t>(stat->stx_size);
  if (offset >= size) return fail(req, {ENXIO, core::Reason::kNone});
  fuse_reply_lseek(req, whence == SEEK_DATA ? offset : size);
}

void lseek(fuse_req_t req, fuse_ino_t nodeid, off_t offset, int whence, fuse_file_info*) {
  // The kernel passes on what an application asks for, and the broker takes no such thing.
  if (offset < 0) return fail(req, {ENXIO, core::Reason::kNone});
  Worker& worker = worker_of(req);
  if (Node* node = worker.table.get(nodeid); is_shown_otherwise(worker, node)) return seek_shown(req, node, offset, whence);
  wire::BrokerRequest request{};
  request.op = BrokerOp::kSeek;
  request.mode = static_cast<uint32_t>(whence);
  request.offset = offset;
  submit(req, nodeid, DataThread::Answer::kOffset, request);
}

void copy_file_range(fuse_req_t req, fuse_ino_t from, off_t from_offset, fuse_file_info*,
                     fuse_ino_t to, off_t to_offset, fuse_file_info*, size_t length, int) {
  const Node* target = worker_of(req).table.get(to);
  if (target == nullptr || target->grant == 0) {
    return fail(req, {EBADF, core::Reason::kGrantUnknown});
  }
  wire::BrokerRequest request{};
  request.op = BrokerOp::kCopy;
  request.grant2 = target->grant;
  request.offset = from_offset;
  request.offset2 = to_offset;
  request.length = static_cast<int64_t>(std::min<size_t>(length, INT32_MAX & ~4095));
  submit(req, from, DataThread::Answer::kCount, request);
}

void write_reply(const Worker& worker, uint64_t unique, int error, std::span<const uint8_t> body) {
  uint8_t message[sizeof(wire::FuseOutHeader) + sizeof(CreateReply)];
  const wire::FuseOutHeader header{static_cast<uint32_t>(sizeof(header) + body.size()), -error,
                                   unique};
  std::memcpy(message, &header, sizeof(header));
  if (!body.empty()) std::memcpy(message + sizeof(header), body.data(), body.size());
  (void)os::write_message(worker.device, {message, header.len});
}

// The file without a name that the worker before this one was about to tell of: nobody else has it.
void give_back_untold(Worker& worker) {
  if (!worker.intent().is_resumed()) return;
  Node* node = worker.table.get(worker.intent().counted().node);
  if (node == nullptr || node->parent != nullptr || node->opens > 0) return;
  worker.files.drop_idle(node);
  worker.table.forget(node, node->lookups);
}

}  // namespace

void serve_tmpfile(Worker& worker, std::span<const uint8_t> message) {
  wire::FuseInHeader header;
  wire::FuseCreateIn in;
  std::memcpy(&header, message.data(), sizeof(header));
  if (message.size() < sizeof(header) + sizeof(in)) {
    return write_reply(worker, header.unique, EINVAL, {});
  }
  std::memcpy(&in, message.data() + sizeof(header), sizeof(in));
  Node* directory = worker.get(header.nodeid);
  if (directory == nullptr) return write_reply(worker, header.unique, ESTALE, {});
  if (auto may = worker.rules.may(directory, core::Operation::kWrite); !may.ok()) {
    return write_reply(worker, header.unique, may.failure().error, {});
  }
  // In preserve mode it would belong to the broker's user.
  if (worker.config.preserve) return write_reply(worker, header.unique, EOPNOTSUPP, {});
  const auto flags = static_cast<int>(in.flags);
  give_back_untold(worker);
  wire::BrokerReply attributes;
  auto node = worker.files.open_temp(directory, in.mode & ~in.umask & 07777, (flags & O_EXCL) != 0,
                                     &attributes);
  if (!node.ok()) return write_reply(worker, header.unique, node.failure().error, {});
  // Its attributes are never cached: only the broker can look at it.
  (*node)->watched = true;
  worker.table.count_lookup(*node);
  const CreateReply reply = create_reply(worker, directory, *node, to_stat(attributes), flags);
  write_reply(worker, header.unique, 0,
              {reinterpret_cast<const uint8_t*>(&reply), sizeof(reply)});
}

void add_file_operations(fuse_lowlevel_ops& ops) {
  ops.open = open;
  ops.read = read;
  ops.release = release;
  ops.create = create;
  ops.fsync = fsync;
  ops.fallocate = fallocate;
  ops.lseek = lseek;
  ops.copy_file_range = copy_file_range;
}

}  // namespace sluice::worker
