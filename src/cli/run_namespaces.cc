#include "cli/run_namespaces.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/run_step.h"
#include "os/apart.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/socket.h"

namespace sluice::cli {
namespace {

bool write_file(const char* path, const std::string& text) {
  const os::Fd fd(::open(path, O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool map_all_ids_of(pid_t pid) {
  const std::string all = "0 0 4294967295";
  return write_file(absl::StrCat("/proc/", pid, "/uid_map").c_str(), all) &&
         write_file(absl::StrCat("/proc/", pid, "/gid_map").c_str(), all);
}

}  // namespace

void become_identity(const Identity& identity) {
  if (!identity.named || identity.uid == ::geteuid()) return;  // a user that names itself is itself
  must(::setgroups(identity.groups.size(), identity.groups.data()) == 0, "setgroups");
  must(::setresgid(identity.gid, identity.gid, identity.gid) == 0, "setresgid");
  must(::setresuid(identity.uid, identity.uid, identity.uid) == 0, "setresuid");
  must(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0, "dumpable");  // or the id maps cannot be written
}

void enter_namespaces(const RunOptions& options, int map_all_gate) {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  const auto asked = [&](bool one, int flag) { return one || options.unshare_all ? flag : 0; };
  const int more = asked(options.unshare_net, CLONE_NEWNET) | asked(options.unshare_ipc, CLONE_NEWIPC) |
                   asked(options.unshare_pid, CLONE_NEWPID);
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS | more) < 0) {
    give_up(problem(absl::StatusCode::kUnimplemented,
                    absl::StrCat("cannot make a user namespace: ", std::strerror(errno)),
                    "let users make them (user.max_user_namespaces, "
                    "kernel.apparmor_restrict_unprivileged_userns); not in a chroot"));
  }
  if ((more & CLONE_NEWNET) != 0) must_have(os::raise_loopback(), "the loopback device");
  if (map_all_gate >= 0) {
    // Keeping every owner takes every id: only the privileged parent can map them.
    uint8_t byte = 0;
    must(::write(map_all_gate, &byte, 1) == 1, "gate");
    must(::read(map_all_gate, &byte, 1) == 1, "id map");
  } else {
    must(write_file("/proc/self/setgroups", "deny"), "setgroups");
    must(write_file("/proc/self/uid_map", absl::StrCat(uid, " ", uid, " 1")), "uid_map");
    must(write_file("/proc/self/gid_map", absl::StrCat(gid, " ", gid, " 1")), "gid_map");
  }
  must_have(os::make_mounts_slaves(), "mounts");
}

os::Fd find_source(const Source& source) {
  // The descriptor is of the old namespace; the same directory is looked up in the new one.
  auto before = os::stat_held(source.fd.get());
  os::Fd here(::open(source.path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  auto now = here ? os::stat_held(here.get()) : os::failure();
  if (!before.ok() || !now.ok() || now->stx_ino != before->stx_ino ||
      os::dev_of(*now) != os::dev_of(*before)) {
    errno = ESTALE;
    must(false, "the source moved");
  }
  return here;
}

void attach_in_place(const PlaceOfView& place) {
  const os::Fd here = find_source(place.source);
  must_have(os::attach_mount(place.view, here.get()), "attach the view");
}

os::Fd new_proc() {
  auto proc = os::new_filesystem("proc", {});
  if (!proc.ok()) {
    give_up(problem(absl::StatusCode::kUnimplemented,
                    absl::StrCat("cannot mount a /proc of its own: ", std::strerror(proc.failure().error)),
                    "leave out --unshare-pid: where parts of /proc are covered, as in a container, the "
                    "kernel forbids it"));
  }
  return *std::move(proc);
}

void lock_mounts() {
  auto gate = os::socket_pair();
  must(gate.ok(), "socketpair");
  const pid_t outer = ::getpid();
  const pid_t mapper = ::fork();
  must(mapper >= 0, "fork");
  if (mapper == 0) {
    // It stays outside, where it may map what the other then is.
    gate->first.reset();
    uint8_t byte;
    const bool asked = ::read(gate->second.get(), &byte, 1) == 1;
    ::_exit(asked && map_all_ids_of(outer) ? 0 : 1);
  }
  must(::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0, "a second user namespace");
  const uint8_t go = 1;
  must(::write(gate->first.get(), &go, 1) == 1, "gate");
  int status = 0;
  must(::waitpid(mapper, &status, 0) == mapper && status == 0, "id map");
}

bool map_all_ids(pid_t pid, int gate) {
  uint8_t byte;
  return ::read(gate, &byte, 1) == 1 && map_all_ids_of(pid) && ::write(gate, &byte, 1) == 1;
}

}  // namespace sluice::cli
