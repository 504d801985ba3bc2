// What people read of a reason. PURE. The broker links none of it.
#pragma once

#include <string_view>

#include "core/reason.h"

namespace sluice::core {

// A stable lower-case word for logs and --json, such as "not-same-file".
std::string_view reason_name(Reason reason);

// One line for people: what happened.
std::string_view reason_text(Reason reason);

// One line for people: what to do. Empty where there is nothing to do.
std::string_view reason_remedy(Reason reason);

}  // namespace sluice::core
