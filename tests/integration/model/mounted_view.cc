#include "tests/integration/model/mounted_view.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "tests/integration/model/checks.h"

namespace sluice::model {
namespace {

constexpr int64_t kStartMilliseconds = 15000;
constexpr int64_t kEndMilliseconds = 5000;

constexpr uint32_t kMostIds = 100'000;
constexpr unsigned long kBackingClose = _IOW(229, 2, uint32_t);  // linux/fuse.h: FUSE_DEV_IOC_BACKING_CLOSE

// No service but its own: one that runs on this machine is another build.
constexpr char kNoSocket[] = "/run/sluice/model-test.none";

// log: where its standard error goes; -1: where the test's goes.
pid_t start_program(std::vector<std::string> arguments, int* output, int log = -1) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return -1;
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::dup2(ends[1], STDOUT_FILENO);
    if (log >= 0) ::dup2(log, STDERR_FILENO);
    ::unsetenv("SLUICE_SOCKET");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    std::perror(argv[0]);
    ::_exit(127);
  }
  ::close(ends[1]);
  *output = ends[0];
  return pid;
}

// Reads until `wanted` has come (empty: until the end), or the time is over.
std::string read_until(int fd, const std::string& wanted, int64_t milliseconds) {
  std::string text;
  const int64_t end = now_milliseconds() + milliseconds;
  while (wanted.empty() || text.find(wanted) == std::string::npos) {
    struct pollfd poll {
      fd, POLLIN, 0
    };
    const int64_t left = end - now_milliseconds();
    if (left <= 0 || ::poll(&poll, 1, static_cast<int>(left)) <= 0) break;
    char buffer[4096];
    const ssize_t got = ::read(fd, buffer, sizeof(buffer));
    if (got <= 0) break;
    text.append(buffer, static_cast<size_t>(got));
  }
  return text;
}

// What the service said besides that it granted files.
void print_log(int log) {
  std::string text(1 << 20, '\0');
  const ssize_t got = ::pread(log, text.data(), text.size(), 0);
  std::istringstream lines(text.substr(0, static_cast<size_t>(got < 0 ? 0 : got)));
  for (std::string line; std::getline(lines, line);) {
    if (line.find("event=granted") == std::string::npos)
      std::fprintf(stderr, "  %s\n", line.c_str());
  }
}

// -1: there is none.
int64_t number_behind(const std::string& text, const std::string& key) {
  const size_t at = text.find(key);
  return at == std::string::npos ? -1 : std::strtoll(text.c_str() + at + key.size(), nullptr, 10);
}

bool ended(pid_t pid, int64_t milliseconds) {
  return within(milliseconds, [pid] { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
}

}  // namespace

std::unique_ptr<MountedView> MountedView::start(const std::string& programs,
                                                const std::string& source,
                                                const std::string& target,
                                                std::vector<std::string> arguments) {
  static int count = 0;
  std::unique_ptr<MountedView> view(new MountedView);
  view->programs_ = programs;
  view->target_ = target;
  view->name_ = "model-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
  std::vector<std::string> all = {programs + "/sluice", "mount",    "--name",
                                  view->name_,          "--socket", kNoSocket};
  all.insert(all.end(), arguments.begin(), arguments.end());
  all.push_back(source);
  all.push_back(target);
  int output;
  view->log_ = ::memfd_create("log", MFD_CLOEXEC);
  view->failures_ = failures();
  view->pid_ = start_program(all, &output, view->log_);
  const std::string said = read_until(output, "\n", kStartMilliseconds);
  ::close(output);
  if (said.rfind("sluice: ", 0) != 0) {
    std::fprintf(stderr, "FAIL: sluice mount does not serve; it said \"%s\"\n", said.c_str());
    print_log(view->log_);
    return nullptr;
  }
  return view;
}

MountedView::~MountedView() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  if (!ended(pid_, kEndMilliseconds)) {
    expect(false, "sluice mount did not end on SIGTERM");
    ::kill(pid_, SIGKILL);
    (void)ended(pid_, kEndMilliseconds);
  }
  ::umount2(target_.c_str(), MNT_DETACH);  // where it has left one
  if (failures() != failures_) print_log(log_);
  ::close(log_);
}

std::string MountedView::status() const {
  int output;
  const pid_t pid = start_program({programs_ + "/sluice", "status", "--json", name_}, &output);
  std::string said = read_until(output, {}, kStartMilliseconds);
  ::close(output);
  if (!ended(pid, kEndMilliseconds)) ::kill(pid, SIGKILL);
  return said;
}

int64_t MountedView::requests(const std::string& opcode) const {
  return number_behind(status(), "\"" + opcode + "\":");
}

pid_t MountedView::worker() const { return pid_of("worker"); }
pid_t MountedView::broker() const { return pid_of("broker"); }

int MountedView::files_of_broker() const {
  const std::string fds = "/proc/" + std::to_string(pid_of("broker")) + "/fd";
  std::error_code error;
  int files = 0;
  for (const auto& fd : std::filesystem::directory_iterator(fds, error)) {
    struct stat stat;
    if (::stat(fd.path().c_str(), &stat) == 0 && S_ISREG(stat.st_mode)) ++files;
  }
  return error ? -1 : files;
}

int MountedView::device_of_broker() const {
  const pid_t pid = broker();
  const int process = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  int device = -1;
  std::error_code error;
  for (const auto& fd : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", error)) {
    if (std::filesystem::read_symlink(fd.path(), error) != "/dev/fuse") continue;
    device = static_cast<int>(::syscall(SYS_pidfd_getfd, process, std::atoi(fd.path().filename().c_str()), 0));
  }
  if (process >= 0) ::close(process);
  return device;
}

int MountedView::take_ids() const {
  int device = -1;
  // It may be about to be replaced.
  (void)within(kEndMilliseconds, [&] { return (device = device_of_broker()) >= 0; });
  if (device < 0) return -1;
  int ids = 0;
  // The kernel numbers them in turn, for as long as the connection lives.
  for (uint32_t id = 1; id <= kMostIds; ++id) {
    if (::ioctl(device, kBackingClose, &id) == 0) ++ids;
  }
  ::close(device);
  return ids;
}

pid_t MountedView::pid_of(const char* process) const {
  const std::string said = status();
  const size_t at = said.rfind("\"pid\":", said.find("\"" + std::string(process) + "\""));
  return at == std::string::npos ? -1 : static_cast<pid_t>(number_behind(said.substr(at), "\"pid\":"));
}

void MountedView::expect_passthrough() const {
  const int64_t reads = requests("READ");
  const int64_t writes = requests("WRITE");
  std::printf("worker saw READ=%ld WRITE=%ld\n", static_cast<long>(reads),
              static_cast<long>(writes));
  expect_equal(reads, 0, "READ requests");
  expect_equal(writes, 0, "WRITE requests");
}

}  // namespace sluice::model
