#include "service/park.h"

#include <cerrno>
#include <utility>

#include "core/grafts.h"
#include "os/service_self.h"
#include "os/socket.h"
#include "service/worker_process.h"

namespace sluice::service {
namespace {

constexpr uint8_t kWord[] = {'k', 'e', 'p', 't'};

}  // namespace

core::Result<os::Fd> park(std::span<const int> kept, uint32_t private_uid) {
  auto pair = os::socket_pair();  // as root, who made it
  if (!pair.ok()) return pair.failure();
  if (auto become = os::set_real_uid(private_uid); !become.ok()) return become.failure();
  auto sent = os::send_message(pair->first.get(), kWord, kept);
  if (auto again = os::set_real_uid(0); !again.ok()) return again.failure();
  if (!sent.ok()) return sent.failure();
  return std::move(pair->second);
}

core::Result<std::vector<os::Fd>> look_into_park(int park) {
  uint8_t word[sizeof(kWord)];
  auto message = os::peek_message(park, word, kKeptLeast + core::kMostGrafts);
  if (!message.ok()) return message.failure();
  if (message->length != sizeof(word) || message->fds.size() < kKeptLeast) return core::Failure{EPROTO, core::Reason::kProtocol};
  return std::move(message->fds);
}

}  // namespace sluice::service
