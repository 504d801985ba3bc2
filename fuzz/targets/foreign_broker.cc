// The server of a foreign connection, which nothing confines, to the broker's own code: any
// message, with any descriptors. No grant can do more than the descriptor that was handed over,
// none is of what is not a regular file of a filesystem that is served, there are never more than
// it may have, and nothing is left open.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <map>
#include <vector>

#include "broker/foreign_server.h"
#include "fuzz/target.h"
#include "os/backing.h"
#include "os/channel.h"
#include "os/socket.h"

using namespace sluice;

namespace {

constexpr size_t kMostRequests = 24;
constexpr uint32_t kMostGrants = 4;

int next_number() {
  const int fd = ::dup(2);
  ::close(fd);
  return fd;
}

const std::vector<int>& files() {
  static const std::vector<int>* const list = [] {
    auto* made = new std::vector<int>;
    const auto add = [&](const char* path, int flags) {
      made->push_back(::open(path, flags | O_CLOEXEC, 0600));
    };
    std::string name =
        std::string(::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp") + "/sluice-fuzz-XXXXXX";
    const int file = ::mkstemp(name.data());
    for (const int flags :
         {O_RDWR, O_RDONLY, O_WRONLY, O_RDWR | O_APPEND, O_PATH, O_RDWR | O_NONBLOCK})
      add(name.c_str(), flags);
    ::unlink(name.c_str());
    ::close(file);
    add("/", O_RDONLY | O_DIRECTORY), add("/dev/null", O_RDWR), add("/proc/self/status", O_RDONLY);
    made->push_back(
        static_cast<int>(::syscall(SYS_memfd_create, "fuzz", 1)));  // of no mount that anybody has
    int ends[2];
    FUZZ_HOLDS(::pipe2(ends, O_CLOEXEC) == 0);
    made->push_back(ends[0]), made->push_back(ends[1]);
    return made;
  }();
  return *list;
}

// What the kernel knows of ids: which there are, and by which of the broker's descriptors.
struct Kernel {
  std::map<int, int> ids;
  bool refuses = false;
  broker::ForeignDomain domain = broker::ForeignDomain::kReadOnly;
};
Kernel* g_kernel = nullptr;

class Server {
 public:
  explicit Server(fuzz::Choices& choices)
      : choices_(choices),
        grants_(device_.get(), config()),
        events_(service_.second.get()),
        read_only_(channel_.second.get(), broker::ForeignDomain::kReadOnly, grants_, events_),
        read_write_(channel_.second.get(), broker::ForeignDomain::kReadWrite, grants_, events_) {
    ::fcntl(service_.second.get(), F_SETFL, O_NONBLOCK);
    if (choices.flag()) events_.send_all();
    g_kernel = &kernel_;
  }
  ~Server() {
    for (const auto& [id, fd] : kernel_.ids) held_[id] = fd;
    grants_.close_for_good();
    FUZZ_HOLDS(kernel_.ids.empty());
    for (const auto& [id, fd] : held_) ::close(fd);  // the process's end would
  }

  void run() {
    for (size_t count = 0; choices_.more() && count < kMostRequests; ++count) {
      const uint8_t step = choices_.byte();
      kernel_.domain =
          step % 2 == 0 ? broker::ForeignDomain::kReadOnly : broker::ForeignDomain::kReadWrite;
      kernel_.refuses = step % 32 == 31;
      if (!ask()) return;
      if (!serve(step % 2 == 0 ? read_only_ : read_write_)) return;
      FUZZ_HOLDS(kernel_.ids.size() <= kMostGrants);
      drain();
    }
  }

 private:
  static wire::ForeignConfig config() {
    wire::ForeignConfig made{};
    made.most_grants = kMostGrants;
    made.mount_namespace = 0;  // this one
    return made;
  }

  // One message. False: it did not go out.
  bool ask() {
    const uint8_t kind = choices_.byte();
    request_ = {kind % 4 == 3 ? wire::BackingOp::kClose : wire::BackingOp::kOpen, 0};
    if (request_.op == wire::BackingOp::kClose)
      request_.backing_id = kind % 16 == 15 ? static_cast<int32_t>(choices_.number())
                                            : static_cast<int32_t>(1 + choices_.below(6));
    std::vector<uint8_t> bytes(sizeof(request_));
    std::memcpy(bytes.data(), &request_, sizeof(request_));
    std::vector<int> fds;
    if (request_.op == wire::BackingOp::kOpen) fds.push_back(any_file());
    valid_ = kind % 32 != 9 && kind % 32 != 10;
    if (!valid_ && choices_.flag()) {
      bytes.resize(choices_.below(16));
      if (!bytes.empty())
        bytes[choices_.byte() % bytes.size()] ^= static_cast<uint8_t>(1 + choices_.byte());
    } else if (!valid_) {
      for (uint32_t more = choices_.below(4); more > 0; --more) fds.push_back(any_file());
      if (choices_.flag()) fds.clear();
    }
    if (bytes.size() == sizeof(request_)) std::memcpy(&request_, bytes.data(), sizeof(request_));
    return os::send_message(channel_.first.get(), bytes, fds).ok();
  }
  int any_file() { return files()[choices_.below(static_cast<uint32_t>(files().size()))]; }

  // One message, behind it what ends the loop. Whether the message was answered.
  bool serve(broker::ForeignServer& server) {
    const uint8_t end = 0;
    FUZZ_HOLDS(os::write_message(channel_.first.get(), {&end, 1}).ok());
    server.run();
    uint8_t left[4];
    while (::recv(channel_.second.get(), left, sizeof(left), MSG_DONTWAIT) > 0) {
    }
    wire::BackingReply reply;
    const ssize_t length = ::recv(channel_.first.get(), &reply, sizeof(reply), MSG_DONTWAIT);
    if (length < 0) {
      FUZZ_HOLDS(!valid_ || request_.backing_id <= 0);
      return false;
    }
    if (request_.op == wire::BackingOp::kClose) held_.erase(request_.backing_id);
    FUZZ_HOLDS(length == sizeof(reply) && reply.error >= 0 && reply.error < 4096 &&
               (reply.error == 0) == (reply.reason == 0));
    if (reply.error == 0) FUZZ_HOLDS(reply.backing_id > 0);
    if (reply.error == 0 && request_.op == wire::BackingOp::kOpen && valid_)
      FUZZ_HOLDS(kernel_.ids.count(reply.backing_id) == 1);
    // Somebody who may closes an id that was given here: the kernel gives its number anew.
    if (choices_.byte() % 16 == 15 && !kernel_.ids.empty()) {
      const auto gone = kernel_.ids.begin();
      held_[gone->first] = gone->second;
      kernel_.ids.erase(gone);
    }
    return true;
  }
  void drain() {
    uint8_t event[4096];
    while (::recv(service_.first.get(), event, sizeof(event), MSG_DONTWAIT) > 0) {
    }
  }

  fuzz::Choices& choices_;
  Kernel kernel_;
  std::map<int, int> held_;
  os::Fd device_{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  std::pair<os::Fd, os::Fd> channel_ = *os::socket_pair(), service_ = *os::socket_pair();
  broker::ForeignGrants grants_;
  broker::Events events_;
  broker::ForeignServer read_only_, read_write_;
  wire::BackingRequest request_{};
  bool valid_ = true;
};

}  // namespace

namespace sluice::os {

core::Result<int> backing_open(int, int file) {
  struct stat stat;
  const int flags = ::fcntl(file, F_GETFL), access = flags & O_ACCMODE;
  FUZZ_HOLDS(::fstat(file, &stat) == 0 && S_ISREG(stat.st_mode) && (flags & O_PATH) == 0 &&
             access != O_WRONLY);
  if (g_kernel->domain == broker::ForeignDomain::kReadWrite)
    FUZZ_HOLDS(access == O_RDWR && (flags & O_APPEND) == 0);
  struct stat served;
  FUZZ_HOLDS(::fstat(files()[0], &served) == 0 && stat.st_dev == served.st_dev);
  if (g_kernel->refuses) return core::Failure{EPERM, core::Reason::kSystem};
  int id = 1;
  while (g_kernel->ids.count(id) != 0) ++id;
  g_kernel->ids[id] = file;
  return id;
}

core::Outcome backing_close(int, int backing_id) {
  if (g_kernel->ids.erase(backing_id) == 0) return core::Failure{ENOENT, core::Reason::kSystem};
  return core::Done{};
}

}  // namespace sluice::os

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)files();
  const int free_before = next_number();
  {
    fuzz::Choices choices(data, size);
    Server(choices).run();
  }
  FUZZ_HOLDS(next_number() == free_before);
  return 0;
}
