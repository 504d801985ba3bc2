#include "cli/exec_words.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string_view>

#include "cli/output.h"

namespace sluice::cli {
namespace {

// CLI11's own usage knows no --.
class ExecHelp : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string name) const override {
    return absl::StrCat("Usage: ", name, " [OPTIONS] [--] SERVER ARGS...\n");
  }
};

bool takes_value(std::string_view option) { return option == "--mount" || option == "--socket"; }

}  // namespace

void add_exec_options(CLI::App& command, ExecOptions& options) {
  command.add_option("--mount", options.mount, "mount a connection of the server's at TARGET; {} in ARGS names it")
      ->option_text("TARGET");
  command.add_flag("--unshare", options.unshare, "in a user and mount namespace of its own, where it may mount")
      ->disable_flag_override();
  command.add_flag("--by-service", options.by_service, "with --mount: the service makes it, as where Linux is before 6.16")
      ->disable_flag_override();
  command.add_option("--socket", options.socket, "the service's socket")->option_text("PATH");
  // Shown only: take_server() has taken them.
  command.add_option("SERVER", "the program to become")->option_text(" ");
  command.add_option("ARGS", "its words")->option_text("...");
  command.formatter(std::make_shared<ExecHelp>());
}

void take_server(int& argc, char** argv, ExecOptions& options) {
  if (argc < 2 || std::string_view(argv[1]) != "exec") return;
  for (int i = 2; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (takes_value(word)) {
      ++i;
      continue;
    }
    const bool divides = word == "--";
    if (!divides && word.starts_with("-")) continue;
    options.server.assign(argv + i + (divides ? 1 : 0), argv + argc);
    argc = i;
    return;
  }
}

absl::Status check_exec_words(const ExecOptions& options) {
  if (options.server.empty()) return problem(absl::StatusCode::kInvalidArgument, "no server", kExecUsage);
  if (options.by_service && options.mount.empty()) {
    return problem(absl::StatusCode::kInvalidArgument, "--by-service, and no --mount", "add --mount TARGET");
  }
  bool named = false;
  for (size_t i = 1; i < options.server.size(); ++i) named |= absl::StrContains(options.server[i], kPlaceOfConnection);
  if (options.mount.empty() || named) return absl::OkStatus();
  return problem(absl::StatusCode::kInvalidArgument, "--mount, and no {} among the words of the server",
                 "write {} where the server takes its mountpoint");
}

void name_connection(std::vector<std::string>& server, int device) {
  for (size_t i = 1; i < server.size(); ++i) {
    server[i] = absl::StrReplaceAll(server[i], {{kPlaceOfConnection, absl::StrCat("/dev/fd/", device)}});
  }
}

}  // namespace sluice::cli
