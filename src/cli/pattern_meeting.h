// Whether two patterns can match the same name.
#pragma once

#include <string_view>

namespace sluice::cli {

// Of patterns of one component. Where it is not sure, they can.
bool can_meet(std::string_view a, std::string_view b);

}  // namespace sluice::cli
