// Text that somebody else chose, made safe to print on one line. PURE.
#pragma once

#include <string>
#include <string_view>

namespace sluice::core {

// Printable ASCII except '"' and '\' stays; every other byte becomes \xNN. Unambiguous, and no
// terminal or log reader interprets the result. Service and command use it for every name printed.
std::string escaped(std::string_view bytes);

}  // namespace sluice::core
