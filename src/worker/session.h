// The FUSE session: requests from the kernel to the operations, on a connection whose INIT the
// service has answered.
#pragma once

#include <memory>
#include <span>
#include <thread>

#include "wire/fuse.h"
#include "worker/patience.h"
#include "worker/turns.h"
#include "worker/worker.h"

namespace sluice::worker {

class Session {
 public:
  // nullptr: libfuse did not take the recorded INIT. worker: borrowed for the session's life.
  static std::unique_ptr<Session> create(Worker& worker);
  ~Session();

  // Serves until the view is unmounted or aborted. Confined from here on.
  void run();

  // One request, as the kernel sent it, in a buffer whose bytes behind it may be read too: libfuse trusts
  // the kernel for the lengths in it.
  void serve(std::span<uint8_t> message);

 private:
  explicit Session(Worker& worker);
  core::Outcome wait(int milliseconds);
  core::Result<size_t> next(std::span<uint8_t> buffer);
  core::Result<bool> fill();
  void take_in(size_t length);
  void carry_out(const wire::FuseInHeader& header, std::span<uint8_t> message);
  static ssize_t write_reply(int fd, struct iovec* pieces, int count, void* worker);

  Worker& worker_;
  fuse_session* session_ = nullptr;
  Patience patience_;
  Turns turns_;
  uint32_t at_once_ = 0;  // requests in a row that were there when the one before had been served
  bool reads_ahead_;
  bool has_begun_;  // what the worker before had read has been read
};

}  // namespace sluice::worker
