// The names that a policy may use for numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::sandbox {

// Negative constants (AT_FDCWD) come sign-extended; resolve.cc cuts them to the argument's width.
std::optional<uint64_t> symbol_value(std::string_view name);

}  // namespace sluice::sandbox
