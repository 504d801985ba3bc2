#include "live.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "os/channel.h"
#include "os/mount.h"
#include "os/poller.h"
#include "os/socket.h"

namespace sluice::adversary {
namespace {

constexpr char kSocket[] = "/run/service.sock";

// A /run of the test's own, which every user reaches; the test has a mount namespace of its own.
void prepare_run() {
  static const bool done = ::mount("tmpfs", "/run", "tmpfs", 0, "mode=755") == 0;
  ASSERT_TRUE(done);
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

LiveService::LiveService(const std::vector<std::string>& options) {
  prepare_run();
  static int number = 0;
  log_ = "/run/log" + std::to_string(++number);
  const std::string program = program_path("sluiced");
  std::vector<const char*> argv = {program.c_str(), "--listen", kSocket, "--mode", "0666"};
  for (const std::string& option : options) argv.push_back(option.c_str());
  argv.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ == 0) {
    const int log = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(log, STDERR_FILENO);
    for (const int leaked : {20, 40}) ::dup2(log, leaked);
    const gid_t groups[] = {kForeignGroup};
    const struct rlimit core {RLIM_INFINITY, RLIM_INFINITY};
    ::setenv("SLUICE_SECRET", "x", 1);
    if (::setgroups(1, groups) == 0 && ::setrlimit(RLIMIT_CORE, &core) == 0) {
      ::execv(program.c_str(), const_cast<char* const*>(argv.data()));
    }
    ::_exit(127);
  }
  for (int i = 0; i < 500; ++i) {
    // An answer, not a connection: it listens before it is confined.
    const auto socket = os::connect_to(kSocket);
    if (socket.ok() && os::send_message(socket->get(), wire::encode_hello({})).ok() &&
        os::wait_readable(socket->get(), 5000).ok()) {
      return;
    }
    ::usleep(10000);
  }
  ADD_FAILURE() << "the service does not come up: " << log();
}

LiveService::~LiveService() {
  ::kill(pid_, SIGTERM);
  for (int i = 0; i < 400 && ::waitpid(pid_, nullptr, WNOHANG) == 0; ++i) ::usleep(10000);
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

pid_t LiveService::maker() const {
  const std::string pid = std::to_string(pid_);
  return std::atoi(text_of("/proc/" + pid + "/task/" + pid + "/children").c_str());
}

std::string LiveService::log() const { return text_of(log_); }

os::Fd LiveService::connect(uint32_t uid, std::vector<gid_t> groups) const {
  // Of this thread only, and not for long: the C library's calls would be for all threads.
  ::syscall(SYS_setgroups, groups.size(), groups.data());
  ::syscall(SYS_setresgid, -1, uid, -1);
  ::syscall(SYS_setresuid, -1, uid, -1);
  auto peer = os::connect_to(kSocket);
  ::syscall(SYS_setresuid, -1, 0, -1);
  ::syscall(SYS_setresgid, -1, 0, -1);
  ::syscall(SYS_setgroups, 0, nullptr);
  if (!peer.ok()) return os::Fd();
  (void)os::set_timeout(peer->get(), 5000);
  return *std::move(peer);
}

Answer LiveService::ask(int peer, const wire::Hello& hello, std::span<const int> fds) {
  if (!os::send_message(peer, wire::encode_hello(hello), fds).ok()) return {};
  return receive(peer, hello.kind == wire::HelloKind::kList);
}

Answer LiveService::receive(int peer, bool list) {
  Answer answer;
  std::vector<uint8_t> buffer(wire::kViewInfoMost);
  auto message = os::receive_message(peer, buffer, 2);
  if (!message.ok() || message->length == 0) return answer;
  const auto reply = wire::decode_reply({buffer.data(), message->length});
  if (!reply.ok()) return answer;
  answer.error = reply->error;
  answer.reason = reply->reason;
  answer.text = reply->text;
  if (!message->fds.empty()) answer.mount = std::move(message->fds[0]);
  if (message->fds.size() > 1) answer.record = std::move(message->fds[1]);
  for (uint32_t i = 0; list && i < reply->count; ++i) {
    const auto more = os::receive_message(peer, buffer, 0);
    if (!more.ok()) break;
    auto view = wire::decode_view({buffer.data(), more->length});
    if (view.ok()) answer.views.push_back(*std::move(view));
  }
  return answer;
}

std::vector<wire::ViewInfo> LiveService::list(uint32_t uid) const {
  return ask(connect(uid).get(), wire::Hello{}).views;
}

wire::Hello honest_hello() {
  wire::Hello hello;
  hello.kind = wire::HelloKind::kMount;
  hello.named_identity = true;
  hello.tied = true;
  hello.uid = hello.gid = kUser;
  hello.groups = {kUser, kGroup};
  hello.source = "/source";
  hello.target = "/target";
  return hello;
}

os::Fd bare(const std::string& path) { return os::Fd(::open(path.c_str(), O_PATH | O_CLOEXEC)); }

LiveView::LiveView(const LiveService& service, const std::string& source, const wire::Hello& hello,
                   uint32_t peer, const std::vector<std::string>& grafts)
    : peer_(service.connect(peer)) {
  std::vector<os::Fd> directories;
  directories.push_back(bare(source));
  for (const std::string& graft : grafts) directories.push_back(bare(graft));
  std::vector<int> fds;
  for (const os::Fd& directory : directories) fds.push_back(directory.get());
  answer_ = LiveService::ask(peer_.get(), hello, fds);
  if (!up()) return;
  for (wire::ViewInfo& view : service.list(0)) {
    if (view.name == answer_.text) info_ = std::move(view);
  }
  static int number = 0;
  point_ = "/run/view" + std::to_string(++number);
  std::filesystem::create_directory(point_);
  EXPECT_TRUE(os::attach_mount(answer_.mount.get(), bare(point_).get()).ok());
}

LiveView::~LiveView() {
  if (!point_.empty()) ::umount2(point_.c_str(), MNT_DETACH);
}

std::string LiveView::mount_options() const {
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    if (line.find(" " + point_ + " ") != std::string::npos) return line;
  }
  return {};
}

int as_user(uint32_t uid, const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    const gid_t groups[] = {uid};
    if (::setgroups(1, groups) != 0 || ::setresgid(uid, uid, uid) != 0 || ::setresuid(uid, uid, uid) != 0) {
      ::_exit(126);
    }
    ::_exit(body());
  }
  int status = 0;
  for (int i = 0; i < 1000; ++i) {
    if (::waitpid(pid, &status, WNOHANG) == pid) return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
    ::usleep(i < 100 ? 500 : 10000);
  }
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  return 126;
}

// ---- A process that was taken over ----

TakenOver::TakenOver(pid_t pid) : pid_(pid) {
  if (::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) != 0 || ::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr) != 0) {
    ADD_FAILURE() << "ptrace: " << std::strerror(errno);
    return;
  }
  int status;
  alive_ = ::waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status);
}

TakenOver::~TakenOver() {
  if (alive_) ::ptrace(PTRACE_DETACH, pid_, nullptr, nullptr);
}

long TakenOver::call(long number, std::vector<long> arguments) {
#ifdef __x86_64__
  if (!alive_) return kKilled;
  struct user_regs_struct before {};
  ::ptrace(PTRACE_GETREGS, pid_, nullptr, &before);
  struct user_regs_struct registers = before;
  arguments.resize(6);
  // It is behind the system call in which it waited: that instruction is made again.
  registers.rip -= 2;
  registers.rax = static_cast<unsigned long long>(number);
  registers.orig_rax = ~0ull;
  unsigned long long* const places[] = {&registers.rdi, &registers.rsi, &registers.rdx,
                                        &registers.r10, &registers.r8,  &registers.r9};
  for (size_t i = 0; i < 6; ++i) *places[i] = static_cast<unsigned long long>(arguments[i]);
  ::ptrace(PTRACE_SETREGS, pid_, nullptr, &registers);
  ::ptrace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr);
  int status;
  if (::waitpid(pid_, &status, __WALL) != pid_ || !WIFSTOPPED(status)) {
    alive_ = false;
    return kKilled;
  }
  ::ptrace(PTRACE_GETREGS, pid_, nullptr, &registers);
  ::ptrace(PTRACE_SETREGS, pid_, nullptr, &before);
  return static_cast<long>(registers.rax);
#else
  (void)number, (void)arguments;
  return kKilled;
#endif
}

long TakenOver::call_with_path(long number, long first, const std::string& path, std::vector<long> more) {
#ifdef __x86_64__
  struct user_regs_struct registers {};
  ::ptrace(PTRACE_GETREGS, pid_, nullptr, &registers);
  const auto place = (registers.rsp - 4096) & ~15ull;
  std::string text = path;
  struct iovec from {text.data(), text.size() + 1}, to {reinterpret_cast<void*>(place), text.size() + 1};
  if (::process_vm_writev(pid_, &from, 1, &to, 1, 0) < 0) return -errno;
  std::vector<long> arguments = {first, static_cast<long>(place)};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return call(number, arguments);
#else
  (void)number, (void)first, (void)path, (void)more;
  return kKilled;
#endif
}

std::vector<uint8_t> TakenOver::filter() {
  constexpr auto kGetFilter = static_cast<__ptrace_request>(0x420c);  // PTRACE_SECCOMP_GET_FILTER
  if (::ptrace(kGetFilter, pid_, reinterpret_cast<void*>(1), nullptr) >= 0) return {};
  const long count = ::ptrace(kGetFilter, pid_, nullptr, nullptr);
  if (count <= 0) return {};
  std::vector<uint8_t> program(static_cast<size_t>(count) * sizeof(struct sock_filter));
  ::ptrace(kGetFilter, pid_, nullptr, program.data());
  return program;
}

}  // namespace sluice::adversary
