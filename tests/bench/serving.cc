#include "serving.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

#include "process.h"

namespace sluicebench {
namespace {

constexpr int kServeMs = 10'000;

}  // namespace

double Now() {
  struct timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

void RunLogged(int log, const std::vector<std::string>& words) {
  Must(::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0), "parent's death");
  Must(::dup2(log, STDOUT_FILENO), "dup2");
  Must(::dup2(log, STDERR_FILENO), "dup2");
  Exec(words);
}

std::string LogText(int log) {
  std::string text(4096, '\0');
  const ssize_t length = ::pread(log, text.data(), text.size(), 0);
  text.resize(length < 0 ? 0 : static_cast<size_t>(length));
  return text;
}

double SeenAt(const std::string& path) {
  ::prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  const struct timespec pause = {0, 20'000};
  for (const double end = Now() + kServeMs / 1e3; Now() < end; ::nanosleep(&pause, nullptr)) {
    struct stat stat;
    if (::stat(path.c_str(), &stat) == 0) return Now();
  }
  throw Failure(path + " did not appear");
}

}  // namespace sluicebench
