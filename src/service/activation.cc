#include "service/activation.h"

#include <absl/strings/numbers.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <span>
#include <string_view>

#include "os/listener.h"

namespace sluice::service {
namespace {

constexpr int kMostGiven = 1 << 16;

int number_in(const char* text) {
  int number = -1;
  return text != nullptr && absl::SimpleAtoi(text, &number) ? number : -1;
}

// One for each descriptor.
std::vector<std::string> names_in(std::string_view text) {
  std::vector<std::string> names;
  for (size_t colon; (colon = text.find(':')) != std::string_view::npos; text.remove_prefix(colon + 1)) {
    names.emplace_back(text.substr(0, colon));
  }
  names.emplace_back(text);
  return names;
}

// By a service with --store-views, of the manager's unit as it was.
bool are_stored(std::span<const std::string> names) {
  return std::all_of(names.begin(), names.end(), [](const std::string& name) { return name.starts_with(kStoredName); });
}

}  // namespace

int given_count() {
  const int count = number_in(std::getenv("LISTEN_FDS"));
  return count < 0 || count > kMostGiven ? 0 : count;
}

Given given_listener(bool store) {
  if (std::getenv("LISTEN_FDS") == nullptr) return {{}, {}, "LISTEN_FDS is not set"};
  if (number_in(std::getenv("LISTEN_PID")) != ::getpid()) return {{}, {}, "LISTEN_PID is not this process"};
  const int count = given_count();
  const char* text = std::getenv("LISTEN_FDNAMES");
  const std::vector<std::string> names = text != nullptr ? names_in(text) : std::vector<std::string>();
  const bool stored = store || (names.size() > 1 && are_stored(std::span(names).subspan(1)));
  if (stored ? count < 1 : count != 1) return {{}, {}, "LISTEN_FDS is not 1"};
  if ((count > 1 || text != nullptr) && names.size() != static_cast<size_t>(count)) {
    return {{}, {}, "LISTEN_FDNAMES has not one name for each"};
  }
  if (!os::adopt_listener(kFirstGivenFd).ok()) {
    return {{}, {}, "descriptor 3 is not a SOCK_SEQPACKET unix socket that listens"};
  }
  Given given{os::Fd(kFirstGivenFd), {}, {}};
  for (int i = 1; i < count; ++i) given.stored.push_back({names[static_cast<size_t>(i)], os::Fd(kFirstGivenFd + i)});
  return given;
}

}  // namespace sluice::service
