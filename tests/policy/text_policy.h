// Policies from text in memory.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sandbox/compiler/compile.h"

namespace sluice::sandbox {

// Loads "t.policy" with the given text; more may hold files that it includes, by path.
inline Policy policy_of(const std::string& text, Diagnostics& diagnostics,
                        std::map<std::string, std::string> more = {},
                        const std::vector<std::string>& extras = {}) {
  more["t.policy"] = text;
  const Loader load = [&more](const std::string& path) -> std::optional<std::string> {
    const auto found = more.find(path);
    if (found == more.end()) return std::nullopt;
    return found->second;
  };
  return load_policy("t.policy", extras, load, diagnostics);
}

// All diagnostics, one per line.
inline std::string messages_of(const std::string& text,
                               const std::map<std::string, std::string>& more = {},
                               const std::vector<std::string>& extras = {}) {
  Diagnostics diagnostics;
  policy_of(text, diagnostics, more, extras);
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics) out += to_string(diagnostic) + "\n";
  return out;
}

}  // namespace sluice::sandbox
