#include "wire/event.h"

#include <algorithm>
#include <cstring>

#include "wire/cursor.h"

namespace sluice::wire {

size_t encode_event(Event header, std::string_view text, std::span<uint8_t> out) {
  text = text.substr(0, std::min(text.size(), out.size() - sizeof(header)));
  header.text_length = static_cast<uint32_t>(text.size());
  std::memcpy(out.data(), &header, sizeof(header));
  copy_text(out.data() + sizeof(header), text);
  return sizeof(header) + text.size();
}

}  // namespace sluice::wire
