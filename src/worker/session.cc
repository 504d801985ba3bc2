#include "worker/session.h"

#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <vector>

#include "os/channel.h"

namespace sluice::worker {
namespace {

// libfuse wants one; the session hands it whole messages instead.
ssize_t no_read(int, void*, size_t, void*) {
  errno = ENOSYS;
  return -1;
}

int64_t nanoseconds() {
  struct timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

// libfuse's answer to INIT goes nowhere: the kernel has the service's.
ssize_t Session::write_reply(int fd, struct iovec* pieces, int count, void* user_data) {
  const auto* worker = static_cast<const Worker*>(user_data);
  if (worker->swallow_replies) {
    ssize_t length = 0;
    for (int i = 0; i < count; ++i) length += static_cast<ssize_t>(pieces[i].iov_len);
    return length;
  }
  if (worker->record != nullptr) worker->record->note_reply(pieces, count);
  return ::writev(fd, pieces, count);
}

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
  const int64_t from = nanoseconds();
  carry_out(header, message);
  worker_.counters.took(header.opcode, static_cast<uint64_t>(nanoseconds() - from));
}

void Session::carry_out(const wire::FuseInHeader& header, std::span<uint8_t> message) {
  const size_t counter = std::min<size_t>(header.opcode, wire::Counters::kOpcodes - 1);
  worker_.counters.requests[counter].fetch_add(1, std::memory_order_relaxed);
  worker_.unique = header.unique;
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
  auto length = os::read_message(worker_.device, buffer);
  if (length.ok() || length.failure().error != EAGAIN) return length;
  const int due = worker_.tick();
  if (const int64_t most = patience_.nanoseconds(); most > 0) {
    const int64_t until = nanoseconds() + most;
    do {
      length = os::read_message(worker_.device, buffer);
    } while (!length.ok() && length.failure().error == EAGAIN && nanoseconds() < until);
    patience_.looked(length.ok());
    if (length.ok() || length.failure().error != EAGAIN) return length;
  }
  // Without its service a view has nobody to end it, list it or log for it: it ends.
  auto readable = os::wait_readable_while(worker_.device, worker_.service, due);
  if (!readable.ok()) return readable.failure();
  if (readable->lifeline) {
    if (auto taken = worker_.take_rules(); !taken.ok()) return taken.failure();
  }
  return size_t{0};
}

void Session::run() {
  std::vector<uint8_t> buffer(wire::kFuseBufferBytes);
  int64_t next_tick = 0;
  while (!fuse_session_exited(session_)) {
    const auto length = next(buffer);
    if (!length.ok()) {
      const int error = length.failure().error;
      if (error == EINTR || error == ENOENT) continue;  // ENOENT: the request was given up
      return;                                           // ENODEV: unmounted; ECONNABORTED: aborted
    }
    if (*length == 0) continue;
    serve(std::span(buffer).first(*length));
    // Under load there is never a moment without a request; what is due is done all the same.
    if (const int64_t time = OpenFiles::now(); time >= next_tick) {
      worker_.tick();
      next_tick = time + 4;
      const auto readable = os::wait_readable_while(worker_.device, worker_.service, 0);
      if (!readable.ok() || (readable->lifeline && !worker_.take_rules().ok())) return;
    }
  }
}

}  // namespace sluice::worker
