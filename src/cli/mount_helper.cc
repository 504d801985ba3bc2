#include "cli/mount_helper.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>

#include <cstdio>
#include <string_view>
#include <vector>

#include "cli/fstab.h"
#include "cli/mount_words.h"
#include "cli/mounted_view.h"
#include "cli/output.h"
#include "cli/policy_values.h"
#include "os/service_self.h"

namespace sluice::cli {
namespace {

constexpr char kHelp[] =
    "usage: mount -t sluice SOURCE TARGET [-o OPTIONS]\n"
    "       mount.sluice SOURCE TARGET [-fnrsvwhV] [-o OPTIONS] [-N NAMESPACE] [-t TYPE]\n"
    "  coherence=TIME  how long names and attributes may be remembered\n"
    "  device_nodes    with identity=preserve: device nodes can be made, of what is mounted nodev\n"
    "  graft=GRAFT     AT=DIRECTORY[:ro]: show it at the path AT of the view; repeatable\n"
    "  hide=PATTERN    hide what matches PATTERN; repeatable\n"
    "  identity=USER   act as USER, or \"preserve\": keep every owner\n"
    "  name=NAME       what to call the view\n"
    "  noexec          nothing in the view can be executed\n"
    "  policy=FILE     take rules from FILE, or from a ready policy\n"
    "  ro              a read-only view\n"
    "  socket=PATH     the service's socket\n"
    "Options of mount(8) and systemd are ignored; unknown ones are refused, unless -s is given.\n";

// As mount(8) lists them.
enum MountExit { kMountOk = 0, kMountWords = 1, kMountFailed = 32 };

// Checks all that can be checked without a service.
absl::Status pretend(const MountWords& words) {
  auto source = open_named_source(words.view);
  if (!source.ok()) return source.status();
  if (auto rules = compile_rules(words.view); !rules.ok()) return rules.status();
  if (!words.mount_namespace.empty()) return absl::OkStatus();
  return open_target(words.target, *source).status();
}

absl::Status mount(MountWords& words) {
  if (auto taken = take_mount_options(&words); !taken.ok()) return taken;
  if (words.fake) return pretend(words);
  MountHow how;
  how.lifetime = Lifetime::kHostMount;
  how.no_programs = words.no_programs;
  if (!words.mount_namespace.empty()) {
    how.namespace_of_target = os::Fd(::open(words.mount_namespace.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (!how.namespace_of_target) {
      return problem(os::failure(), absl::StrCat("mount namespace ", in_quotes(words.mount_namespace)));
    }
  }
  auto mounted = mount_view(words.view, words.target, std::move(how));
  if (!mounted.ok()) return mounted.status();
  if (words.verbose) std::printf("mount.sluice: %s\n", describe(*mounted).c_str());
  return absl::OkStatus();
}

int tell(const absl::Status& status, std::string_view place) {
  if (status.ok()) return kMountOk;
  const std::string_view message(status.message().data(), status.message().size());
  const size_t line = message.find('\n');
  std::fprintf(stderr, "mount.sluice: %s%s%s\n", std::string(place).c_str(), place.empty() ? "" : ": ",
               std::string(message.substr(0, line)).c_str());
  if (line != std::string_view::npos) {
    std::fprintf(stderr, "        try: %s\n", std::string(message.substr(line + 1)).c_str());
  }
  return absl::IsInvalidArgument(status) || absl::IsPermissionDenied(status) ? kMountWords : kMountFailed;
}

}  // namespace

bool is_mount_helper(const char* program) {
  std::string_view name(program == nullptr ? "" : program);
  name.remove_prefix(name.rfind('/') + 1);
  return name == "mount.sluice" || name == "mount.fuse.sluice";
}

int mount_helper(int argc, char** argv) {
  // Nothing of ours may come to have the number of a stream that the caller has closed.
  if (auto held = os::hold_standard_descriptors(); !held.ok()) return kMountFailed;
  const std::vector<std::string> given(argv + 1, argv + argc);
  auto words = divide_mount_words(given);
  if (!words.ok()) return tell(words.status(), {});
  if (words->help) return std::fputs(kHelp, stdout) < 0 ? kMountFailed : kMountOk;
  if (words->version) return std::printf("mount.sluice %s\n", SLUICE_VERSION) < 0 ? kMountFailed : kMountOk;
  const absl::Status status = mount(*words);
  // The file of another mount namespace is whose that is: not read here, nor taken for the one of that name.
  const bool ours = words->mount_namespace.empty();
  return tell(status, status.ok() || !ours ? "" : fstab_place(*words));
}

}  // namespace sluice::cli
