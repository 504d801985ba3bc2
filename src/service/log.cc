#include "service/log.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/escape.h"
#include "core/limits.h"
#include "core/reason_text.h"
#include "os/journal.h"
#include "os/socket.h"
#include "service/clock.h"

namespace sluice::service {
namespace {

struct Log {
  Level least_important = Level::kInfo;
  bool priorities = false;
  os::Fd journal;
  int64_t second = 0;
  uint32_t in_this_second = 0;
  uint64_t left_out = 0;
  uint64_t left_out_said = 0;
};
// Of the process: what is said of one is said from all over it.
Log the_log;

std::string line_of(std::string_view event, const std::vector<Field>& fields) {
  std::string line = "sluiced: event=";
  line += event;
  for (const auto& [key, value] : fields) {
    line.append(" ").append(key).append("=\"").append(core::escaped(value)).append("\"");
  }
  return line;
}

// KEY, a line feed, the length of the value as 64 bits, the value, a line feed: whatever a value holds,
// it cannot become another field. See systemd's documentation, "Native Journal Protocol".
void put_field(std::string& out, std::string_view key, std::string_view value) {
  out.append(key).append("\n");
  for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(value.size() >> shift & 0xff);
  out.append(value).append("\n");
}

bool send_to_journal(Level level, std::string_view event, const std::vector<Field>& fields,
                     std::string_view line) {
  std::string out;
  put_field(out, "MESSAGE", line);
  put_field(out, "PRIORITY", absl::StrCat(static_cast<int>(level)));
  put_field(out, "SYSLOG_IDENTIFIER", "sluiced");
  put_field(out, "SLUICE_EVENT", event);
  for (const auto& [key, value] : fields) {
    std::string name = absl::StrCat("SLUICE_", std::string(key));
    absl::AsciiStrToUpper(&name);
    put_field(out, name, core::escaped(value));
  }
  const auto* bytes = reinterpret_cast<const uint8_t*>(out.data());
  return os::send_message(the_log.journal.get(), {bytes, out.size()}).ok();
}

}  // namespace

void log_no_more_than(Level least) { the_log.least_important = least; }
void log_with_priorities() { the_log.priorities = true; }
void log_to_journal() {
  if (auto socket = os::journal_behind(STDERR_FILENO, std::getenv("JOURNAL_STREAM")); socket.ok()) {
    the_log.journal = *std::move(socket);
  }
}
int log_descriptor() { return the_log.journal.get(); }

bool log_has_room() {
  if (const int64_t second = now_milliseconds() / 1000; second != the_log.second) {
    the_log.second = second;
    the_log.in_this_second = 0;
  }
  if (++the_log.in_this_second <= core::Limits::kLogLinesOfServicePerSecond) return true;
  ++the_log.left_out;
  return false;
}
uint64_t log_lines_left_out() { return the_log.left_out; }

void log(Level level, std::string_view event, std::initializer_list<Field> fields, bool always) {
  if (level > the_log.least_important) return;
  if (level > Level::kError && !always && !log_has_room()) return;
  std::vector<Field> all(fields);
  if (the_log.left_out != the_log.left_out_said) {
    all.emplace_back("left_out", absl::StrCat(the_log.left_out - the_log.left_out_said));
  }
  std::string line = line_of(event, all);
  bool said;
  if (the_log.journal) {
    said = send_to_journal(level, event, all, line);
  } else {
    if (the_log.priorities) line = absl::StrCat("<", static_cast<int>(level), ">", line);
    line += '\n';
    // One write, so that lines of several processes do not mix. Nobody listening is no reason to stop.
    said = ::write(STDERR_FILENO, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  }
  if (said) {
    the_log.left_out_said = the_log.left_out;
  } else {
    ++the_log.left_out;
  }
}

std::string describe(const core::Failure& failure) {
  std::string text(core::reason_name(failure.reason));
  if (failure.error != 0) absl::StrAppend(&text, " (", std::strerror(failure.error), ")");
  return text;
}

}  // namespace sluice::service
