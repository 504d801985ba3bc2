#include "service/log.h"

#include <absl/strings/str_cat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "core/escape.h"
#include "core/reason_text.h"

namespace sluice::service {
namespace {

Level least_important = Level::kInfo;

}  // namespace

void log_no_more_than(Level least) { least_important = least; }

void log(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (level > least_important) return;
  static const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
  std::string line;
  if (journal) absl::StrAppend(&line, "<", static_cast<int>(level), ">");
  line += "sluiced: event=";
  line += event;
  for (const auto& [key, value] : fields) {
    line += ' ';
    line += key;
    line += "=\"";
    line += core::escaped(value);
    line += '"';
  }
  line += '\n';
  // One write, so that lines of several processes do not mix. Nobody listening is no reason to stop.
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

std::string describe(const core::Failure& failure) {
  std::string text(core::reason_name(failure.reason));
  if (failure.error != 0) absl::StrAppend(&text, " (", std::strerror(failure.error), ")");
  return text;
}

}  // namespace sluice::service
