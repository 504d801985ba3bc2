#include "service/notifier.h"

#include <absl/strings/numbers.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>

#include "os/socket.h"
#include "service/log.h"
#include "wire/keeper_message.h"

namespace sluice::service {
namespace {

// More than an hour would be no watch.
constexpr int64_t kMostMicroseconds = 3'600'000'000;

int64_t number_in(const char* text, int64_t otherwise) {
  int64_t number = 0;
  return text != nullptr && absl::SimpleAtoi(text, &number) ? number : otherwise;
}

}  // namespace

Notifier Notifier::from_environment() {
  Notifier notifier;
  const char* address = std::getenv("NOTIFY_SOCKET");
  if (address == nullptr) return notifier;
  auto socket = os::datagrams_to(address);
  if (!socket.ok()) {
    log(Level::kWarning, "no-notification",
        {{"socket", address}, {"reason", describe(socket.failure())}});
    return notifier;
  }
  notifier.socket_ = *std::move(socket);
  const int64_t limit = number_in(std::getenv("WATCHDOG_USEC"), 0);
  const int64_t whose = number_in(std::getenv("WATCHDOG_PID"), ::getpid());
  if (limit > 0 && whose == ::getpid()) {
    notifier.watchdog_milliseconds_ =
        std::max<int64_t>(1, std::min(limit, kMostMicroseconds) / 1000 / 2);
  }
  return notifier;
}

Notifier Notifier::of_keeper(os::Fd socket) {
  Notifier notifier;
  notifier.socket_ = std::move(socket);
  return notifier;
}

bool Notifier::say(std::string_view lines) const { return send(lines, {}); }

// Not polled: the manager would let go of a socket whose other end has closed.
bool Notifier::keep(std::string_view name, int descriptor) const {
  return send(wire::keep_words(name), {&descriptor, 1});
}
bool Notifier::let_go(std::string_view name) const {
  return send(wire::let_go_words(name), {});
}

bool Notifier::send(std::string_view lines, std::span<const int> descriptors) const {
  if (!socket_) return true;
  const auto* bytes = reinterpret_cast<const uint8_t*>(lines.data());
  return os::send_message(socket_.get(), {bytes, lines.size()}, descriptors).ok();
}

}  // namespace sluice::service
