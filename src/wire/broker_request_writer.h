// A request to the broker as a message. PURE. The worker's side of wire/broker_message.h.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "wire/broker_message.h"

namespace sluice::wire {

// Writes header, path and second (their lengths are set here) into out; 0 where they are too long.
size_t encode_request(BrokerRequest header, std::string_view path, std::string_view second,
                      std::span<uint8_t> out);

}  // namespace sluice::wire
