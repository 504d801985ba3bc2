#include "starts.h"

#include <unistd.h>

#include <chrono>

#include "view.h"

namespace sluicebench {
namespace {

// For what the last view left to the kernel (namespaces) to be gone, and for a view to be idle.
constexpr useconds_t kPauseUs = 200'000;
constexpr int kEndMs = 10'000;

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double SecondsOf(const std::vector<std::string>& words, const std::string& directory,
                 const Deadline& deadline) {
  const double begun = Now();
  Child child([&] {
    Must(::chdir(directory.c_str()), directory);
    Exec(words);
  });
  while (!child.Ended(deadline.Left(kEndMs, words[0]))) {
  }
  const double seconds = Now() - begun;
  if (child.exit_status() != 0) {
    throw Failure(words[0] + ": ended with status " + std::to_string(child.exit_status()));
  }
  return seconds;
}

}  // namespace

RunTimes SecondsToRunTrue(const Ground& ground, int count, const Deadline& deadline,
                          const std::string& socket, const std::vector<std::string>& options) {
  const std::vector<std::string> alone = {"/bin/true"};
  std::vector<std::string> words = {BinDirectory() + "/sluice", "run",      "--identity",
                                    std::to_string(kIdentity),  "--socket", socket};
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), {"--", alone[0]});
  RunTimes times;
  for (int i = 0; i < count; ++i) {
    ::usleep(kPauseUs);
    times.run.push_back(SecondsOf(words, ground.source(), deadline));
    times.alone.push_back(SecondsOf(alone, ground.source(), deadline));
    times.more.push_back(times.run.back() - times.alone.back());
  }
  return times;
}

std::vector<double> SecondsToServe(const Ground& ground, int count, const Deadline& deadline,
                                   const std::string& socket) {
  std::vector<double> seconds;
  for (int i = 0; i < count; ++i) {
    ::usleep(kPauseUs);
    const View view(ground, deadline, socket);
    seconds.push_back(view.seconds_to_serve());
  }
  return seconds;
}

std::vector<Memory> IdleMemory(const Ground& ground, const Deadline& deadline) {
  const View view(ground, deadline);
  ::usleep(kPauseUs);
  return MemoryOfView(view.command_pid());
}

}  // namespace sluicebench
