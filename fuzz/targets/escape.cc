// Names that somebody else chose, on their way into logs, terminals and fields: nothing of them
// acts, and nothing of them is lost.
#include "core/escape.h"

#include <string>

#include "core/unit_name.h"
#include "fuzz/target.h"

using namespace sluice;

namespace {

int digit(char c) { return c >= 'a' ? c - 'a' + 10 : c - '0'; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::text_of({data, size});
  const std::string out = core::escaped(text);
  std::string back;
  for (size_t i = 0; i < out.size(); ++i) {
    FUZZ_HOLDS(out[i] >= ' ' && out[i] < 0x7f && out[i] != '"');
    if (out[i] != '\\') {
      back += out[i];
      continue;
    }
    FUZZ_HOLDS(i + 3 < out.size() && out[i + 1] == 'x');
    back += static_cast<char>(digit(out[i + 2]) * 16 + digit(out[i + 3]));
    i += 3;
  }
  FUZZ_HOLDS(back == text);
  // The unit in what the kernel says of a process's control groups, which users name.
  const std::string unit = core::unit_of(text);
  FUZZ_HOLDS(unit.size() <= text.size() && unit.find('\n') == std::string::npos);
  return 0;
}
