// What policyc prints: the generated header, the table for people, the counts, the golden list.
#pragma once

#include <span>
#include <string>

#include "sandbox/bpf_eval.h"
#include "sandbox/compiler/policy.h"

namespace sluice::sandbox {

struct Counts {
  int calls = 0;                  // distinct system calls
  int calls_with_arguments = 0;   // of these, those that have arguments
  int calls_with_conditions = 0;  // of these, those with conditions on every line
  int lines_with_conditions = 0;
  int lines_without_conditions = 0;
};

Counts count(const Policy& policy);

// A C++ header with the program as plain data. symbol names the function that returns it.
std::string header_text(const Policy& policy, std::span<const Instruction> program,
                        const std::string& symbol);

// A Markdown table: call, conditions as written, reason. For SECURITY.md.
std::string describe_text(const Policy& policy);

// The counts, and the length of the program, as JSON.
std::string json_text(const Policy& policy, size_t instructions);

// One line per rule with all names replaced by numbers, sorted: what a change of a policy, of a
// symbol or of a width changes. Compared with tests/policy/golden.
std::string golden_text(const Policy& policy);

}  // namespace sluice::sandbox
