// sluice: the command. Unprivileged; everything that needs privilege is the service's.
#include <absl/strings/str_cat.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstring>
#include <exception>

#include "cli/commands.h"
#include "cli/exec_words.h"
#include "cli/mount_helper.h"
#include "cli/output.h"
#include "cli/policy_command.h"
#include "cli/run_words.h"
#include "cli/suggestion.h"
#include "core/escape.h"

namespace sluice::cli {
namespace {

constexpr char kVersion[] = "sluice " SLUICE_VERSION;

struct Commands {
  MountOptions mount;
  RunOptions run;
  ExecOptions exec;
  ListOptions list;
  ReloadOptions reload;
  UmountOptions umount;
  PolicyOptions policy;
  LearnOptions learn;
  DoctorOptions doctor;
  std::string probe;
};

void describe(CLI::App& app, Commands& commands, int& status) {
  app.set_version_flag("--version", kVersion);
  app.require_subcommand(1);

  CLI::App& mount = *app.add_subcommand("mount", "attach a view of SOURCE at TARGET");
  add_view_options(mount, commands.mount.view);
  mount.add_flag("--background", commands.mount.background, "return once it serves; sluice umount ends it")
      ->disable_flag_override();
  CLI::Option* source = mount.add_option("SOURCE", commands.mount.view.source, "the directory to make a view of")->option_text(" ");
  CLI::Option* target = mount.add_option("TARGET", commands.mount.target, "an existing directory to attach it at")->option_text(" ");
  mount.callback([&commands, &status, source, target] {
    commands.mount.operands = source->count() + target->count();
    status = mount_command(commands.mount);
  });

  CLI::App& run = *app.add_subcommand("run", "run COMMAND with a view of SOURCE in SOURCE's place");
  add_view_options(run, commands.run.view);
  add_run_options(run, commands.run);
  run.callback([&] { status = run_command(commands.run); });

  CLI::App& exec = *app.add_subcommand("exec", "become the FUSE server SERVER, with passthrough");
  add_exec_options(exec, commands.exec);
  exec.callback([&] { status = exec_command(commands.exec); });

  CLI::App& ls = *app.add_subcommand("ls", "list views");
  CLI::App& one = *app.add_subcommand("status", "what a view, or every view, does");
  CLI::App& top = *app.add_subcommand("top", "watch what views do");
  for (CLI::App* command : {&ls, &one, &top}) {
    command->add_flag("--json", commands.list.json, "print JSON")->disable_flag_override();
    command->add_option("--socket", commands.list.socket, "the service's socket")->option_text("PATH");
  }
  one.add_option("NAME", commands.list.name, "the view's name")->option_text(" ");
  auto* metrics = one.add_flag("--metrics", commands.list.metrics, "print all as OpenMetrics text");
  metrics->disable_flag_override()->excludes(one.get_option("NAME"), one.get_option("--json"));
  auto* open = ls.add_flag("--open", commands.list.open, "list the open files of views, and who has them open");
  open->disable_flag_override();
  ls.add_flag("--by-mount", commands.list.by_mount, "the same, by view")->disable_flag_override()->needs(open);
  top.add_flag("--once", commands.list.once, "print it once, after a second")->disable_flag_override();
  top.callback([&] { status = top_command(commands.list); });
  ls.callback([&] { status = ls_command(commands.list); });
  one.callback([&] { status = status_command(commands.list); });

  CLI::App& reload = *app.add_subcommand("reload", "other rules for a view that serves");
  add_rule_options(reload, commands.reload.view);
  reload.add_option("NAME", commands.reload.name, "the view's name")->option_text(" ");
  reload.add_option("--view", commands.reload.view.view_file, "take rules and name from FILE, as mount and run do")
      ->option_text("FILE");
  reload.add_flag("--json", commands.reload.json, "print JSON")->disable_flag_override();
  reload.add_option("--socket", commands.reload.view.socket, "the service's socket")->option_text("PATH");
  reload.callback([&] { status = reload_command(commands.reload); });

  CLI::App& umount = *app.add_subcommand("umount", "take a view off TARGET, or end the broker of a connection");
  umount.add_option("TARGET", commands.umount.target, "where the view is, or the name of a connection of another FUSE server")->required()->option_text(" ");
  umount.add_flag("--lazy", commands.umount.lazy, "detach it now; it ends when nobody uses it any more")
      ->disable_flag_override();
  umount.add_flag("--force", commands.umount.force, "detach it now, and abort what its users wait for")
      ->disable_flag_override();
  umount.add_flag("--json", commands.umount.json, "print JSON")->disable_flag_override();
  umount.callback([&] { status = umount_command(commands.umount); });

  CLI::App& policy = add_policy_commands(app, commands.policy, status);
  CLI::App& learn =
      *policy.add_subcommand("learn", "run COMMAND, and propose a policy that shows what it touches");
  add_learn_options(learn, commands.learn);
  learn.callback([&] { status = policy_learn_command(commands.learn); });

  CLI::App& doctor = *app.add_subcommand("doctor", "try what a view needs, and say what is missing");
  doctor.add_option("DIRECTORY", commands.doctor.directory, "try a view of this directory's filesystem")
      ->option_text(" ");
  doctor.add_flag("--json", commands.doctor.json, "print JSON")->disable_flag_override();
  doctor.add_option("--socket", commands.doctor.socket, "the service's socket")->option_text("PATH");
  doctor.callback([&] { status = doctor_command(commands.doctor); });

  // Doctor's own, not for people.
  CLI::App& probe = *app.add_subcommand("doctor-probe", "")->group("");
  probe.add_option("DIRECTORY", commands.probe)->required();
  probe.callback([&] { status = doctor_probe(commands.probe); });
}

// What is wrong with the words of the command, where it is a command that there is not.
absl::Status no_command(const CLI::App& app, int argc, char** argv) {
  const CLI::App* in = &app;
  std::string words = "sluice ";
  for (int i = 1; i < argc && argv[i][0] != '-'; ++i) {
    const auto known = in->get_subcommands([](const CLI::App* each) { return !each->get_group().empty(); });
    if (known.empty()) break;
    std::vector<std::string> names;
    const CLI::App* found = nullptr;
    for (const CLI::App* each : known) {
      names.push_back(each->get_name());
      if (each->get_name() == argv[i]) found = each;
    }
    if (found == nullptr) {
      return problem(absl::StatusCode::kInvalidArgument, absl::StrCat("no command \"", core::escaped(argv[i]), "\""),
                     did_you_mean(argv[i], {names.begin(), names.end()}, absl::StrCat("see ", words, "--help")));
    }
    in = found;
    absl::StrAppend(&words, argv[i], " ");
  }
  return absl::OkStatus();
}

int run(int argc, char** argv) {
  CLI::App app("A filtered view of a directory at native speed.", "sluice");
  Commands commands;
  int status = kExitOk;
  describe(app, commands, status);
  take_command(argc, argv, commands.run, commands.learn.run);
  take_server(argc, argv, commands.exec);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    if (auto unknown = no_command(app, argc, argv); !unknown.ok()) return report(unknown);
    const bool option = argc > 1 && argv[1][0] == '-';
    const bool undivided = argc > 1 && std::strcmp(argv[1], "run") == 0 && !commands.run.divided;
    return report(problem(absl::StatusCode::kInvalidArgument, argc < 2 ? "what to do?" : core::escaped(error.what()),
                          undivided ? kRunUsage
                                    : absl::StrCat("see sluice ", argc < 2 || option ? "" : absl::StrCat(argv[1], " "), "--help")));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sluice: %s\n", error.what());
    return kExitFailed;
  }
  return status;
}

}  // namespace
}  // namespace sluice::cli

int main(int argc, char** argv) {
  if (argc > 0 && sluice::cli::is_mount_helper(argv[0])) return sluice::cli::mount_helper(argc, argv);
  return sluice::cli::run(argc, argv);
}
