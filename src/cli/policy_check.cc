#include <absl/strings/str_cat.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/output.h"
#include "cli/policy_command.h"
#include "cli/policy_file.h"
#include "cli/policy_values.h"
#include "cli/policy_warnings.h"
#include "core/escape.h"
#include "core/limits.h"

namespace sluice::cli {

using nlohmann::json;

namespace {
constexpr size_t kMostTold = 100;
}

int policy_check_command(const PolicyOptions& options) {
  const auto loaded = load_policy(options.policy);
  if (!loaded.ok()) return report(loaded.status());
  const Policy& policy = loaded->policy;
  const auto warnings = find_idle_rules(policy, loaded->rules);
  const uint32_t coherence =
      policy.coherence_milliseconds.value_or(core::Limits::kCoherenceMilliseconds);
  if (options.json) {
    json out{{"policy", core::escaped(options.policy)},
             {"rules", policy.rules.size()},
             {"compiled_bytes", loaded->rules.bytes().size()},
             {"access", policy.read_only ? "ro" : "rw"},
             {"coherence_ms", coherence}};
    out["warnings"] = json::array();
    for (const PolicyWarning& warning : warnings) {
      out["warnings"].push_back(
          {{"place", place_text(warning.place)}, {"what", warning.what}, {"mend", warning.remedy}});
    }
    std::printf("%s\n", out.dump(2).c_str());
    return kExitOk;
  }
  size_t told = 0;
  for (const PolicyWarning& warning : warnings) {
    if (++told > kMostTold) break;
    std::fprintf(stderr, "sluice: %s: warning: %s\n        try: %s\n",
                 place_text(warning.place).c_str(), warning.what.c_str(), warning.remedy.c_str());
  }
  if (told > kMostTold) {
    std::fprintf(stderr, "sluice: and %zu more warnings\n        try: --json has them all\n",
                 warnings.size() - kMostTold);
  }
  std::printf("%s: %zu rules, %s, coherence %u ms%s\n", in_quotes(options.policy).c_str(),
              policy.rules.size(), policy.read_only ? "read-only" : "read-write", coherence,
              warnings.empty() ? "" : absl::StrCat(", ", warnings.size(), " never decide").c_str());
  return kExitOk;
}

}  // namespace sluice::cli
