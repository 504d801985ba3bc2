// The service's log. To the journal, as structured fields, where standard error is its stream; else
// one line an event, key=value, on standard error. Names that others chose are escaped in both.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "core/result.h"

namespace sluice::service {

enum class Level { kError = 3, kWarning = 4, kNotice = 5, kInfo = 6 };

// Once, at the start: lines less important than this are left out.
void log_no_more_than(Level least);
// Once, at the start: lines begin with their priority, as <N>.
void log_with_priorities();
// Once, at the start, before confinement: afterwards no socket can be made.
void log_to_journal();
// Of the socket to the journal; < 0: none. Forked processes keep it.
int log_descriptor();

// Whether there is room for one more line in this second, of this process or of one that it asks;
// the next line says how many there was none for.
bool log_has_room();
uint64_t log_lines_left_out();  // so far

using Field = std::pair<std::string_view, std::string>;
// Any process of the service. key: lower case and '_'. Errors are always logged; of what is less,
// as much as there is room for. always: room or not, of what an administrator wants to hear all of,
// and of what bounds itself: views that begin and end.
void log(Level level, std::string_view event, std::initializer_list<Field> fields,
         bool always = false);

// "reason=... error=..." as a field list has it.
std::string describe(const core::Failure& failure);

}  // namespace sluice::service
