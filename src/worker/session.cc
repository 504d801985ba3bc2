#include "worker/session.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/recovery_limits.h"
#include "os/channel.h"
#include "worker/due.h"
#include "worker/step.h"

namespace sluice::worker {
namespace {

// libfuse wants one; the session hands it whole messages instead.
ssize_t no_read(int, void*, size_t, void*) {
  errno = ENOSYS;
  return -1;
}

// All but listings and the longest attributes are shorter.
constexpr size_t kMostOnStack = 1024;

// The shorter of two waits in milliseconds; < 0: for ever.
constexpr int kShowMilliseconds = core::RecoveryLimits::kPatienceMilliseconds / 3;

// What is read before the worker has found what the one before it was at: all that was not answered, but not what comes on and on.
constexpr size_t kMostAtFirst = 65536;

// So many in a row wait already: there is more than one who asks.
constexpr uint32_t kMoreThanOne = 2;

// Served as it is read: what gets no answer, what is only handed on to the other thread or the broker, so that any number of
// them may be unanswered, and the end of a listing, which nobody waits for: the next one is remembered only after it
// (told_listing.cc). Source: include/uapi/linux/fuse.h, enum fuse_opcode.
bool is_handed_on(uint32_t opcode) {
  constexpr uint32_t kForget = 2, kRead = 15, kFsync = 20, kReleaseDirectory = 29, kFsyncDirectory = 30, kInterrupt = 36,
                     kBatchForget = 42, kAllocate = 43, kSeek = 46, kCopy = 47;
  constexpr uint64_t kAll = 1ull << kForget | 1ull << kRead | 1ull << kFsync | 1ull << kReleaseDirectory |
                            1ull << kFsyncDirectory | 1ull << kInterrupt | 1ull << kBatchForget | 1ull << kAllocate |
                            1ull << kSeek | 1ull << kCopy;
  return opcode < 64 && (kAll >> opcode & 1) != 0;
}

// The connection has ended: unmounted (ENODEV) or aborted (ECONNABORTED). ENOENT: a request was given up.
bool is_over(const core::Failure& why) { return why.error != EINTR && why.error != ENOENT; }

}  // namespace

// In one piece, since the policy has one call for messages to the kernel. Used by each thread that replies.
// libfuse's answer to INIT goes nowhere: the kernel has the service's.
ssize_t Session::write_reply(int fd, struct iovec* pieces, int count, void* user_data) {
  const auto* worker = static_cast<const Worker*>(user_data);
  size_t length = 0;
  for (int i = 0; i < count; ++i) length += pieces[i].iov_len;
  if (worker->swallow_replies) return static_cast<ssize_t>(length);
  if (worker->record != nullptr) worker->record->note_reply(pieces, count);
  step();
  if (count == 1) {
    const ssize_t written = ::write(fd, pieces[0].iov_base, length);
    step();
    return written;
  }
  std::array<uint8_t, kMostOnStack> short_reply;
  std::vector<uint8_t> long_reply(length > kMostOnStack ? length : 0);
  uint8_t* const reply = long_reply.empty() ? short_reply.data() : long_reply.data();
  uint8_t* at = reply;
  for (int i = 0; i < count; ++i) {
    // An empty piece may be at no address, from which memcpy must not copy nothing.
    if (pieces[i].iov_len > 0) std::memcpy(at, pieces[i].iov_base, pieces[i].iov_len);
    at += pieces[i].iov_len;
  }
  const ssize_t written = ::write(fd, reply, length);
  step();
  return written;
}

// After another worker all that it had read is read first, whatever there is of it.
Session::Session(Worker& worker)
    : worker_(worker), patience_(std::thread::hardware_concurrency() > 1), reads_ahead_(worker.intent().left() != 0),
      has_begun_(!reads_ahead_) {}

std::unique_ptr<Session> Session::create(Worker& worker) {
  fuse_lowlevel_ops ops{};
  add_name_operations(ops);
  add_attribute_operations(ops);
  add_directory_operations(ops);
  add_file_operations(ops);
  char name[] = "sluice-worker";
  char* argv[] = {name, nullptr};
  struct fuse_args args = FUSE_ARGS_INIT(1, argv);
  std::unique_ptr<Session> session(new Session(worker));
  session->session_ = fuse_session_new(&args, &ops, sizeof(ops), &worker);
  fuse_opt_free_args(&args);
  if (session->session_ == nullptr) return nullptr;
  struct fuse_custom_io io {};
  io.writev = write_reply;
  io.read = no_read;
  if (fuse_session_custom_io(session->session_, &io, worker.device) != 0) return nullptr;
  worker.swallow_replies = true;
  std::vector<uint8_t> init = worker.config.init;
  session->serve(init);
  worker.swallow_replies = false;
  return session;
}

Session::~Session() {
  if (session_ != nullptr) fuse_session_destroy(session_);
}

void Session::serve(std::span<uint8_t> message) {
  wire::FuseInHeader header;
  if (message.size() < sizeof(header)) return;  // the kernel sends no such thing
  std::memcpy(&header, message.data(), sizeof(header));
  const int64_t from = Worker::nanoseconds();
  carry_out(header, message);
  if (!worker_.swallow_replies) worker_.counters.answered.fetch_add(1, std::memory_order_relaxed);
  worker_.served_at = Worker::nanoseconds();
  worker_.counters.took(header.opcode, static_cast<uint64_t>(worker_.served_at - from));
}

void Session::carry_out(const wire::FuseInHeader& header, std::span<uint8_t> message) {
  const size_t counter = std::min<size_t>(header.opcode, wire::Counters::kOpcodes - 1);
  worker_.counters.requests[counter].fetch_add(1, std::memory_order_relaxed);
  worker_.unique = header.unique;
  worker_.begin(header.unique);
  worker_.rules.look_at_clock();
  if (worker_.record != nullptr) worker_.record->begin(message);
  if (header.opcode == wire::kFuseTmpfile) return serve_tmpfile(worker_, message);
  struct fuse_buf buffer {};
  buffer.size = message.size();
  buffer.mem = message.data();
  fuse_session_process_buf(session_, &buffer);
  if (worker_.record != nullptr) worker_.record->end();
}

// The next request; 0: there was nothing, and the wait is over. Fails once the view has ended.
core::Result<size_t> Session::next(std::span<uint8_t> buffer) {
  // Before it is read: who is stopped in the call has it, and nobody else sees it any more.
  worker_.counters.busy.store(1, std::memory_order_relaxed);
  auto length = os::read_message(worker_.device, buffer);
  ++at_once_;
  if (length.ok() || length.failure().error != EAGAIN) return length;
  at_once_ = 0;
  const int due = worker_.tick();
  if (const int64_t most = patience_.nanoseconds(); most > 0) {
    const int64_t until = Worker::nanoseconds() + most;
    do {
      length = os::read_message(worker_.device, buffer);
    } while (!length.ok() && length.failure().error == EAGAIN && Worker::nanoseconds() < until);
    patience_.looked(length.ok());
    if (length.ok() || length.failure().error != EAGAIN) return length;
  }
  worker_.files.tell_broker();
  // What the other thread is at may take as long as a disk does. Meanwhile this one shows that it is not stopped.
  const bool others = worker_.data.is_at_work();
  worker_.counters.busy.store(others ? 1 : 0, std::memory_order_relaxed);
  // Without its service a view has nobody to end it, list it or log for it: it ends.
  if (auto waited = wait(others ? sooner(due, kShowMilliseconds) : due); !waited.ok()) return waited.failure();
  if (others) worker_.counters.answered.fetch_add(1, std::memory_order_relaxed);
  return size_t{0};
}

// For a request, for so many milliseconds; what comes meanwhile from others is done.
core::Outcome Session::wait(int milliseconds) {
  worker_.unserved = turns_.size();
  const bool looks = worker_.looks_for_changes();
  if (!looks) milliseconds = sooner(milliseconds, worker_.milliseconds_to_changes());
  const auto readable = os::wait_readable_while(worker_.device, worker_.service, milliseconds,
                                                looks ? worker_.watches.group() : -1);
  if (!readable.ok()) return readable.failure();
  if (readable->other) worker_.take_changes();
  return readable->lifeline ? worker_.take_word() : core::Done{};
}

// What was read to the room of the next.
void Session::take_in(size_t length) {
  wire::FuseInHeader header;
  const auto message = turns_.room().first(length);
  if (length < sizeof(header)) return;  // the kernel sends no such thing
  std::memcpy(&header, message.data(), sizeof(header));
  if (is_handed_on(header.opcode)) return serve(message);
  turns_.put(length);
}

// One request, where there is one; false: there was none. While there is always another one, all that wait: then it is whose turn
// it is that decides. That costs a call more for each, and nothing where one asks after the other.
core::Result<bool> Session::fill() {
  if (turns_.size() == 0) {
    const auto length = next(turns_.room());
    if (!length.ok()) return is_over(length.failure()) ? core::Result<bool>(length.failure()) : false;
    has_begun_ = has_begun_ || *length == 0;
    if (*length == 0) return false;
    take_in(*length);
    if (!reads_ahead_ && at_once_ < kMoreThanOne) return true;
  }
  // What is handed on takes no room: of that no more is read than of the others, but after another worker.
  for (size_t left = has_begun_ ? Turns::kMost : kMostAtFirst; !turns_.is_full() && left > 0; --left) {
    const auto length = os::read_message(worker_.device, turns_.room());
    if (length.ok()) {
      take_in(*length);
    } else if (length.failure().error == EAGAIN) {
      break;
    } else if (is_over(length.failure())) {
      return length.failure();
    }
  }
  has_begun_ = true;
  reads_ahead_ = turns_.size() > 1;
  if (!reads_ahead_) at_once_ = 0;
  return true;
}

void Session::run() {
  int64_t next_tick = 0;
  // Before the first request: it would be lost, where the service has given this worker up.
  if (!wait(0).ok()) return;
  while (!fuse_session_exited(session_)) {
    const auto filled = fill();
    if (!filled.ok()) return;
    if (!*filled) continue;
    if (turns_.size() > 0) serve(turns_.take(worker_.intent().left()));
    // Under load there is never a moment without a request; what is due is done all the same.
    if (const int64_t time = OpenFiles::now(); time >= next_tick) {
      worker_.tick();
      worker_.files.tell_broker();
      next_tick = time + 4;
      if (!wait(0).ok()) return;
    }
  }
}

}  // namespace sluice::worker
