// What is open in views and connections: the backing files that brokers hold, and the processes that have
// files of the mount open. All from /proc, by the caller's own rights, and without a look at a mounted path,
// which may never answer.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/client.h"

namespace sluice::cli {

struct Holder {
  int pid;
  std::string command;
};

struct OpenFile {
  std::string path;      // in the view; of a connection in its mount, or, what is granted, its own
  bool granted = false;  // its broker holds it, and so the kernel passes it through
  bool write = false;    // for writing too
  std::vector<Holder> holders;
};

struct OpenFiles {
  // Whether the broker's descriptors could be read, which takes root: else there are only files
  // that have a holder whom the caller may look at.
  bool complete = false;
  std::vector<OpenFile> files;  // by path
};

// One for each. Which backing file a file of a connection's mount has, only its server knows. Missing in any case: what was opened or closed meanwhile, and holders that
// only have a file mapped, or have it by a mount that is attached nowhere.
std::vector<OpenFiles> open_files(const std::vector<ListedView>& views);

nlohmann::json files_json(const OpenFiles& open);
// "cat(123), less(124)".
std::string holders_text(const OpenFile& file);

}  // namespace sluice::cli
