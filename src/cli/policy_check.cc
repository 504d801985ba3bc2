#include <absl/strings/str_cat.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/grafts.h"
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

json json_of(const std::vector<PolicyGraft>& grafts) {
  json out = json::array();
  for (const PolicyGraft& graft : grafts) {
    json one{{"at", core::escaped(graft.at)},
             {"directory", core::escaped(graft.directory)},
             {"access", graft.read_only ? "ro" : "rw"},
             {"place", place_text(graft.place)}};
    one["reason"] = graft.reason ? core::escaped(*graft.reason) : "";
    out.push_back(std::move(one));
  }
  return out;
}

std::string count_of(size_t number, const char* what) {
  return number == 0 ? "" : absl::StrCat(", ", number, " ", what, number == 1 ? "" : "s");
}

}  // namespace

int policy_check_command(const PolicyOptions& options) {
  const auto loaded = load_policy(options.policy);
  if (!loaded.ok()) return report(loaded.status());
  const Policy& policy = loaded->policy;
  if (auto grafts = open_grafts(policy.grafts, nullptr); !grafts.ok())
    return report(grafts.status());
  const auto warnings = find_idle_rules(policy, loaded->rules);
  const uint32_t coherence =
      policy.coherence_milliseconds.value_or(core::Limits::kCoherenceMilliseconds);
  if (options.json) {
    json out{{"policy", core::escaped(options.policy)},
             {"rules", policy.rules.size()},
             {"compiled_bytes", loaded->rules.bytes().size()},
             {"access", policy.read_only ? "ro" : "rw"},
             {"coherence_ms", coherence}};
    out["file_size"] = policy.file_size ? json(policy.file_size->bytes) : json(nullptr);
    out["grafts"] = json_of(policy.grafts);
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
  std::printf("%s: %zu rules, %s, coherence %u ms%s%s%s\n", in_quotes(options.policy).c_str(),
              policy.rules.size(), policy.read_only ? "read-only" : "read-write", coherence,
              policy.file_size ? absl::StrCat(", files to ", policy.file_size->bytes, " bytes").c_str() : "",
              count_of(policy.grafts.size(), "graft").c_str(),
              warnings.empty() ? "" : absl::StrCat(", ", warnings.size(), " never decide").c_str());
  return kExitOk;
}

}  // namespace sluice::cli
