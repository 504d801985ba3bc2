// The words of `sluice run [OPTIONS] [SOURCE] -- COMMAND...`.
#pragma once

#include <absl/status/status.h>

#include <string>

#include "cli/commands.h"

namespace CLI {
class App;
}

namespace sluice::cli {

void add_run_options(CLI::App& command, RunOptions& options);

// Takes the words behind the first -- of `sluice run` away from argc, and into run.command: no word
// of the command is ever an option of ours. Other commands keep all their words.
void take_command(int& argc, char** argv, RunOptions& run);

// After the words before -- were parsed: whether it is clear which is SOURCE and which the command.
absl::Status check_words(RunOptions& run);

// How it is written, where it was not.
inline constexpr char kRunUsage[] = "write sluice run [OPTIONS] [SOURCE] -- COMMAND...";

}  // namespace sluice::cli
