// A FUSE server that is no part of the project, and asks for grants: in a user and mount namespace of its own, with
// one file whose data the kernel passes through, or asks the server for.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "arena.h"
#include "core/reason.h"
#include "os/fd.h"
#include "wire/backing_message.h"

namespace sluice::adversary {

// A directory of kUser's with `point`, where a server mounts, and `file` behind it; and a /dev/fuse for everybody.
std::string foreign_ground();

// Makes the calling process, which has one thread, root of a user and mount namespace of its own.
void enter_own_namespaces();

// Its numbers are shared with the processes that it forks.
class ForeignServer {
 public:
  // Mounts at path, a directory, for that user and, if asked, serves from a thread (then this process is not to be
  // copied by in_process()). `file` there, of that size, is readable and writable.
  explicit ForeignServer(const std::string& path, uint64_t size = 0, uint32_t uid = 0, bool serves = true);
  // Has the service make its connection, attaches that at path and serves it, as a hostile one would: beside `file`
  // there is `device`, the character device of /dev/null, and `program`, set-user-ID root; all belong to root.
  struct MadeByService {};
  ForeignServer(const std::string& path, MadeByService);
  ~ForeignServer();
  ForeignServer(const ForeignServer&) = delete;
  ForeignServer& operator=(const ForeignServer&) = delete;

  int device() const { return device_.get(); }
  std::string file() const { return path_ + "/file"; }

  // A hello with this descriptor, by default the server's device; the channels are kept.
  core::Reason connect(int device = -1);
  core::Reason connect(std::span<const uint8_t> hello, const std::vector<int>& fds);
  bool connected() const { return static_cast<bool>(channels_[1]); }
  void hang_up() { channels_[0].reset(), channels_[1].reset(); }
  uint32_t most_grants() const { return most_grants_; }
  const std::string& name() const { return name_; }
  int mount() const { return made_mount_.get(); }

  // channel: 0 to read, 1 to read and write.
  wire::BackingReply grant(int channel, int file);
  wire::BackingReply close(int backing_id, int channel = 0);
  int channel(int which) const { return channels_[which].get(); }

  // From now on nothing is answered any more, but to this process's first thread.
  void fall_silent() { shared_->silent = true; }
  // The connection ends, and whoever waited for it is free.
  void end();
  // OPEN of the file answers with this id from now on; 0: with none.
  void pass(int backing_id) { shared_->backing_id = backing_id; }
  uint32_t reads() const { return shared_->reads; }
  uint32_t writes() const { return shared_->writes; }

  // In another process, which has neither the device nor the channels: body's result, or -1000.
  int use(const std::function<int()>& body);

 private:
  struct Shared {
    std::atomic<int32_t> backing_id;
    std::atomic<uint32_t> reads, writes;
    std::atomic<bool> silent, ended, begun;
  };
  void serve(uint64_t size);

  std::string path_;
  os::Fd device_;
  os::Fd channels_[2];
  os::Fd made_device_, made_mount_;
  uint32_t most_grants_ = 0;
  std::string name_;
  Shared* shared_;
  std::thread thread_;
};

}  // namespace sluice::adversary
