#include "cli/run_words.h"

#include <absl/strings/str_cat.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string_view>

#include "cli/output.h"
#include "core/escape.h"

namespace sluice::cli {
namespace {

bool is_directory(const std::string& path) {
  struct stat stat;
  return ::stat(path.c_str(), &stat) == 0 && S_ISDIR(stat.st_mode);
}

// Neither a program of PATH, which has no slash, nor one that is named by its place.
bool can_only_be_source(const std::string& word) {
  return (word == "." || word == ".." || word.find('/') != std::string::npos) && is_directory(word);
}

// CLI11's own usage knows no --.
class Help : public CLI::Formatter {
 public:
  explicit Help(const char* source) : source_(source) {}
  std::string make_usage(const CLI::App*, std::string name) const override {
    return absl::StrCat("Usage: ", name, " [OPTIONS] [", source_, "] -- COMMAND...\n");
  }

 private:
  const char* source_;
};

}  // namespace

void add_run_options(CLI::App& command, RunOptions& options) {
  command.add_option("--only", options.only,
                     "beside the view, show programs and DIR, and nothing else; repeatable; :ro behind it: read-only")
      ->option_text("DIR")
      ->allow_extra_args(false);
  command.add_option("--file-size", options.file_size,
                     "no file that the command writes gets longer than SIZE: bytes, or as 4KiB")
      ->option_text("SIZE");
  const auto flag = [&](const char* name, bool& value, const char* what) {
    command.add_flag(name, value, what)->disable_flag_override();
  };
  flag("--unshare-net", options.unshare_net, "no network but a loopback device of its own");
  flag("--unshare-ipc", options.unshare_ipc, "System V IPC and message queues of its own");
  flag("--unshare-pid", options.unshare_pid, "processes of its own, which end with the command");
  flag("--unshare-all", options.unshare_all, "all three");
  command.add_option("SOURCE", options.view.source, "the directory to make a view of (default: the working directory)")
      ->option_text(" ");
  command.add_option("COMMAND", options.more, "what to run, behind --")->option_text("...");
  command.formatter(std::make_shared<Help>("SOURCE"));
}

void add_learn_options(CLI::App& command, LearnOptions& options) {
  add_who_options(command, options.run.view);
  command.add_option("--output", options.output, "write the policy to FILE, which is not there yet (default: standard output)")
      ->option_text("FILE");
  command.add_flag("--json", options.json, "print JSON: every path that was touched, and the rules")
      ->disable_flag_override();
  command.add_option("DIRECTORY", options.run.view.source, "the directory to learn of (default: the working directory)")
      ->option_text(" ");
  command.add_option("COMMAND", options.run.more, "what to run, behind --")->option_text("...");
  command.formatter(std::make_shared<Help>("DIRECTORY"));
}

void take_command(int& argc, char** argv, RunOptions& run, RunOptions& learn) {
  const auto word = [&](int i) { return i < argc ? std::string_view(argv[i]) : std::string_view(); };
  const bool learns = word(1) == "policy" && word(2) == "learn";
  if (word(1) != "run" && !learns) return;
  RunOptions& taker = learns ? learn : run;
  for (int i = 2; i < argc; ++i) {
    if (std::string_view(argv[i]) != "--") continue;
    taker.divided = true;
    taker.command.assign(argv + i + 1, argv + argc);
    argc = i;
    return;
  }
}

absl::Status check_words(RunOptions& run) {
  const auto unclear = [&](std::string_view what) {
    return problem(absl::StatusCode::kInvalidArgument, what, run.usage != nullptr ? run.usage : kRunUsage);
  };
  if (run.divided) {
    if (!run.more.empty()) {
      return unclear(absl::StrCat("two words before --: \"", core::escaped(run.view.source), "\" and \"",
                                  core::escaped(run.more[0]), "\""));
    }
    if (run.command.empty()) return unclear("no command behind --");
    return absl::OkStatus();
  }
  if (run.more.empty()) return unclear("no command: there is no --");
  if (!can_only_be_source(run.view.source)) {
    return unclear(absl::StrCat("without --, \"", core::escaped(run.view.source),
                                "\" may be SOURCE or the command"));
  }
  run.command = run.more;
  return absl::OkStatus();
}

}  // namespace sluice::cli
