#include "cli/policy_command.h"

#include <CLI/CLI.hpp>

namespace sluice::cli {

CLI::App& add_policy_commands(CLI::App& app, PolicyOptions& options, int& status) {
  CLI::App& policy = *app.add_subcommand("policy", "look at policies, before anything is mounted");
  policy.require_subcommand(1);
  CLI::App& check =
      *policy.add_subcommand("check", "say what is wrong in a policy, and what never matters");
  CLI::App& explain =
      *policy.add_subcommand("explain", "say which rules decide about PATH, and what it allows");
  CLI::App& show = *policy.add_subcommand("show", "show DIRECTORY as a view would, with marks");
  CLI::App& list = *policy.add_subcommand("list", "list the ready policies");
  for (CLI::App* command : {&check, &explain, &show}) {
    command->add_option("POLICY", options.policy, "a file, or the name of a ready policy")
        ->required()
        ->option_text(" ");
  }
  for (CLI::App* command : {&check, &explain, &show, &list}) {
    command->add_flag("--json", options.json, "print JSON")->disable_flag_override();
  }
  explain.add_option("PATH", options.path, "relative to the source; it need not exist")
      ->required()
      ->option_text(" ");
  explain
      .add_option("--op", options.operation,
                  "what OP would get: look, list, read, write, change, make, remove")
      ->option_text("OP");
  explain.add_flag("--dir", options.is_directory, "it is a directory, as with a '/' at its end")
      ->disable_flag_override();
  show.add_option("DIRECTORY", options.directory,
                  "the source (default .); none: nothing but grafts")
      ->option_text(" ");
  show.add_flag("--hidden", options.hidden_only, "list only what is hidden, and why")
      ->disable_flag_override();
  check.callback([&] { status = policy_check_command(options); });
  explain.callback([&] { status = policy_explain_command(options); });
  show.callback([&] { status = policy_show_command(options); });
  list.callback([&] { status = policy_list_command(options); });
  return policy;
}

}  // namespace sluice::cli
