#include "view.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>

namespace sluicebench {
namespace {

constexpr int kServeMs = 10'000;
constexpr int kEndMs = 5'000;

double Now() {
  struct timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// In a child: a program of the build, ended with the benchmark, that writes to log.
[[noreturn]] void RunLogged(int log, const std::vector<std::string>& words) {
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

// As kIdentity: when the file is first seen. Looks every 20 us, which costs the machine little and
// the figure less.
double SeenAt(const std::string& path) {
  ::prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  const struct timespec pause = {0, 20'000};
  for (const double end = Now() + kServeMs / 1e3; Now() < end; ::nanosleep(&pause, nullptr)) {
    struct stat stat;
    if (::stat(path.c_str(), &stat) == 0) return Now();
  }
  throw Failure(path + " did not appear");
}

}  // namespace

std::string BinDirectory() {
  if (const char* named = std::getenv("SLUICE_BIN"); named != nullptr) return named;
  char self[PATH_MAX];
  const long length = Must(::readlink("/proc/self/exe", self, sizeof(self)), "own executable");
  const std::string path(self, static_cast<size_t>(length));
  return path.substr(0, path.rfind('/'));
}

View::View(const Ground& ground, const Deadline& deadline, const std::string& socket,
           const std::string& programs)
    : socket_(socket), programs_(programs), log_(::memfd_create("log", MFD_CLOEXEC)) {
  static int number = 0;
  name_ = "bench-" + std::to_string(::getpid()) + "-" + std::to_string(++number);
  std::vector<std::string> words = {programs_ + "/sluice",     "mount",  "--identity",
                                    std::to_string(kIdentity), "--name", name_};
  if (!socket.empty()) words.insert(words.end(), {"--socket", socket});
  words.insert(words.end(), {ground.source(), ground.target()});
  if (::access(words[0].c_str(), X_OK) != 0) throw Failure("no " + words[0] + " (set SLUICE_BIN)");
  double begun = 0;
  try {
    const std::string seen = InChild(
        kIdentity,
        [&] {
          const double at = SeenAt(ground.target() + kKnown);
          return std::string(reinterpret_cast<const char*>(&at), sizeof(at));
        },
        deadline, "view",
        [&] {
          begun = Now();
          command_ = std::make_unique<Child>([&] { RunLogged(log_.get(), words); });
        });
    double at = 0;
    std::memcpy(&at, seen.data(), sizeof(at));
    seconds_ = at - begun;
  } catch (const Failure& failure) {
    throw Failure(std::string(failure.what()) + "; the command said: " + LogText(log_.get()));
  }
}

View::~View() {
  if (!command_) return;
  command_->Signal(SIGTERM);
  for (int waited = 0; waited < kEndMs && !command_->Ended(100); waited += 100) {
  }
  if (!command_->Ended(0) || command_->exit_status() != 0) {
    std::fprintf(stderr, "bench: a view did not end in order: %s\n", LogText(log_.get()).c_str());
  }
}

Counts View::Requests(const Deadline& deadline) const {
  std::vector<std::string> words = {programs_ + "/sluice", "status", name_, "--json"};
  if (!socket_.empty()) words.insert(words.end(), {"--socket", socket_});
  const auto parsed = nlohmann::json::parse(Output(words, deadline), nullptr, false);
  if (parsed.is_discarded() || parsed["views"].size() != 1) throw Failure("sluice status: no view");
  return parsed["views"][0]["requests"].get<Counts>();
}

Listener::Listener(const std::string& socket, const Deadline& deadline) {
  service_ = std::make_unique<Child>([&] {
    const Fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    RunLogged(null.get(), {BinDirectory() + "/sluiced", "--listen", socket});
  });
  while (::access(socket.c_str(), F_OK) != 0) {
    if (service_->Ended(deadline.Left(10, "sluiced"))) throw Failure("sluiced did not start");
  }
}

}  // namespace sluicebench
