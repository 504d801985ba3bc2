#include "view.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "serving.h"

namespace sluicebench {
namespace {

constexpr int kEndMs = 5'000;

}  // namespace

std::string BinDirectory() {
  if (const char* named = std::getenv("SLUICE_BIN"); named != nullptr) return named;
  char self[PATH_MAX];
  const long length = Must(::readlink("/proc/self/exe", self, sizeof(self)), "own executable");
  const std::string path(self, static_cast<size_t>(length));
  return path.substr(0, path.rfind('/'));
}

std::string Commit(const Deadline& deadline) {
  try {
    std::string text = Output({"/usr/bin/git", "-c", "safe.directory=*", "-C", BinDirectory(),
                               "describe", "--always", "--dirty", "--abbrev=12"},
                              deadline);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  } catch (const Failure&) {
    return "unknown";
  }
}

View::View(const Ground& ground, const Deadline& deadline, const std::string& socket,
           const std::string& programs, uid_t user)
    : socket_(socket), programs_(programs), log_(::memfd_create("log", MFD_CLOEXEC)) {
  static int number = 0;
  name_ = "bench-" + std::to_string(::getpid()) + "-" + std::to_string(++number);
  std::vector<std::string> words = {programs_ + "/sluice",     "mount",  "--identity",
                                    std::to_string(user),      "--name", name_};
  if (!socket.empty()) words.insert(words.end(), {"--socket", socket});
  words.insert(words.end(), {ground.source(), ground.target()});
  if (::access(words[0].c_str(), X_OK) != 0) throw Failure("no " + words[0] + " (set SLUICE_BIN)");
  double begun = 0;
  try {
    const std::string seen = InChild(
        user,
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

Listener::Listener(const std::string& socket, const Deadline& deadline, const std::vector<std::string>& options) {
  std::vector<std::string> words = {BinDirectory() + "/sluiced", "--listen", socket};
  words.insert(words.end(), options.begin(), options.end());
  service_ = std::make_unique<Child>([&] {
    const Fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    RunLogged(null.get(), words);
  });
  while (::access(socket.c_str(), F_OK) != 0) {
    if (service_->Ended(deadline.Left(10, "sluiced"))) throw Failure("sluiced did not start");
  }
}

}  // namespace sluicebench
