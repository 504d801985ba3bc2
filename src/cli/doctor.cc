#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/kernel_holes.h"
#include "cli/output.h"
#include "core/escape.h"
#include "core/protection_names.h"
#include "os/file.h"
#include "os/landlock.h"
#include "os/mount.h"
#include "os/self.h"
#include "os/service_self.h"
#include "os/socket.h"

namespace sluice::cli {
namespace {

enum class Verdict { kGood, kWarning, kBad };

struct Step {
  std::string name;
  Verdict verdict;
  std::string found;
  std::string why;   // it matters
  std::string mend;  // empty where nothing is to be mended
};

const char* word(Verdict verdict) {
  return verdict == Verdict::kGood ? "ok" : verdict == Verdict::kWarning ? "warn" : "FAIL";
}

Step kernel() {
  struct utsname name;
  ::uname(&name);
  const KernelVersion version = version_of(name.release);
  const bool passthrough = version >= KernelVersion{6, 9};
  const bool xattrs = version >= KernelVersion{6, 13};
  return {"kernel", !passthrough ? Verdict::kBad : !xattrs ? Verdict::kWarning : Verdict::kGood,
          absl::StrCat("Linux ", name.release),
          "6.9 has FUSE passthrough; before 6.13 a view has no extended attributes",
          passthrough && xattrs ? "" : "use Linux 6.13 or later"};
}

Step kernel_holes() {
  struct utsname name;
  ::uname(&name);
  const auto holes = holes_of(version_of(name.release));
  std::string found, ask;
  for (const KernelHole* hole : holes) {
    absl::StrAppend(&found, found.empty() ? "" : "; ", std::string(hole->name), " unless it was mended: ",
                    std::string(hole->what));
    absl::StrAppend(&ask, ask.empty() ? "" : ", ", std::string(hole->name));
  }
  return {"known holes", holes.empty() ? Verdict::kGood : Verdict::kWarning,
          holes.empty() ? "none in this release" : found,
          "a worker that was taken over could use them; the release does not tell what its maker mended",
          holes.empty() ? "" : absl::StrCat("ask whoever makes your kernel whether it has the fix of ", ask)};
}

Step fuse_device() {
  const os::Fd fd(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  const int error = errno;
  const bool others = !fd && error == EACCES && ::geteuid() != 0;
  return {"/dev/fuse", fd || others ? Verdict::kGood : Verdict::kBad,
          fd ? "opens" : others ? "there; only the service may open it" : std::strerror(error),
          "views are FUSE filesystems", fd || others ? "" : "modprobe fuse"};
}

Step landlock() {
  const int abi = os::landlock_abi();
  std::string found = abi > 0 ? absl::StrCat("ABI ", abi) : "off";
  std::string allow;
  for (const core::Protection& protection : core::kProtections) {
    if ((os::landlock_missing() & protection.bit) == 0) continue;
    const std::string name(protection.name);
    absl::StrAppend(&found, ", lacks ", name);
    absl::StrAppend(&allow, " --allow-missing ", name);
  }
  return {"Landlock", allow.empty() ? Verdict::kGood : Verdict::kBad, found,
          "it bounds what a grant may ever open, and what the processes reach",
          allow.empty() ? ""
                        : absl::StrCat("use Linux 6.12 or later with landlock in lsm=, or do without: sluiced",
                                       allow)};
}

// In a child, because a namespace cannot be left again.
bool in_child(const std::function<bool()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body() ? 0 : 1);
  int status = 0;
  while (pid > 0 && ::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

Step user_namespaces() {
  const bool works = in_child([] { return ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0; });
  return {"user namespaces", works ? Verdict::kGood : Verdict::kWarning,
          works ? "can be made" : "cannot be made", "sluice run gives its command one, and in one the service locks the flags of a view's mount",
          works ? "" : "raise user.max_user_namespaces; allow them in AppArmor"};
}

Step open_files() {
  const uint32_t most = os::most_files();
  return {"open files", most >= 4096 ? Verdict::kGood : Verdict::kWarning,
          absl::StrCat("at most ", most), "a view may have a third as many files open",
          most >= 4096 ? "" : "raise the hard limit (LimitNOFILE=, ulimit -Hn)"};
}

Step library() {
  return {"libfuse", Verdict::kGood, absl::StrCat("built with ", SLUICE_FUSE_VERSION),
          "the worker's protocol library; 3.14 is the least", ""};
}

Step service(const std::string& socket) {
  const bool listens = os::connect_to(socket).ok();
  const bool root = ::geteuid() == 0;
  return {"service", listens ? Verdict::kGood : root ? Verdict::kGood : Verdict::kBad,
          listens ? absl::StrCat("answers at ", core::escaped(socket))
                  : absl::StrCat("none at ", core::escaped(socket), root ? "; root starts a private one" : ""),
          "an unprivileged user's views are made by it",
          listens || root ? "" : "ask the administrator to start sluiced"};
}

Step filesystem(const std::string& directory) {
  const os::Fd fd(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  auto magic = fd ? os::filesystem_magic(fd.get()) : os::failure();
  const bool stacked = magic.ok() && (*magic == 0x65735546 || *magic == 0x794C7630);
  return {"filesystem", !magic.ok() || stacked ? Verdict::kBad : Verdict::kGood,
          !magic.ok() ? absl::StrCat("cannot be told for ", core::escaped(directory))
                      : absl::StrCat("type ", absl::Hex(*magic), " under ", core::escaped(directory)),
          "passthrough reaches one filesystem deep: not onto FUSE or overlayfs",
          stacked ? "use a directory that is not on FUSE or overlayfs"
                  : magic.ok() ? "" : "name a directory of this mount namespace; Linux 6.8 or later"};
}

bool write_and_read_back(const std::string& file) {
  constexpr char kText[] = "through the view";
  const os::Fd out(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  char back[sizeof(kText)] = {};
  return out && ::write(out.get(), kText, sizeof(kText)) == sizeof(kText) &&
         ::pread(out.get(), back, sizeof(back), 0) == sizeof(back) &&
         std::memcmp(back, kText, sizeof(kText)) == 0;
}

// The whole way: a view of a temporary directory, a file written and read through it, unmounted.
Step real_view(const DoctorOptions& options, const std::string& directory) {
  Step step{"a real view", Verdict::kBad, "", "everything above together", ""};
  std::string scratch = absl::StrCat(directory, "/.sluice-doctor-XXXXXX");
  if (::mkdtemp(scratch.data()) == nullptr) {
    step.found = absl::StrCat("no directory can be made in ", core::escaped(directory), ": ",
                              std::strerror(errno));
    step.mend = "name a directory that you may write to: sluice doctor DIRECTORY";
    return step;
  }
  constexpr uid_t kNobody = 65534;
  const bool root = ::geteuid() == 0;
  RunOptions run;
  run.view.source = scratch;
  run.view.socket = options.socket;
  run.view.hide = {"hidden"};
  if (root) {
    run.view.identity = absl::StrCat(kNobody);
    if (::chown(scratch.c_str(), kNobody, kNobody) < 0) step.found = "chown failed";
  }
  run.divided = true;
  // As a user would: this very program is the command that is run in the view.
  run.command = {"/proc/self/exe", "doctor-probe", scratch};
  int status = -1;
  const bool ran = in_child([&] {
    // Its messages are for the step.
    const os::Fd quiet(::open((scratch + ".log").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    ::dup2(quiet.get(), STDERR_FILENO);
    return run_command(run) == 0;
  });
  status = ran ? 0 : 1;
  std::string log;
  if (FILE* file = std::fopen((scratch + ".log").c_str(), "re")) {
    char line[512];
    while (std::fgets(line, sizeof(line), file) != nullptr) {
      if (std::strstr(line, "event=view-") == nullptr && std::strstr(line, "event=granted") == nullptr) log += line;
    }
    std::fclose(file);
  }
  std::error_code ignored;
  std::filesystem::remove_all(scratch, ignored);
  std::filesystem::remove(scratch + ".log", ignored);
  step.verdict = status == 0 ? Verdict::kGood : Verdict::kBad;
  step.found = status == 0 ? "made, written and read through, a name hidden, and ended"
                           : absl::StrCat("failed: ", core::escaped(log));
  if (status != 0) step.mend = "mend what failed above";
  return step;
}

}  // namespace

int doctor_probe(const std::string& directory) {
  const bool hidden = ::open((directory + "/hidden").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 &&
                      errno == EACCES;
  return write_and_read_back(directory + "/probe") && hidden ? 0 : 1;
}

int doctor_command(const DoctorOptions& options) {
  const std::string directory = options.directory.empty() ? "/var/tmp" : options.directory;
  std::vector<Step> steps = {kernel(),     kernel_holes(), fuse_device(), landlock(),
                             user_namespaces(), open_files(),  library(),
                             service(service_socket(options.socket)), filesystem(directory)};
  steps.push_back(real_view(options, directory));
  bool good = true;
  nlohmann::json all = nlohmann::json::array();
  for (const Step& step : steps) {
    good = good && step.verdict != Verdict::kBad;
    if (options.json) {
      all.push_back({{"step", step.name}, {"verdict", word(step.verdict)}, {"found", step.found},
                     {"why", step.why}, {"mend", step.mend}});
      continue;
    }
    std::printf("%-4s  %-16s %s\n      %-16s why: %s\n", word(step.verdict), step.name.c_str(),
                step.found.c_str(), "", step.why.c_str());
    if (!step.mend.empty()) std::printf("      %-16s try: %s\n", "", step.mend.c_str());
  }
  if (options.json) std::printf("%s\n", all.dump(2).c_str());
  return good ? kExitOk : kExitHost;
}

}  // namespace sluice::cli
