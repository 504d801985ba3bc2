#include "tests/integration/model/operation.h"

#include <cstdio>

namespace sluice::model {

// What is as it was left is not shown.
std::string describe(const Operation& operation) {
  const Operation plain;
  std::string out = std::string(operation.name) + "(slot=" + std::to_string(operation.slot);
  const auto add = [&out](const char* format, auto value) {
    char text[48];
    std::snprintf(text, sizeof(text), format, value);
    out += text;
  };
  if (operation.other != plain.other) add(", other=%d", operation.other);
  if (operation.directory != plain.directory) add(", directory=%d", operation.directory);
  if (!operation.path.empty()) out += ", path=\"" + escaped(operation.path) + "\"";
  if (!operation.path2.empty()) out += ", path2=\"" + escaped(operation.path2) + "\"";
  if (!operation.text.empty()) out += ", text=\"" + escaped(operation.text) + "\"";
  if (operation.flags != 0) add(", flags=0%o", static_cast<unsigned>(operation.flags));
  if (operation.mode != 0) add(", mode=0%o", operation.mode);
  if (operation.offset != 0) add(", offset=%ld", operation.offset);
  if (operation.offset2 != 0) add(", offset2=%ld", operation.offset2);
  if (operation.length != 0) add(", length=%ld", operation.length);
  return out + ")";
}

}  // namespace sluice::model
