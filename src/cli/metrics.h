// What the services and views of this host do, as OpenMetrics text.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/client.h"
#include "wire/totals.h"

namespace sluice::cli {

// One service that answered.
struct ServiceNumbers {
  std::string socket;
  std::optional<wire::Totals> totals;  // where the caller may have them
};

// listed: views, and connections of other servers, which have families of their own. memory: resident bytes by
// process ID, of those of which it is known.
std::string metrics_text(const std::vector<ServiceNumbers>& services,
                         const std::vector<ListedView>& listed,
                         const std::map<int, uint64_t>& memory);

}  // namespace sluice::cli
