#include "core/limits.h"
#include "live_views.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "os/socket.h"
#include "wire/control.h"

namespace sluice::adversary {
namespace {

constexpr uint32_t kAnswerMilliseconds = 8000;

bool eventually(const std::function<bool()>& done) {
  for (int i = 0; i < 500; ++i) {
    if (done()) return true;
    ::usleep(10'000);
  }
  return false;
}

std::vector<pid_t> children_of(pid_t pid) {
  const std::string task = std::to_string(pid);
  std::ifstream file("/proc/" + task + "/task/" + task + "/children");
  std::vector<pid_t> children;
  for (pid_t child = 0; file >> child;) children.push_back(child);
  return children;
}

std::string command_of(pid_t pid) {
  std::string name;
  std::ifstream("/proc/" + std::to_string(pid) + "/comm") >> name;
  return name;
}

}  // namespace

LiveViews::LiveViews(const std::string& programs, Kind kind) : kind_(kind) {
  const char* base = std::getenv("TMPDIR");
  place_ = std::string(base != nullptr ? base : "/var/tmp") + "/sluice-report-XXXXXX";
  if (::mkdtemp(place_.data()) == nullptr || ::mkdir((place_ + "/source").c_str(), 0755) != 0) {
    problem_ = "no temporary directory";
    return;
  }
  if (kind == kDeviceNodes && ::mount("tmpfs", (place_ + "/source").c_str(), "tmpfs", MS_NODEV, nullptr) != 0) {
    problem_ = "no mount that is nodev";
    return;
  }
  ::chmod(place_.c_str(), 0755);
  const std::string socket = place_ + "/socket";
  service_ = ::fork();
  if (service_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int null = ::open("/dev/null", O_RDWR);
    const int log =
        ::open((place_ + "/log").c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
    ::dup2(null, 0);
    ::dup2(null, 1);
    ::dup2(log, 2);
    ::close_range(3, ~0u, 0);  // what this command was started with is not the service's
    const std::string program = programs + "/sluiced";
    ::execl(program.c_str(), "sluiced", "--listen", socket.c_str(),
            preserve_ ? "--preserve" : nullptr, kind == kDeviceNodes ? "--device-nodes" : nullptr, nullptr);
    ::_exit(127);
  }
  if (!eventually([&] { return os::connect_to(socket).ok(); })) {
    problem_ = "the service does not come up";
  } else if ((!preserve_ && !make_view(true)) || !make_view(false)) {
    problem_ = "a view does not come up";
  } else if (!preserve_ && !make_connection()) {
    problem_ = "a connection of another server does not come up";
  } else if (!find_processes()) {
    problem_ = "its processes are not those that were expected";
  }
  if (problem_.empty()) return;
  processes_.clear();
  std::ifstream log(place_ + "/log");
  problem_ += ":\n" + std::string(std::istreambuf_iterator<char>(log), {});
}

LiveViews::~LiveViews() {
  server_.reset();
  mounts_.clear();
  connections_.clear();
  if (service_ > 0) {
    ::kill(service_, SIGTERM);
    if (!eventually([&] { return ::waitpid(service_, nullptr, WNOHANG) != 0; })) {
      ::kill(service_, SIGKILL);
      ::waitpid(service_, nullptr, 0);
    }
  }
  if (kind_ == kDeviceNodes) ::umount2((place_ + "/source").c_str(), MNT_DETACH);
  std::error_code ignored;
  std::filesystem::remove_all(place_, ignored);
}

bool LiveViews::make_view(bool read_only) {
  auto connection = os::connect_to(place_ + "/socket");
  if (!connection.ok() || !os::set_timeout(connection->get(), kAnswerMilliseconds).ok())
    return false;
  wire::Hello hello;
  hello.kind = wire::HelloKind::kMount;
  hello.tied = true;
  if (preserve_) {
    hello.preserve = true;
    hello.device_nodes = kind_ == kDeviceNodes;
  } else {
    hello.named_identity = true;
    hello.uid = hello.gid = kReportedUser;
  }
  hello.read_only = read_only;
  hello.coherence_milliseconds = core::Limits::kCoherenceMilliseconds;
  hello.name = read_only ? "ro" : "rw";
  hello.source = hello.target = "/";
  const os::Fd source(::open((place_ + "/source").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const int fd = source.get();
  if (!os::send_message(connection->get(), wire::encode_hello(hello), {&fd, 1}).ok()) return false;
  std::vector<uint8_t> buffer(wire::kViewInfoMost);
  auto message = os::receive_message(connection->get(), buffer, 1);
  if (!message.ok() || message->fds.size() != 1) return false;
  mounts_.push_back(std::move(message->fds[0]));
  connections_.push_back(*std::move(connection));
  return true;
}

bool LiveViews::make_connection() {
  const std::string socket = place_ + "/socket", point = place_ + "/point";
  // Its: root's servers need no broker.
  if (::mkdir(point.c_str(), 0755) != 0 || ::chown(point.c_str(), kReportedUser, kReportedUser) != 0 ||
      ::chown(socket.c_str(), kReportedUser, kReportedUser) != 0) {
    return false;
  }
  server_ = std::make_unique<IdleServer>(socket, point, kReportedUser, kReportedUser);
  return server_->reason() == core::Reason::kNone;
}

bool LiveViews::find_processes() {
  auto connection = os::connect_to(place_ + "/socket");
  if (!connection.ok()) return false;
  (void)os::set_timeout(connection->get(), kAnswerMilliseconds);
  (void)os::send_message(connection->get(), wire::encode_hello({}));
  std::vector<uint8_t> buffer(wire::kViewInfoMost);
  auto message = os::receive_message(connection->get(), buffer, 0);
  if (!preserve_) processes_.push_back({"sluiced", service_});
  pid_t maker = -1;
  for (const pid_t child : children_of(service_)) {
    if (command_of(child) == "sluiced-maker") maker = child;
  }
  const char* const options[] = {"", " (--preserve)", " (--preserve --device-nodes)"};
  processes_.push_back({std::string("sluiced-maker") + options[kind_], maker});
  for (size_t i = 0; i < mounts_.size() + (server_ ? 1 : 0); ++i) {
    message = os::receive_message(connection->get(), buffer, 0);
    if (!message.ok()) return false;
    const auto view = wire::decode_view({buffer.data(), message->length});
    if (!view.ok()) return false;
    if (view->foreign) {
      processes_.push_back({"sluice-foreign-broker", view->broker_pid});
      continue;
    }
    const std::string of = view->device_nodes ? " (preserve view, device nodes)"
                           : preserve_        ? " (preserve view)"
                           : view->read_only  ? " (read-only view)"
                                              : " (read-write view)";
    processes_.push_back({"sluice-broker" + of, view->broker_pid});
    processes_.push_back({"sluice-worker" + of, view->worker_pid});
  }
  connection->reset();
  // Until the set-up processes have gone, and the service has noticed: brokers and workers are then
  // its children, and its descriptors stay what they are.
  size_t last = 0;
  int quiet = 0;
  return maker > 0 && eventually([&] {
           const std::filesystem::directory_iterator fds("/proc/" + std::to_string(service_) +
                                                         "/fd");
           const auto now = static_cast<size_t>(std::distance(begin(fds), end(fds)));
           const bool settled = children_of(maker).empty() && children_of(service_).size() == 1 + 2 * mounts_.size() + (server_ ? 1 : 0);
           quiet = settled && now == last ? quiet + 1 : 0;
           last = now;
           return quiet == 10;
         });
}

}  // namespace sluice::adversary
