// From a file to a checked policy.
#pragma once

#include <string>
#include <vector>

#include "sandbox/compiler/parser.h"

namespace sluice::sandbox {

// Parses, resolves and lints path, and after it each of extras. The policy is named after path.
// Without diagnostics it is fit for build_program().
Policy load_policy(const std::string& path, const std::vector<std::string>& extras,
                   const Loader& load, Diagnostics& diagnostics);

// Reads regular files from disk.
std::optional<std::string> load_file(const std::string& path);

}  // namespace sluice::sandbox
