// The facts, for people, for programs, and for SECURITY.md.
#pragma once

#include <string>
#include <vector>

#include "process_facts.h"

namespace sluice::adversary {

std::string as_text(const std::vector<ProcessFacts>& processes);
std::string as_json(const std::vector<ProcessFacts>& processes);
// A table that is the same on every machine: no process ids, no uids that were handed out.
std::string as_markdown(const std::vector<ProcessFacts>& processes);

}  // namespace sluice::adversary
