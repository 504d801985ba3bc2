#include "service_stage.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include "../kernel/contained.h"
#include "../kernel/process.h"
#include "../kernel/sys.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/socket.h"

namespace sluice::adversary {
namespace {

using kerneltest::Eventually;
using kerneltest::Must;
using kerneltest::Sys;
using kerneltest::WorkDir;

constexpr uint32_t kAnswerMilliseconds = 5000;

std::string built(const std::string& program) {
  const char* directory = std::getenv("SLUICE_BIN");
  return std::string(directory != nullptr ? directory : ".") + "/" + program;
}

// By a bind mount: the service finds the programs beside its own by the path that it was started
// by.
void put(const std::string& program, const std::string& place) {
  kerneltest::WriteFile(place, "");
  Must(Sys(::mount(built(program).c_str(), place.c_str(), nullptr, MS_BIND, nullptr)), program);
}

void of_viewer(const std::string& path) {
  Must(Sys(::lchown(path.c_str(), kViewer, kViewer)), path);
}

}  // namespace

std::string mode_name(Mode mode) { return mode == Mode::kPreserve ? "preserve" : "identity"; }

Service::Service(Mode mode, const std::string& worker, const std::string& broker) : mode_(mode) {
  kerneltest::Need(::access("/dev/fuse", R_OK | W_OK) == 0, "/dev/fuse");
  static int count = 0;
  const std::string base = WorkDir() + "/service" + std::to_string(count++);
  programs_ = base + "/bin";
  socket_ = base + "/socket";
  log_ = base + "/log";
  for (const std::string& path : {base, programs_}) Must(Sys(::mkdir(path.c_str(), 0755)), path);
  put("sluice", programs_ + "/sluice");
  put("sluiced", programs_ + "/sluiced");
  put(broker, programs_ + "/sluice-broker");
  put(worker, programs_ + "/sluice-worker");
  put("sluice-worker", programs_ + "/sluice-worker-honest");
  put("sluice-foreign-broker", programs_ + "/sluice-foreign-broker");
  pid_ = static_cast<pid_t>(Must(Sys(::fork()), "fork"));
  if (pid_ == 0) {
    kerneltest::DieWithParent();
    const int log = ::open(log_.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0644);
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, 0);
    ::dup2(null, 1);
    ::dup2(log, 2);
    ::close_range(3, ~0u, 0);
    const std::string path = program("sluiced");
    ::execl(path.c_str(), "sluiced", "--listen", socket_.c_str(), "--mode", "0666",
            mode == Mode::kPreserve ? "--preserve" : nullptr, nullptr);
    ::_exit(127);
  }
  if (!Eventually([&] { return os::connect_to(socket_).ok(); })) {
    ADD_FAILURE() << "the service does not come up: " << log();
  }
}

Service::~Service() {
  if (::testing::Test::HasFailure()) std::fprintf(stderr, "%.20000s", log().c_str());
  ::kill(pid_, SIGTERM);
  const bool ended = Eventually([&] { return ::waitpid(pid_, nullptr, WNOHANG) != 0; });
  EXPECT_TRUE(ended) << "the service does not end";
  if (ended) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string Service::log() const {
  std::ifstream file(log_);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool Service::logs(const std::string& text, int milliseconds) const {
  return Eventually([&] { return log().find(text) != std::string::npos; }, milliseconds);
}

std::vector<wire::ViewInfo> Service::views() const {
  std::vector<wire::ViewInfo> views;
  auto connection = os::connect_to(socket_);
  if (!connection.ok() || !os::set_timeout(connection->get(), kAnswerMilliseconds).ok())
    return views;
  wire::Hello hello;
  hello.kind = wire::HelloKind::kList;
  (void)os::send_message(connection->get(), wire::encode_hello(hello));
  std::vector<uint8_t> buffer(wire::kViewInfoMost);
  auto message = os::receive_message(connection->get(), buffer, 0);
  const size_t length = message.ok() ? message->length : 0;
  const auto reply = wire::decode_reply({buffer.data(), length});
  EXPECT_TRUE(reply.ok()) << "the service does not answer";
  for (uint32_t i = 0; reply.ok() && i < reply->count; ++i) {
    message = os::receive_message(connection->get(), buffer, 0);
    if (!message.ok()) break;
    if (auto view = wire::decode_view({buffer.data(), message->length}); view.ok()) {
      views.push_back(*std::move(view));
    }
  }
  return views;
}

wire::ViewInfo Service::view(const std::string& name) const {
  for (const wire::ViewInfo& view : views()) {
    if (view.name == name) return view;
  }
  return {};
}

std::string make_source(const std::string& order) {
  static int count = 0;
  const std::string outside = WorkDir() + "/outside";
  if (::mkdir(outside.c_str(), 0755) == 0) kerneltest::WriteFile(outside + "/canary", "canary");
  const std::string source = WorkDir() + "/source" + std::to_string(count++);
  Must(Sys(::mkdir(source.c_str(), 0755)), source);
  kerneltest::WriteFile(source + "/plain", "plain", 0755);
  kerneltest::WriteFile(source + "/others", "others", 0600);
  // Not on every filesystem: then there is nothing to be read either.
  (void)::setxattr((source + "/others").c_str(), "user.secret", "s", 1, 0);
  (void)::setxattr((source + "/plain").c_str(), "trusted.secret", "s", 1, 0);
  Must(Sys(::mkdir((source + "/dir").c_str(), 0755)), "mkdir");
  Must(Sys(::symlink("../outside", (source + "/dirlink").c_str())), "symlink");
  Must(Sys(::symlink("plain", (source + "/link").c_str())), "symlink");
  Must(Sys(::symlink("/proc/self/root", (source + "/magic").c_str())), "symlink");
  Must(Sys(::mkfifo((source + "/fifo").c_str(), 0666)), "mkfifo");
  for (const char* name : {"", "/plain", "/dir", "/fifo"}) of_viewer(source + name);
  if (!order.empty()) kerneltest::WriteFile(source + "/.order", order);
  return source;
}

AttackedView::AttackedView(const Service& service, const std::string& order, bool read_only)
    : service_(service), source_(make_source(order)) {
  static int count = 0;
  name_ = "view" + std::to_string(count++);
  target_ = WorkDir() + "/" + name_;
  Must(Sys(::mkdir(target_.c_str(), 0755)), target_);
  connection_ = *os::connect_to(service.socket());
  (void)os::set_timeout(connection_.get(), kAnswerMilliseconds);
  wire::Hello hello;
  hello.kind = wire::HelloKind::kMount;
  hello.tied = true;
  if (service.mode() == Mode::kPreserve) {
    hello.preserve = true;
  } else {
    hello.named_identity = true;
    hello.uid = hello.gid = kViewer;
  }
  hello.read_only = read_only;
  hello.name = name_;
  hello.source = source_;
  hello.target = target_;
  const kerneltest::Fd source = kerneltest::Open(source_, O_PATH | O_DIRECTORY);
  const int fd = source.get();
  (void)os::send_message(connection_.get(), wire::encode_hello(hello), {&fd, 1});
  std::vector<uint8_t> buffer(wire::kViewInfoMost);
  auto message = os::receive_message(connection_.get(), buffer, 1);
  made_ = message.ok() && message->fds.size() == 1;
  EXPECT_TRUE(made_) << "no view with the order \"" << order << "\"";
  if (!made_) return;
  // Without a request to the worker.
  if (auto stat = os::stat_held(message->fds[0].get()); stat.ok()) minor_ = stat->stx_dev_minor;
  kerneltest::RememberConnection(minor_);
  const kerneltest::Fd target = kerneltest::Open(target_, O_PATH | O_DIRECTORY);
  EXPECT_TRUE(os::attach_mount(message->fds[0].get(), target.get()).ok());
  // Its set-up process has gone: now the worker is the service's to wait for.
  const std::string stat = "/proc/" + std::to_string(service.view(name_).worker_pid) + "/stat";
  Eventually([&] {
    const std::string parent = " " + std::to_string(service.pid()) + " ";
    const std::string text =
        ::access(stat.c_str(), F_OK) == 0 ? kerneltest::ReadFile(stat) : parent;
    return text.find(parent) != std::string::npos;
  });
}

AttackedView::~AttackedView() {
  ::umount2(target_.c_str(), MNT_FORCE | MNT_DETACH);
  connection_.reset();
  EXPECT_TRUE(!made_ || ended()) << "the view outlives its client";
  kerneltest::ForgetConnection(minor_);
}

void AttackedView::begin() const {
  // By a process that need not come back before the connection ends; the guard ends it then.
  if (::fork() != 0) return;
  kerneltest::DieWithParent();
  kerneltest::Become({kViewer});
  ::access(path("begin").c_str(), F_OK);
  ::_exit(0);
}

bool AttackedView::ended(int milliseconds) const {
  return Eventually([&] { return service_.view(name_).id == 0; }, milliseconds);
}

int AttackedView::unmount_by_force() const {
  const pid_t pid = ::fork();
  if (pid == 0) {
    const std::string program = service_.program("sluice");
    ::execl(program.c_str(), "sluice", "umount", "--force", target_.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string AttackedView::said() const {
  std::istringstream lines(service_.log());
  std::string all;
  for (std::string line; std::getline(lines, line);) {
    const size_t from = line.find(" path=\"");
    if (line.find(" view=\"" + name_ + "\"") == std::string::npos || from == std::string::npos)
      continue;
    all += line.substr(from + 7, line.find('"', from + 7) - from - 7) + '\n';
  }
  return all;
}

bool AttackedView::says(const std::string& text, int milliseconds) const {
  return Eventually([&] { return ("\n" + said()).find("\n" + text) != std::string::npos; },
                    milliseconds);
}

KernelLog::KernelLog() : log_(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
  if (log_) {
    ::lseek(log_.get(), 0, SEEK_END);
  } else {
    std::fprintf(stderr, "not looked at: the kernel's log (/dev/kmsg)\n");
  }
}

std::string KernelLog::damage() const {
  std::string found;
  char record[8192];
  while (log_) {
    const ssize_t length = ::read(log_.get(), record, sizeof(record) - 1);
    if (length < 0 && errno == EPIPE) continue;  // overwritten meanwhile: go on with the next
    if (length <= 0) break;
    record[length] = '\0';
    // The fault of a program, which is what becomes of one that is refused even its exit (Linux, arch/x86/kernel/traps.c).
    if (std::strstr(record, ";traps: ") != nullptr) continue;
    for (const char* sign :
         {"WARNING:", "BUG:", "Oops", "general protection", "blocked for more than"}) {
      if (std::strstr(record, sign) != nullptr) found += record;
    }
  }
  return found;
}

}  // namespace sluice::adversary
