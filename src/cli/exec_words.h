// The words of `sluice exec [OPTIONS] [--] SERVER ARGS...`.
#pragma once

#include <absl/status/status.h>

#include <string>
#include <vector>

#include "cli/commands.h"

namespace CLI {
class App;
}

namespace sluice::cli {

void add_exec_options(CLI::App& command, ExecOptions& options);

// Takes the server and its words away from argc, and into options: from the first word on that is neither an option
// of ours nor its value, or from behind --.
void take_server(int& argc, char** argv, ExecOptions& options);

// With --mount, where the server is told of its connection.
inline constexpr char kPlaceOfConnection[] = "{}";
absl::Status check_exec_words(const ExecOptions& options);
// Each {} of the words, also within one, becomes /dev/fd/N.
void name_connection(std::vector<std::string>& server, int device);

inline constexpr char kExecUsage[] = "write sluice exec [OPTIONS] [--] SERVER ARGS...";

}  // namespace sluice::cli
