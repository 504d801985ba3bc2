// Whoever answers libsluice in the place of the service and of its broker: any answers, with any
// descriptors, cut short, or none. Whatever comes, the library gives an id or an errno and a
// reason, keeps no descriptor, and holds up the program that it is part of for no longer than it
// says.
//
// The answers are there before they are asked for. The clock is the library's alone: its sleep
// moves it on.
#include <fcntl.h>
#include <sluice/sluice.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "fuzz/target.h"
#include "os/backing.h"
#include "os/service_link.h"
#include "os/socket.h"
#include "wire/backing_message.h"
#include "wire/writer.h"

using namespace sluice;

namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr size_t kMostCalls = 24;

class Service {
 public:
  explicit Service(fuzz::Choices& choices) : choices_(choices) {}

  core::Result<os::Fd> connection() {
    if (choices_.byte() % 4 == 3) {
      static constexpr int kErrors[] = {ECONNREFUSED, ENOENT, EAGAIN, EACCES, ENAMETOOLONG};
      return core::Failure{choices_.one_of(kErrors), core::Reason::kSystem};
    }
    auto [ours, theirs] = *os::socket_pair();
    answer_hello(theirs.get());
    return end(std::move(ours), std::move(theirs));
  }
  core::Result<int> kernel_opens() {
    static constexpr int kErrors[] = {EPERM, EPERM, EINVAL, ENOTTY};
    const uint8_t kind = choices_.byte();
    if (kind % 4 == 0) return 1 + kind;
    return core::Failure{choices_.one_of(kErrors), core::Reason::kSystem};
  }
  core::Outcome kernel_closes() {
    if (choices_.flag()) return core::Done{};
    return core::Failure{choices_.flag() ? EPERM : ENOENT, core::Reason::kSystem};
  }
  bool forked() { return choices_.byte() % 32 == 31; }
  bool may_wait() { return choices_.byte() % 4 != 0; }
  int64_t slept = 0;

 private:
  // What was put into it can be taken out, and then it has ended: nobody waits for more.
  os::Fd end(os::Fd ours, os::Fd theirs) {
    if (choices_.byte() % 8 == 0) return ours;  // closed at once, which a sender hears of
    ::shutdown(theirs.get(), SHUT_WR);
    held_.push_back(std::move(theirs));
    return ours;
  }
  void send(int socket, std::span<const uint8_t> bytes, std::vector<os::Fd> fds) {
    std::vector<int> numbers;
    for (const os::Fd& fd : fds) numbers.push_back(fd.get());
    (void)os::send_message(socket, bytes, numbers);
  }
  os::Fd other_descriptor() {
    return os::Fd(::open(choices_.flag() ? "/dev/null" : "/", O_RDONLY | O_CLOEXEC));
  }

  void answer_hello(int socket) {
    const uint8_t kind = choices_.byte();
    if (kind % 16 == 15) return;
    wire::Writer reply;
    const bool refused = kind % 4 == 3;
    static constexpr core::Reason kPassing[] = {
        core::Reason::kConnectionTaken, core::Reason::kLimitSetups, core::Reason::kChildFailed,
        core::Reason::kNotPermitted};
    const uint32_t reason = !refused     ? 0
                            : kind < 128 ? static_cast<uint32_t>(choices_.one_of(kPassing))
                                         : static_cast<uint32_t>(choices_.number());
    reply.put(uint32_t{0x43554C53}), reply.put(uint32_t{1});
    reply.put(refused ? static_cast<int32_t>(kind < 192 ? choices_.byte() : choices_.number()) : 0),
        reply.put(reason);
    reply.put(static_cast<uint32_t>(choices_.number()));
    const std::string_view text = choices_.text(64);
    reply.put(static_cast<uint32_t>(text.size() + (choices_.byte() % 16 == 15 ? 1 : 0))),
        reply.put_text(text);
    auto bytes = reply.finish();
    spoil(bytes);
    std::vector<os::Fd> fds;
    for (size_t count = choices_.byte() % 8 == 7 ? choices_.below(5)
                        : refused                ? 0
                                                 : 2;
         count > 0; --count)
      fds.push_back(choices_.byte() % 16 == 15 ? other_descriptor() : broker());
    send(socket, bytes, std::move(fds));
  }
  os::Fd broker() {
    auto [theirs, ours] = *os::socket_pair();
    for (uint32_t count = choices_.below(5); count > 0; --count) {
      const uint8_t kind = choices_.byte();
      wire::BackingReply reply{0, 0, static_cast<int32_t>(1 + choices_.byte()), 0};
      if (kind % 4 == 3)
        reply = {static_cast<int32_t>(choices_.number()), static_cast<uint32_t>(choices_.number()),
                 0, 0};
      if (kind % 8 == 6) reply.backing_id = static_cast<int32_t>(choices_.number());
      std::vector<uint8_t> bytes(sizeof(reply));
      std::memcpy(bytes.data(), &reply, sizeof(reply));
      if (kind % 16 == 5) spoil(bytes);
      std::vector<os::Fd> fds;
      if (kind % 32 == 9) fds.push_back(other_descriptor());
      send(ours.get(), bytes, std::move(fds));
    }
    return end(std::move(theirs), std::move(ours));
  }
  void spoil(std::vector<uint8_t>& bytes) {
    if (choices_.byte() % 8 != 7) return;
    if (choices_.flag()) bytes.resize(choices_.below(2048));
    if (!bytes.empty())
      bytes[choices_.byte() % bytes.size()] ^= static_cast<uint8_t>(1 + choices_.byte());
  }

  fuzz::Choices& choices_;
  std::vector<os::Fd> held_;
};

Service* g_service = nullptr;

int next_number() {
  const int fd = ::dup(2);
  ::close(fd);
  return fd;
}

}  // namespace

bool real_begin(os::ForkMark*) __asm__("__real__ZN6sluice2os8ForkMark5beginEv");
int64_t real_now() __asm__("__real__ZN6sluice2os15nanoseconds_nowEv");

// In the place of what the library asks of the system (fuzz/CMakeLists.txt has their names).
core::Result<os::Fd> connect_to_script(const char*) __asm__(
    "__wrap__ZN6sluice2os11connect_nowEPKc");
core::Result<os::Fd> connect_to_script(const char*) { return g_service->connection(); }
int64_t now_of_script() __asm__("__wrap__ZN6sluice2os15nanoseconds_nowEv");
int64_t now_of_script() { return real_now() + g_service->slept; }
void sleep_in_script(int64_t) __asm__("__wrap__ZN6sluice2os17sleep_nanosecondsEl");
void sleep_in_script(int64_t time) { g_service->slept += time; }
// A process is another's copy only after a fork(2); one that is told so is as if it were.
bool forked_in_script(os::ForkMark*) __asm__("__wrap__ZN6sluice2os8ForkMark5beginEv");
bool forked_in_script(os::ForkMark* mark) { return real_begin(mark) || g_service->forked(); }
bool may_wait_in_script(int) __asm__("__wrap__ZN6sluice2os14ioctl_may_waitEi");
bool may_wait_in_script(int) { return g_service->may_wait(); }

namespace sluice::os {
core::Result<int> backing_open(int, int) { return g_service->kernel_opens(); }
core::Outcome backing_close(int, int) { return g_service->kernel_closes(); }
}  // namespace sluice::os

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC),
                   writable = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const int free_before = next_number();
  {
    fuzz::Choices choices(data, size);
    Service service(choices);
    g_service = &service;
    sluice_session* session = nullptr;
    const uint8_t kind = choices.byte();
    const std::string path(kind % 32 == 30 || kind % 128 == 61 ? 108 : 2, 's');
    int device = -1, mount = -1;
    const int begun = kind % 32 == 29 ? sluice_connect(path.c_str(), &device, &mount, &session)
                                      : sluice_open(kind % 32 == 31 ? -1 : null, path.c_str(), &session);
    FUZZ_HOLDS((begun == 0) == (session != nullptr));
    FUZZ_HOLDS(kind % 32 != 29 || (begun == 0) == (device >= 0 && mount >= 0));
    for (const int made : {device, mount}) {
      if (made >= 0) ::close(made);
    }
    for (size_t calls = 0; choices.more() && calls < kMostCalls; ++calls) {
      const int64_t slept = service.slept;
      const uint8_t what = choices.byte();
      const bool asks = what % 16 == 13;
      const int result = asks ? sluice_backing_valid(session, static_cast<int>(choices.number()))
                         : what % 4 == 3
                             ? sluice_backing_close(session, static_cast<int>(choices.number()))
                             : sluice_backing_open(session, what % 32 == 8    ? -1
                                                            : (what & 4) != 0 ? null
                                                                              : writable);
      // An id, or an errno and why.
      FUZZ_HOLDS(result > -4096 && (result < 0) == (sluice_last_reason() != 0));
      FUZZ_HOLDS(asks ? result <= 1 : what % 4 == 3 ? result <= 0 : result != 0);
      FUZZ_HOLDS(*sluice_reason_name(sluice_last_reason()) != '\0' &&
                 *sluice_reason_text(sluice_last_reason()) != '\0');
      FUZZ_HOLDS(sluice_reason_remedy(sluice_last_reason()) != nullptr);
      FUZZ_HOLDS(service.slept - slept <= kSecond + kSecond / 10);
      // Time goes by.
      if (choices.byte() % 4 == 0)
        service.slept += static_cast<int64_t>(choices.byte()) * 100'000'000;
    }
    sluice_close(session);
    FUZZ_HOLDS(*sluice_version() != '\0');
  }
  FUZZ_HOLDS(next_number() == free_before);
  return 0;
}
