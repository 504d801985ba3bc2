// What is wrong with a policy, and where.
#pragma once

#include <string>
#include <vector>

namespace sluice::sandbox {

struct Position {
  std::string file;
  int line = 1;    // from 1
  int column = 1;  // from 1, in bytes
};

struct Diagnostic {
  Position at;
  std::string message;
};

using Diagnostics = std::vector<Diagnostic>;

// "file:line:column: message"
inline std::string to_string(const Diagnostic& d) {
  return d.at.file + ":" + std::to_string(d.at.line) + ":" + std::to_string(d.at.column) + ": " +
         d.message;
}

}  // namespace sluice::sandbox
