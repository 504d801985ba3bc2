// Operations on open files that may take long (fsync of much data): done beside the main thread, so
// that a slow disk does not hold up the view's names and attributes.
#pragma once

#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "os/fd.h"
#include "wire/broker_message.h"
#include "worker/broker_link.h"
#include "worker/thread.h"

namespace sluice::worker {

class DataThread {
 public:
  // How the broker's answer becomes a reply to the kernel.
  enum class Answer { kError, kCount, kOffset, kSyncDirectory };

  // channel: borrowed.
  explicit DataThread(int channel) : link_(channel) {}

  // Before the seccomp filter is on. nonce: another worker was here before (BrokerLink::catch_up, as lifeline), else 0.
  void start(int64_t nonce, int lifeline);

  // The reply to req is sent by this thread.
  void submit(fuse_req_t req, Answer answer, const wire::BrokerRequest& request);
  // Whether a reply is still to be sent.
  bool is_at_work() const { return unanswered_.load(std::memory_order_relaxed) != 0; }
  // For requests that get no answer, by the calling thread.
  void tell(const wire::BrokerRequest& request) { link_.tell(request); }
  // fsync of a directory: no file's contents are behind it, so the worker does it itself.
  void submit_directory_sync(fuse_req_t req, std::shared_ptr<const os::Fd> directory, bool data_only);

 private:
  struct Job {
    fuse_req_t req;
    Answer answer;
    wire::BrokerRequest request;
    std::shared_ptr<const os::Fd> directory;
  };
  void push(Job job);
  void run(int64_t nonce, int lifeline);
  void carry_out(const Job& job);

  BrokerLink link_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Job> jobs_;
  std::atomic<uint32_t> unanswered_ = 0;
  Thread thread_;
};

}  // namespace sluice::worker
