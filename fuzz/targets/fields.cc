// Fields of /proc/self/mountinfo and of fstab, releases of kernels, and the short values that
// people write in a policy.
#include "cli/kernel_holes.h"
#include "cli/mount_field.h"
#include "cli/pattern_meeting.h"
#include "cli/policy_key_depth.h"
#include "cli/policy_values.h"
#include "cli/suggestion.h"
#include "core/rules.h"
#include "fuzz/target.h"

using namespace sluice;

namespace {

// As the kernel writes a field.
std::string escape_field(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\\' || c == '#') {
      char octal[5];
      std::snprintf(octal, sizeof(octal), "\\%03o",
                    static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += octal;
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text = fuzz::text_of({data + 1, size - 1});
  FUZZ_HOLDS(cli::unescape_mount_field(escape_field(text)) == text);
  FUZZ_HOLDS(cli::unescape_mount_field(text).size() <= text.size());
  const auto version = cli::version_of(text);
  FUZZ_HOLDS(version.major >= 0 && version.minor >= 0);
  for (const cli::KernelHole* hole : cli::holes_of(version))
    FUZZ_HOLDS(hole->from <= version && version < hole->fixed);

  if (const auto mode = cli::parse_mode(text); mode.ok()) {
    FUZZ_HOLDS((mode->keep & ~07777u) == 0 && (mode->set & ~07777u) == 0);
    FUZZ_HOLDS(core::rule_error({core::Effect::kMode, false, mode->value()}).empty());
  }
  if (const auto error = cli::parse_errno(text); error.ok()) {
    FUZZ_HOLDS(*error > 0 && cli::errno_name(*error).starts_with('E'));
    FUZZ_HOLDS(
        core::rule_error({core::Effect::kDeny, false, static_cast<uint64_t>(*error)}).empty());
  }
  (void)cli::parse_size(text);
  if (data[0] % 16 == 0) {
    // Of this machine's users.
    for (const auto& id : {cli::parse_user(text), cli::parse_group(text)}) {
      if (id.ok()) FUZZ_HOLDS(core::rule_error({core::Effect::kOwner, false, *id}).empty());
    }
  }
  if (const auto time = cli::parse_duration("coherence", text); time.ok())
    FUZZ_HOLDS(*time <= 86400000);
  for (const char c : cli::in_quotes(text)) FUZZ_HOLDS(c >= ' ' && c < 0x7f);
  if (const auto deep = cli::find_deep_key(text)) FUZZ_HOLDS(deep->line > 0 && deep->column > 0);

  const size_t half = text.size() / 2;
  const std::string_view a = text.substr(0, half), b = text.substr(half);
  (void)cli::can_meet(a.substr(0, 24), b.substr(0, 24));
  FUZZ_HOLDS(cli::can_meet(a.substr(0, 24), b.substr(0, 24)) ==
             cli::can_meet(b.substr(0, 24), a.substr(0, 24)));
  const std::vector<std::string_view> known = {a, "hide", "show", "read-only"};
  const std::string_view near = cli::nearest(b, known);
  FUZZ_HOLDS(near.empty() || std::find(known.begin(), known.end(), near) != known.end());
  return 0;
}
