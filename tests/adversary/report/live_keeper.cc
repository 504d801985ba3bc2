#include "live_keeper.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "os/socket.h"

namespace sluice::adversary {
namespace {

pid_t child_named(pid_t parent, const std::string& name) {
  const std::string task = std::to_string(parent);
  std::ifstream file("/proc/" + task + "/task/" + task + "/children");
  for (pid_t child = 0; file >> child;) {
    std::string command;
    std::ifstream("/proc/" + std::to_string(child) + "/comm") >> command;
    if (command == name) return child;
  }
  return -1;
}

}  // namespace

LiveKeeper::LiveKeeper(const std::string& programs) {
  const char* base = std::getenv("TMPDIR");
  place_ = std::string(base != nullptr ? base : "/var/tmp") + "/sluice-report-XXXXXX";
  if (::mkdtemp(place_.data()) == nullptr) return;
  const std::string socket = place_ + "/socket";
  service_ = ::fork();
  if (service_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int null = ::open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
    const std::string program = programs + "/sluiced";
    ::execl(program.c_str(), "sluiced", "--listen", socket.c_str(), "--keep-views", place_.c_str(), nullptr);
    ::_exit(127);
  }
  // It answers the service before that listens to anybody; the kernel takes peers earlier.
  for (int i = 0; i < 500 && pid_ < 0; ++i) {
    ::usleep(10'000);
    if (os::connect_to(socket).ok()) pid_ = child_named(service_, "sluice-keeper");
  }
}

LiveKeeper::~LiveKeeper() {
  if (service_ > 0) {
    ::kill(service_, SIGTERM);
    ::waitpid(service_, nullptr, 0);
  }
  std::error_code ignored;
  std::filesystem::remove_all(place_, ignored);
}

}  // namespace sluice::adversary
