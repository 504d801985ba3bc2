// The commands, each in the file of its name. Each returns the exit status.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/view_options.h"

namespace sluice::cli {

class TouchReader;

struct MountOptions {
  ViewOptions view;
  std::string target;
  size_t operands = 0;  // that many of source and target were given; the others are in the file
  bool background = false;
};
int mount_command(const MountOptions& options);

struct RunOptions {
  ViewOptions view;
  std::vector<std::string> only;
  std::optional<std::string> file_size = {};  // not given: as the policy says, or no limit
  bool unshare_net = false;
  bool unshare_ipc = false;
  bool unshare_pid = false;
  bool unshare_all = false;
  bool divided = false;                // by --, with the command behind it
  std::vector<std::string> more = {};  // words before --, or without one, after the first
  std::vector<std::string> command = {};
  const char* usage = nullptr;  // null: of sluice run
};
// reader: of the view's record, where there is one; begins to read it when the command runs.
int run_command(const RunOptions& options, TouchReader* reader = nullptr);

struct LearnOptions {
  RunOptions run;
  std::string output;  // empty: standard output
  bool json = false;
};
int policy_learn_command(const LearnOptions& options);

struct ExecOptions {
  std::string mount;
  std::string socket;
  bool unshare = false;
  bool by_service = false;
  std::vector<std::string> more = {};    // none: take_server() has taken them
  std::vector<std::string> server = {};  // the program and its words
};
// Becomes the server; returns only where the words are wrong.
int exec_command(const ExecOptions& options);

struct ListOptions {
  std::string socket;
  std::string name;  // status: of one view
  bool json = false;
  bool metrics = false;   // status: as OpenMetrics text
  bool open = false;      // ls: the open files of views
  bool by_mount = false;  // the same, by view
  bool once = false;      // top
};
int ls_command(const ListOptions& options);
int status_command(const ListOptions& options);
int top_command(const ListOptions& options);

struct ReloadOptions {
  ViewOptions view;  // the rules and the socket
  std::string name;
  bool json = false;
};
int reload_command(const ReloadOptions& options);

struct UmountOptions {
  std::string target;
  bool lazy = false;
  bool force = false;
  bool json = false;
};
int umount_command(const UmountOptions& options);

struct DoctorOptions {
  std::string directory;
  std::string socket;
  bool json = false;
};
int doctor_command(const DoctorOptions& options);
// What doctor runs inside its view: writes and reads a file, and finds a name hidden.
int doctor_probe(const std::string& directory);

}  // namespace sluice::cli
