// What /proc says of processes and mounts of others: mountinfo, fdinfo, comm and the links of
// descriptors, where who mounts and who opens chooses names, sources, numbers and options. What the
// kernel wrote down is read as what it was, and no process is taken for a holder of a view by what
// it calls its own things.
#include "cli/open_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/mount_field.h"
#include "cli/mountpoint.h"
#include "fuzz/scratch.h"
#include "fuzz/target.h"

using namespace sluice;

namespace {

constexpr uint32_t kConnection = 45, kForeign = 46;
constexpr int kBroker = 5, kProcess = 7;

// As the kernel writes a name: fs/proc_namespace.c, mangle().
std::string written(std::string_view name) {
  std::string text;
  for (const char c : name) {
    char octal[8];
    std::snprintf(octal, sizeof(octal), "\\%03o",
                  static_cast<unsigned>(static_cast<unsigned char>(c)));
    text += std::string_view(" \t\n\\#").find(c) != std::string_view::npos ? std::string(octal)
                                                                           : std::string(1, c);
  }
  return text;
}

std::string any_name(fuzz::Choices& choices) {
  static constexpr std::string_view kNames[] = {"/",
                                                "/v",
                                                "/v/a b",
                                                "x - fuse.sluice y",
                                                "none",
                                                "\\040",
                                                "0:45",
                                                "0:46",
                                                "/v\n1 2 0:45 / /w rw - fuse.sluice s rw",
                                                "//deleted"};
  if (choices.byte() % 4 != 3) return std::string(choices.one_of(kNames));
  std::string name(choices.text(40));
  std::erase(name, '\0');
  return name.empty() ? "n" : name;
}

struct Mount {
  uint32_t number, parent, minor;
  std::string root, path, type, source;
};

std::string mountinfo(fuzz::Choices& choices, std::vector<Mount>* mounts) {
  static constexpr std::string_view kTypes[] = {"fuse.sluice", "fuse",       "fuse.sluicex",
                                                "tmpfs",       "fuse.sshfs", "-"};
  std::string text;
  for (uint32_t count = choices.below(6); count > 0; --count) {
    Mount mount{choices.byte(),    choices.byte(),    44u + choices.below(4),
                any_name(choices), any_name(choices), std::string(choices.one_of(kTypes)),
                any_name(choices)};
    text += std::to_string(mount.number) + " " + std::to_string(mount.parent) +
            " 0:" + std::to_string(mount.minor) + " " + written(mount.root) + " " +
            written(mount.path) + " rw,nosuid ";
    for (uint32_t peers = choices.below(3); peers > 0; --peers)
      text += peers == 1 ? "shared:7 " : "master:9 ";
    text += "- " + mount.type + " " + written(mount.source) + " rw\n";
    mounts->push_back(std::move(mount));
  }
  return text;
}

void process(fuzz::Choices& choices, int pid, const std::string& mounts) {
  const std::string at = "/proc/" + std::to_string(pid);
  for (const std::string& directory : {at, at + "/fd", at + "/fdinfo"})
    ::mkdir(directory.c_str(), 0755);
  fuzz::write_file(at + "/mountinfo", mounts);
  fuzz::write_file(at + "/comm", any_name(choices) + "\n");
  for (uint32_t count = choices.below(4), fd = 2; fd < 2 + count; ++fd) {
    const std::string number = std::to_string(fd);
    std::string link = choices.flag() ? "/file" : any_name(choices);
    (void)!::symlink(link.c_str(), (at + "/fd/" + number).c_str());
    std::string info =
        "pos:\t0\nflags:\t" + std::string(choices.flag() ? "0100002" : "0100000") + "\n";
    if (choices.byte() % 8 != 7) info += "mnt_id:\t" + std::to_string(choices.byte()) + "\n";
    if (choices.byte() % 8 == 7) info = std::string(choices.text(60));
    fuzz::write_file(at + "/fdinfo/" + number, info);
  }
}

void look(fuzz::Choices& choices) {
  fuzz::make_empty("/proc");
  fuzz::write_file("/file", "");
  std::vector<Mount> mounts;
  std::string text = mountinfo(choices, &mounts);
  const bool as_it_is = choices.byte() % 4 != 3;
  if (!as_it_is) text.insert(choices.take<uint16_t>() % (text.size() + 1), choices.text(80));
  ::mkdir("/proc/self", 0755);
  fuzz::write_file("/proc/self/mountinfo", text);
  const auto lines = cli::read_mounts();
  if (as_it_is) {
    FUZZ_HOLDS(lines.size() == mounts.size());
    for (size_t i = 0; i < lines.size(); ++i) {
      FUZZ_HOLDS(lines[i].number == mounts[i].number && lines[i].parent == mounts[i].parent);
      FUZZ_HOLDS(lines[i].path == mounts[i].path && lines[i].type == mounts[i].type &&
                 lines[i].source == mounts[i].source);
    }
  }
  (void)cli::topmost_is_view("/v");

  process(choices, kProcess, text);
  if (choices.flag()) process(choices, kBroker, "");
  std::vector<cli::ListedView> views(2);
  views[0].info.connection = choices.byte() % 8 == 7 ? 0 : kConnection;
  views[0].info.broker_pid = kBroker;
  views[1].info.connection = kForeign;
  views[1].info.broker_pid = kBroker;
  views[1].info.foreign = true;
  const auto open = cli::open_files(views);
  FUZZ_HOLDS(open.size() == views.size());
  for (size_t i = 0; i < open.size(); ++i) {
    bool has_mount = false;
    for (const Mount& mount : mounts)
      has_mount =
          has_mount || (mount.minor == views[i].info.connection && mount.type.starts_with("fuse"));
    for (const cli::OpenFile& file : open[i].files) {
      if (as_it_is && !file.holders.empty()) FUZZ_HOLDS(has_mount);
      for (const cli::Holder& holder : file.holders)
        FUZZ_HOLDS(holder.pid == kProcess || holder.pid == kBroker);
      const std::string shown = cli::holders_text(file);
      FUZZ_HOLDS(shown.find('\n') == std::string::npos && shown.find('\x1b') == std::string::npos);
    }
    for (const auto& file : cli::files_json(open[i]))
      FUZZ_HOLDS(file["path"].get<std::string>().find('\x1b') == std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Scratch* scratch = fuzz::Scratch::get();
  if (scratch == nullptr) return 0;
  scratch->run([&] {
    fuzz::Choices choices(data, size);
    look(choices);
  });
  return 0;
}
