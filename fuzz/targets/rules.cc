// Compiled rules from a peer that may be lying, and what the matcher says by them.
#include "core/rules.h"

#include <cerrno>

#include "core/filter.h"
#include "core/matcher.h"
#include "core/path.h"
#include "fuzz/target.h"

using namespace sluice;

namespace {

// Behind the rules: what is asked, a path a line. Their length stands first, as 16 bits.
void ask(const core::Rules& rules, std::string_view paths) {
  core::Matcher warm(rules, 5);
  const bool compares = paths.size() % 4 == 0;  // it takes its memory at once
  while (!paths.empty()) {
    const size_t end = std::min(paths.find('\n'), paths.size());
    const std::string_view path = paths.substr(0, end);
    paths.remove_prefix(std::min(end + 1, paths.size()));
    const core::Verdicts verdicts = warm.decide(path);
    // What was asked before changes nothing.
    if (compares && paths.size() % 3 == 0) {
      // Nor does it that other rules held meanwhile.
      (void)warm.set_time(3);
      (void)warm.decide(path);
      (void)warm.set_time(5);
      FUZZ_HOLDS(warm.decide(path).file == verdicts.file);
      core::Matcher fresh(rules, 5);
      const core::Verdicts again = fresh.decide(path);
      FUZZ_HOLDS(again.file == verdicts.file && again.directory == verdicts.directory);
    }
    if (path.empty()) {
      FUZZ_HOLDS(!rules.hides(verdicts.directory));
      continue;
    }
    if (!core::valid_relative(path)) {
      FUZZ_HOLDS(rules.hides(verdicts.file) && rules.hides(verdicts.directory));
      continue;
    }
    const size_t slash = path.rfind('/');
    if (slash != std::string_view::npos) {
      const std::string_view parent = path.substr(0, slash), name = path.substr(slash + 1);
      const core::Verdicts split = warm.decide(parent, name);
      FUZZ_HOLDS(split.file == verdicts.file && split.directory == verdicts.directory);
      // Nothing below a hidden directory is seen.
      if (rules.hides(warm.decide(parent).directory)) {
        FUZZ_HOLDS(rules.hides(verdicts.file) && rules.hides(verdicts.directory));
      }
      // What is the same below has the same decision for each name, or is hidden with it.
      if (warm.same_below(parent, name)) {
        const core::Decision here = warm.decide(parent, "x").file,
                             there = warm.decide(name, "x").file;
        FUZZ_HOLDS(here == there || (rules.hides(here) && rules.hides(there)));
      }
    }
    for (const core::Decision& decision : {verdicts.file, verdicts.directory}) {
      const core::Terms terms = rules.resolve(decision);
      for (uint8_t of = 0; of <= static_cast<uint8_t>(core::Operation::kRemove); ++of) {
        const auto operation = static_cast<core::Operation>(of);
        const auto may = core::before(rules, decision, operation);
        // It is not there; to be made it is not free either.
        const int hidden = operation == core::Operation::kMake ? EACCES : ENOENT;
        if (rules.hides(decision)) FUZZ_HOLDS(!may.ok() && may.failure().error == hidden);
        if (!may.ok()) FUZZ_HOLDS(may.failure().error > 0);
      }
      (void)core::is_read_only(terms);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t length = std::min<size_t>(data[0] | data[1] << 8, size - 2);
  const std::span bytes(data + 2, length);
  const auto rules = core::Rules::decode(bytes);
  if (!rules.ok()) return 0;
  FUZZ_HOLDS(std::ranges::equal(rules->bytes(), bytes) && rules->size() <= core::kMaxRules);
  for (uint16_t number = 1; number <= rules->size(); ++number) {
    FUZZ_HOLDS(core::rule_error(rules->rule(number)).empty());
    FUZZ_HOLDS(rules->before(number) < number);
  }
  ask(*rules, fuzz::text_of({data + 2 + length, std::min<size_t>(size - 2 - length, 512)}));
  return 0;
}
