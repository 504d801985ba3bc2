#include "wire/broker_request_writer.h"

#include <cstring>

#include "wire/cursor.h"

namespace sluice::wire {

size_t encode_request(BrokerRequest header, std::string_view path, std::string_view second,
                      std::span<uint8_t> out) {
  const size_t length = sizeof(header) + path.size() + second.size();
  if (path.size() > core::ViewLimits::kPathBytes || second.size() > core::ViewLimits::kPathBytes ||
      length > out.size()) {
    return 0;
  }
  header.path_length = static_cast<uint32_t>(path.size());
  header.second_length = static_cast<uint32_t>(second.size());
  std::memcpy(out.data(), &header, sizeof(header));
  copy_text(out.data() + sizeof(header), path);
  copy_text(out.data() + sizeof(header) + path.size(), second);
  return length;
}

}  // namespace sluice::wire
