// What a service and the keeper of what it leaves say to each other. PURE.
//
// One packet each. The service says which version it speaks, and the keeper, which may be older or newer and stays over
// upgrades, which of them both go on with; then follows all that it holds, one packet with its descriptor each. From
// then on only the service speaks: what it says to a service manager (sd_notify(3)), word for word.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/connection_limits.h"
#include "core/limits.h"
#include "core/result.h"

namespace sluice::wire {

// Both read each that there was.
inline constexpr uint32_t kKeeperVersion = 1;
// More can no service have; the next is refused.
inline constexpr uint32_t kMostKept = core::Limits::kViewsPerHost + core::ConnectionLimits::kPerHost;
inline constexpr size_t kKeptNameMost = 64;
inline constexpr size_t kKeeperMessageMost = 256;

// Service to keeper. decode: the version that both speak; kVersion: there is none.
std::vector<uint8_t> encode_keeper_hello(uint32_t version = kKeeperVersion);
core::Result<uint32_t> decode_keeper_hello(std::span<const uint8_t> bytes);

// Keeper to service.
struct KeeperWelcome {
  bool taken = false;  // another service is connected; nothing follows
  uint32_t count = 0;  // of what follows
};
std::vector<uint8_t> encode_keeper_welcome(KeeperWelcome welcome, uint32_t version = kKeeperVersion);
core::Result<KeeperWelcome> decode_keeper_welcome(std::span<const uint8_t> bytes);

// A name under which something is kept: [A-Za-z0-9._-], neither empty nor longer than kKeptNameMost.
bool valid_kept_name(std::string_view name);

// Service to keeper, and to a service manager.
std::string keep_words(std::string_view name);  // with the descriptor; not polled: it stays when its other end closes
std::string let_go_words(std::string_view name);
struct KeeperOrder {
  bool keep;
  std::string name;
};
core::Result<KeeperOrder> decode_keeper_order(std::span<const uint8_t> bytes);

}  // namespace sluice::wire
