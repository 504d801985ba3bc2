// A service and its brokers that answer as a test says: what no real one does on demand.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "os/fd.h"
#include "wire/backing_message.h"
#include "wire/control.h"

namespace sluice::clients {

class FakeService {
 public:
  // What it says to the hello number `n`, counted from 0, on the peer's connection. Returns whether it sent an answer;
  // otherwise it closes. Default: welcome().
  using Greeting = std::function<bool(FakeService&, int peer, int n)>;
  // What a broker says to a request; nothing: it ends. Default: ids from 1 on.
  using Answer = std::function<std::vector<uint8_t>(const wire::BackingRequest&, int n)>;

  explicit FakeService(const std::string& path, Greeting greeting = {}, Answer answer = {});
  ~FakeService();
  FakeService(const FakeService&) = delete;
  FakeService& operator=(const FakeService&) = delete;

  // Two channels, served until they close.
  bool welcome(int peer);
  void stop_listening();
  void end_brokers();

  int hellos() const { return hellos_; }
  int requests() const { return requests_; }
  int live_ids() const { return live_; }
  // What the file of the last request is open as (F_GETFL).
  int last_flags() const { return last_flags_; }

  // With each answer goes a descriptor, which belongs to none.
  void attach_descriptors() { attaches_ = true; }

  static std::vector<uint8_t> reply_of(const wire::BackingReply& reply);
  static bool send(int peer, const std::vector<uint8_t>& bytes, const std::vector<int>& fds = {});

 private:
  void listen();
  void serve(int channel);

  const std::string path_;
  const Greeting greeting_;
  const Answer answer_;
  os::Fd listener_, stop_;
  std::atomic<int> hellos_{0}, requests_{0}, next_id_{1}, live_{0}, last_flags_{-1};
  std::atomic<bool> attaches_{false};
  std::atomic<bool> makes_{false};  // the last hello asked for a connection to be made
  std::mutex mutex_;
  std::vector<int> channels_;  // the brokers' ends
  std::vector<std::thread> brokers_;
  std::thread thread_;
};

}  // namespace sluice::clients
