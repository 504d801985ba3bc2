// Kernels that lack a protection, made by a supervisor that answers for the kernel what Landlock it
// has. Invariant: without the administrator's word for exactly what is missing the service does not
// start, and names it; with it, the log and the status of every view say so (src/core/protection.h).
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "foreign_server.h"
#include "hostile_worker.h"
#include "os/socket.h"
#include "running_service.h"

namespace sluice::adversary {
namespace {

constexpr uint64_t kVersionQuery = 1;  // LANDLOCK_CREATE_RULESET_VERSION

int install_filter() {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_create_ruleset, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program {sizeof(code) / sizeof(code[0]), code};
  return static_cast<int>(
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

// A kernel with Landlock of this ABI, as whoever calls install() in it sees it.
class OtherKernel {
 public:
  // abi: 0 for none.
  explicit OtherKernel(int abi) {
    auto pair = os::socket_pair();
    supervised_ = std::move(pair->second);
    const int channel = pair->first.get();
    supervisor_ = std::make_unique<Program>([this, channel, abi] {
      supervised_.reset();
      answer(channel, abi);
    });
  }
  // In the process that is to run there.
  void install() const {
    const os::Fd listener(install_filter());
    const uint8_t go = 1;
    const int fd = listener.get();
    if (!listener || !os::send_message(supervised_.get(), {&go, 1}, {&fd, 1}).ok()) ::_exit(3);
  }

 private:
  static void answer(int channel, int abi) {
    uint8_t byte;
    auto message = os::receive_message(channel, {&byte, 1}, 1);
    if (!message.ok() || message->fds.size() != 1) return;
    const int listener = message->fds[0].get();
    for (;;) {
      struct seccomp_notif call {};
      if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0) {
        if (errno == EINTR) continue;
        struct pollfd state {listener, 0, 0};
        if (::poll(&state, 1, 0) > 0 && (state.revents & POLLHUP) != 0) return;
        continue;  // whoever called has ended meanwhile
      }
      struct seccomp_notif_resp response {};
      response.id = call.id;
      if (call.data.args[2] != kVersionQuery && abi > 0) {
        response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
      } else if (abi > 0) {
        response.val = abi;
      } else {
        response.error = -EOPNOTSUPP;
      }
      (void)::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
    }
  }

  os::Fd supervised_;
  std::unique_ptr<Program> supervisor_;
};

std::vector<std::string> allowing(const std::vector<std::string>& names) {
  std::vector<std::string> options;
  for (const std::string& name : names) options.insert(options.end(), {"--allow-missing", name});
  return options;
}

void refused(int abi, const std::vector<std::string>& allowed, const std::vector<std::string>& named) {
  const OtherKernel kernel(abi);
  std::vector<std::string> argv = {kSluiced, "--listen", kSocket};
  const std::vector<std::string> options = allowing(allowed);
  argv.insert(argv.end(), options.begin(), options.end());
  std::string said;
  EXPECT_EQ(run_program(argv, &said, 5, [&] { kernel.install(); }), 1) << "ABI " << abi << ": " << said;
  for (const std::string& name : named) {
    const size_t line = said.find("event=protection-missing protection=\"" + name + "\"");
    ASSERT_NE(line, std::string::npos) << name << ": " << said;
    EXPECT_NE(said.substr(line, said.find('\n', line) - line).find("allowed=\"no"), std::string::npos) << said;
  }
  EXPECT_NE(::access(kSocket, F_OK), 0) << "it listened all the same";
}

void starts(int abi, const std::vector<std::string>& allowed) {
  const OtherKernel kernel(abi);
  const std::string source = make_source("source-" + std::to_string(abi), kUser);
  RunningService service(allowing(allowed), [&] { kernel.install(); });
  const View view(source, kUser, {"*.key"});
  in_process(kUser, 5, [&] { EXPECT_EQ(read_all(view.path("file")), "content\n"); });
  std::string status;
  ASSERT_EQ(run_program({kSluice, "status", "--json", "--socket", kSocket}, &status, 5), 0) << status;
  std::string list;
  for (const std::string& name : allowed) {
    EXPECT_NE(service.log().find("event=protection-missing protection=\"" + name + "\""), std::string::npos)
        << service.log();
    list += (list.empty() ? "\"" : ",\"") + name + "\"";
  }
  std::string dense;
  for (const char c : status) {
    if (c != ' ' && c != '\n') dense += c;
  }
  EXPECT_NE(dense.find("\"missing\":[" + list + "]"), std::string::npos) << status;
  EXPECT_NE(service.log().find("allowed=\"yes\""), std::string::npos) << service.log();
  EXPECT_EQ(service.log().find("allowed=\"no"), std::string::npos) << service.log();
}

ATTACK(Missing, NoLandlock) {
  const std::vector<std::string> all = {"landlock", "landlock-devices", "landlock-scope"};
  refused(0, {}, all);
  refused(0, {"landlock"}, {"landlock-devices", "landlock-scope"});
  refused(0, {"landlock-devices", "landlock-scope"}, {"landlock"});
  starts(0, all);
}

ATTACK(Missing, LandlockAbi3) {
  refused(3, {}, {"landlock-devices", "landlock-scope"});
  refused(3, {"landlock"}, {"landlock-devices", "landlock-scope"});
  refused(3, {"landlock-devices"}, {"landlock-scope"});
  starts(3, {"landlock-devices", "landlock-scope"});
}

ATTACK(Missing, LandlockAbi5) {
  refused(5, {}, {"landlock-scope"});
  refused(5, {"landlock-devices"}, {"landlock-scope"});
  refused(5, {"landlock"}, {"landlock-scope"});
  starts(5, {"landlock-scope"});
}

// Without Landlock nothing would keep a grant to read from being written through (fact 3): whoever allowed that it
// is missing allowed it for views, whose trees are mounted read-only besides.
ATTACK(Missing, NoGrantsToForeignServersWithoutLandlock) {
  const OtherKernel kernel(0);
  const std::string path = foreign_ground();
  RunningService service(allowing({"landlock", "landlock-devices", "landlock-scope"}), [&] { kernel.install(); });
  in_process(kUser, 10, [&] {
    enter_own_namespaces();
    ForeignServer server(path + "/point", 8);
    EXPECT_EQ(server.connect(), core::Reason::kProtectionMissing);
  });
}

// Nothing missing: nothing is said, whatever is allowed.
ATTACK(Missing, NothingIsMissing) {
  RunningService service(allowing({"landlock", "landlock-devices", "landlock-scope"}));
  const std::string source = make_source("source", kUser);
  const View view(source, kUser);
  std::string status;
  ASSERT_EQ(run_program({kSluice, "status", "--json", "--socket", kSocket}, &status, 5), 0) << status;
  EXPECT_NE(status.find("\"missing\": []"), std::string::npos) << status;
  EXPECT_EQ(service.log().find("protection-missing"), std::string::npos) << service.log();
}

}  // namespace
}  // namespace sluice::adversary
