// sluice policy: looking at policies before anything is mounted. Each command in the file of its
// name.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace sluice::cli {

struct PolicyOptions {
  std::string policy;
  std::string path;
  std::string operation;
  std::string directory = ".";
  bool is_directory = false;
  bool hidden_only = false;
  bool json = false;
};
int policy_check_command(const PolicyOptions& options);
int policy_explain_command(const PolicyOptions& options);
int policy_show_command(const PolicyOptions& options);
int policy_list_command(const PolicyOptions& options);

// Describes them to the command line; status gets the exit status of the one that is run. The
// command that they are commands of.
CLI::App& add_policy_commands(CLI::App& app, PolicyOptions& options, int& status);

}  // namespace sluice::cli
