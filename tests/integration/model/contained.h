// How the whole test runs: in a child with a mount namespace and a process group of its own and a
// deadline, so that a view that hangs can hang the child but not the machine.
#pragma once

#include <functional>
#include <string>

#include "tests/integration/model/options.h"

namespace sluice::model {

// body gets the work directory, which everybody may search and which is removed afterwards; its
// result is the exit status. Also ends on SIGINT and SIGTERM, in order.
int run_contained(const Options& options, const std::function<int(const std::string& work)>& body);

// What the test needs of the machine: empty, or what is missing.
std::string missing(const Options& options);

}  // namespace sluice::model
