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

// What `sluice policy learn` has of these, and besides.
void add_learn_options(CLI::App& command, LearnOptions& options);

// Takes the words behind the first -- of `sluice run`, or of `sluice policy learn`, away from argc, and
// into the options' command: no word of the command is ever an option of ours. Other commands keep all
// their words.
void take_command(int& argc, char** argv, RunOptions& run, RunOptions& learn);

// After the words before -- were parsed: whether it is clear which is SOURCE and which the command.
absl::Status check_words(RunOptions& run);

// How it is written, where it was not.
inline constexpr char kRunUsage[] = "write sluice run [OPTIONS] [SOURCE] -- COMMAND...";
inline constexpr char kLearnUsage[] = "write sluice policy learn [OPTIONS] [DIRECTORY] -- COMMAND...";

}  // namespace sluice::cli
