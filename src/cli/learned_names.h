// Names that were touched, as patterns of a policy.
#pragma once

#include <string>
#include <string_view>

namespace sluice::cli {

// What matches the name; of bytes that no policy can hold, any.
std::string literal(std::string_view name);
// The same of a path, with '/' in front.
std::string literal_path(std::string_view path);

// ".c" of "main.c"; empty where it has none.
std::string_view ending(std::string_view name);

// What stands for a temporary name the next time, as mkstemp(3) and its like make them; or as it
// is.
std::string temporary(std::string_view name);

}  // namespace sluice::cli
