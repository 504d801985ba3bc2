// A view that is written in a file: a policy with a [view] table. Of sluice-view@.service, and --view.
#pragma once

#include <absl/status/status.h>

#include <string>
#include <vector>

#include "cli/view_options.h"

namespace sluice::cli {

// Where --view names a file, what it says of the view goes into options, and its rules with it. The
// command line wins. target, command: of the file; unchanged where it says none. Errors name file and
// line.
absl::Status take_view_file(ViewOptions* options, std::string* target, std::vector<std::string>* command);

}  // namespace sluice::cli
