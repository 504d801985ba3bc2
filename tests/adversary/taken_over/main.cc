#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <unistd.h>

#include <charconv>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "os/channel.h"
#include "os/memory_file.h"
#include "os/self.h"
#include "sandbox/fds.h"
#include "wire/event.h"
#include "worker.h"
#include "worker/confinement.h"

namespace sluice::adversary {
namespace {

constexpr size_t kMostConfigBytes = 256 * 1024;

void report(wire::EventKind kind, int error, std::string_view text) {
  uint8_t message[wire::kEventMost];
  const wire::Event event{kind, 0, error, 0, 0, 0, 0};
  (void)os::write_message(sandbox::kFdEvents, {message, wire::encode_event(event, text, message)});
}

// The real worker, for a view beside the one under attack.
[[noreturn]] void become_honest() {
  char self[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", self, sizeof(self) - 1);
  std::string path(self, length < 0 ? 0 : static_cast<size_t>(length));
  path.replace(path.rfind('/') + 1, std::string::npos, "sluice-worker-honest");
  char name[] = "sluice-worker";
  char* const argv[] = {name, nullptr};
  char* const environment[] = {nullptr};
  ::execve(path.c_str(), argv, environment);
  ::_exit(127);
}

std::string read_order() {
  const os::Fd file(::openat(sandbox::kFdRoot, ".order", O_RDONLY | O_CLOEXEC));
  char text[256];
  const ssize_t length = file ? ::read(file.get(), text, sizeof(text)) : 0;
  std::string order(text, length < 0 ? 0 : static_cast<size_t>(length));
  while (!order.empty() && order.back() == '\n') order.pop_back();
  return order;
}

void obey(std::string_view order, const wire::ViewConfig& config) {
  std::vector<std::string_view> words;
  for (size_t at = 0; at <= order.size();) {
    const size_t end = std::min(order.find(' ', at), order.size());
    words.push_back(order.substr(at, end - at));
    at = end + 1;
  }
  words.resize(3);
  if (words[0] == "serve") {
    uint32_t opcode = 0;
    std::from_chars(words[2].data(), words[2].data() + words[2].size(), opcode);
    return serve(words[1], opcode, config);
  }
  wait_for_request();
  if (words[0] == "call") make_forbidden_call(words[1]);
  if (words[0] == "contents") look_for_contents();
  if (words[0] == "inherited") change_inherited_files();
  if (words[0] == "flood") flood(words[1]);
  if (words[0] == "table") forge_table(std::strtoull(std::string(words[1]).c_str(), nullptr, 10));
  say("done");
  serve("", 0, config);
}

[[noreturn]] void fail(const char* step, int error) {
  report(wire::EventKind::kFailed, error, step);
  ::_exit(1);
}

[[noreturn]] void run() {
  ::mallopt(M_ARENA_MAX, 1);
  const std::string order = read_order();
  // Nobody takes over one that waits: it hears of nobody.
  const bool is_spare = ::fcntl(sandbox::kFdSpareTable, F_GETFD) >= 0;
  if (order.empty() || is_spare) become_honest();
  if (!os::become_undumpable().ok()) fail("undumpable", errno);
  const auto bytes = os::read_sealed_file(sandbox::kFdConfig, kMostConfigBytes);
  ::close(sandbox::kFdConfig);
  ::close(sandbox::kFdCounters);
  map_table();
  const auto config = wire::decode_view_config(*bytes);
  if (!config.ok()) fail("configuration", config.failure().error);
  const char* step = "";
  const auto confined = worker::confine(*config, &step);
  if (!confined.ok()) fail(step, confined.failure().error);
  const bool before_filter = order == "probe" || order == "unfiltered";
  if (before_filter) report(wire::EventKind::kReady, 0, "");
  if (order == "probe") probe_calls(*config);
  if (order == "unfiltered") try_without_filter();
  if (!worker::install_policy(*config).ok()) fail("seccomp", errno);
  if (!before_filter) report(wire::EventKind::kReady, 0, "");
  obey(order, *config);
  ::_exit(0);
}

}  // namespace

void say(std::string_view text) { report(wire::EventKind::kFailed, 0, text); }

void say_result(std::string_view what, long result) {
  const char* name = result < 0 ? ::strerrorname_np(static_cast<int>(-result)) : nullptr;
  say(std::string(what) + '=' + (name != nullptr ? name : std::to_string(result)));
}

void wait_for_request() {
  struct pollfd entry {
    sandbox::kFdFuse, POLLIN, 0
  };
  (void)::ppoll(&entry, 1, nullptr, nullptr);
}

}  // namespace sluice::adversary

int main() { sluice::adversary::run(); }
