#include "wire/touch.h"

#include <cerrno>
#include <cstring>

#include "core/path.h"
#include "wire/cursor.h"

namespace sluice::wire {

size_t encode_touch(TouchHeader header, std::string_view path, std::span<uint8_t> out) {
  if (path.size() > kTouchMost - sizeof(header) || out.size() < sizeof(header) + path.size()) return 0;
  header.path_length = static_cast<uint16_t>(path.size());
  std::memcpy(out.data(), &header, sizeof(header));
  copy_text(out.data() + sizeof(header), path);
  return sizeof(header) + path.size();
}

core::Result<Touch> decode_touch(std::span<const uint8_t> bytes) {
  constexpr core::Failure kMalformed{EPROTO, core::Reason::kProtocol};
  Reader reader(bytes);
  Touch touch;
  touch.header = reader.take<TouchHeader>();
  if (!reader.ok()) return Touch{};
  const auto way = static_cast<uint32_t>(touch.header.way);
  if (way == 0 || way >= kWays || touch.header.is_directory > 1 ||
      touch.header.path_length > kTouchMost - sizeof(TouchHeader)) {
    return kMalformed;
  }
  touch.path = reader.take_text(touch.header.path_length);
  if (!reader.ok()) return Touch{};
  if (!core::valid_relative(touch.path)) return kMalformed;
  touch.length = sizeof(TouchHeader) + touch.path.size();
  return touch;
}

}  // namespace sluice::wire
