#include "worker/data_thread.h"

#include "os/file.h"

namespace sluice::worker {

void DataThread::start(int64_t nonce, int lifeline) {
  thread_.start([] {}, [this, nonce, lifeline] { run(nonce, lifeline); });
}

void DataThread::push(Job job) {
  unanswered_.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  jobs_.push_back(std::move(job));
  work_.notify_one();
}

void DataThread::submit(fuse_req_t req, Answer answer, const wire::BrokerRequest& request) {
  push({req, answer, request, nullptr});
}

void DataThread::submit_directory_sync(fuse_req_t req, std::shared_ptr<const os::Fd> directory,
                                       bool data_only) {
  wire::BrokerRequest request{};
  request.flags = data_only ? wire::kSyncDataOnly : 0;
  push({req, Answer::kSyncDirectory, request, std::move(directory)});
}

// What the worker before asked for may take long: the main thread does not wait for it. Where the broker or the view has ended
// meanwhile, nobody waits for what is still to be done, and the process ends. Not the thread alone: the C library makes a call at its
// end that the filter forbids.
void DataThread::run(int64_t nonce, int lifeline) {
  if (nonce != 0 && !link_.catch_up(nonce, lifeline, -1).ok()) return without_broker();
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [this] { return !jobs_.empty(); });
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    carry_out(job);
    unanswered_.fetch_sub(1, std::memory_order_relaxed);
  }
}

void DataThread::carry_out(const Job& job) {
  if (job.answer == Answer::kSyncDirectory) {
    const bool data_only = (job.request.flags & wire::kSyncDataOnly) != 0;
    const auto synced = os::sync_file(job.directory->get(), data_only);
    fuse_reply_err(job.req, synced.ok() ? 0 : synced.failure().error);
    return;
  }
  const auto reply = link_.ask(job.request);
  if (!reply.ok()) {
    fuse_reply_err(job.req, reply.failure().error);
  } else if (job.answer == Answer::kCount) {
    fuse_reply_write(job.req, static_cast<size_t>(reply->value));
  } else if (job.answer == Answer::kOffset) {
    fuse_reply_lseek(job.req, reply->value);
  } else {
    fuse_reply_err(job.req, 0);
  }
}

}  // namespace sluice::worker
