// What a fanotify group tells of changes. One read of it: record behind record.
#include "fuzz/target.h"
#include "wire/change_event.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span bytes(data, size);
  wire::ChangeEvents events(bytes);
  size_t count = 0;
  while (!events.finished()) {
    // No record is shorter than what it begins with: it comes to an end.
    FUZZ_HOLDS(++count <= size / 24 + 1);
    const auto event = events.next();
    if (!event.ok()) continue;
    FUZZ_HOLDS(event->name.find('\0') == std::string_view::npos && event->name != ".");
    if (event->name.empty()) continue;
    const auto* at = reinterpret_cast<const uint8_t*>(event->name.data());
    FUZZ_HOLDS(at >= data && at + event->name.size() <= data + size);
  }
  // And a handle alone.
  if (size >= 4) {
    int32_t type;
    std::memcpy(&type, data, sizeof(type));
    (void)wire::inode_of_handle(type & 0xff, bytes.subspan(4));
  }
  return 0;
}
