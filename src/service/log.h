// The service's log: one line an event, key=value, on stderr; with the journal's priority where
// stderr is the journal. Names that others chose are escaped.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "core/result.h"

namespace sluice::service {

enum class Level { kError = 3, kWarning = 4, kNotice = 5, kInfo = 6 };

// Once, at the start: lines less important than this are left out.
void log_no_more_than(Level least);

using Field = std::pair<std::string_view, std::string>;
// Any process of the service.
void log(Level level, std::string_view event, std::initializer_list<Field> fields);

// "reason=... error=..." as a field list has it.
std::string describe(const core::Failure& failure);

}  // namespace sluice::service
