#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/output.h"
#include "cli/policy_command.h"
#include "cli/policy_file.h"
#include "cli/policy_text.h"
#include "core/escape.h"

namespace sluice::cli {

using nlohmann::json;

int policy_list_command(const PolicyOptions& options) {
  json out = json::array();
  for (const std::string& name : ready_policies()) {
    const auto policy = read_policy(name);
    if (!policy.ok()) return report(policy.status());
    const std::string description = core::escaped(policy->description);
    if (options.json) {
      out.push_back({{"policy", core::escaped(name)}, {"description", description}});
    } else {
      std::printf("%-14s %s\n", core::escaped(name).c_str(), description.c_str());
    }
  }
  if (options.json) std::printf("%s\n", out.dump(2).c_str());
  return kExitOk;
}

}  // namespace sluice::cli
