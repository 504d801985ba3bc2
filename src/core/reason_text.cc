#include "core/reason_text.h"

#include <array>
#include <cstddef>

namespace sluice::core {
namespace {

struct Entry {
  std::string_view name;
  std::string_view text;
  std::string_view remedy;
};

constexpr size_t kReasons = static_cast<size_t>(Reason::kCount);

// In the order of the enumeration; the unit test walks it.
constexpr std::array<Entry, kReasons> kEntries = {{
    {"none", "no refusal", ""},
    {"system", "a system call failed", ""},
    {"protocol", "a message is malformed or not allowed now",
     "use the sluice command of the same version as the service"},
    {"version", "the peer speaks another protocol version",
     "use the sluice command of the same version as the service"},
    {"not-permitted", "this user may not ask for this",
     "ask as root, or for a view of your own"},
    {"identity-root", "uid 0 is not served",
     "for a view, name a user with --identity USER or keep all owners with --identity preserve; "
     "a FUSE server of root's needs no broker"},
    {"source-not-directory", "the source is not a directory", "name a directory"},
    {"source-not-path-fd", "the source was not handed over as an O_PATH descriptor",
     "use the sluice command of the same version as the service"},
    {"source-foreign-mount", "the source is in a mount namespace that the service cannot see",
     "run the command and the service in the same mount namespace"},
    {"source-filesystem", "the source's filesystem is of a type that views are not made of",
     "use a directory on ext4, xfs, btrfs, f2fs, bcachefs, zfs or tmpfs"},
    {"source-stacked", "the source is on FUSE or overlayfs, on which passthrough cannot stack",
     "use the directory below it"},
    {"kernel-no-passthrough", "the kernel has no FUSE passthrough",
     "use Linux 6.9 or later with CONFIG_FUSE_PASSTHROUGH=y"},
    {"protection-missing", "the kernel lacks a protection",
     "boot with landlock in lsm= (Linux 6.12 or later), or allow it with --allow-missing NAME"},
    {"limit-views", "this host has as many views as it may", "end a view, or raise the limit"},
    {"limit-views-of-user", "this user has as many views as it may",
     "end a view, or raise the limit"},
    {"limit-grants", "this view or connection has as many open files as it may", "close files"},
    {"limit-rules", "too many rules", "use fewer or shorter patterns"},
    {"rule-syntax", "a pattern cannot be read", "mend the pattern"},
    {"hidden", "a rule hides the path", ""},
    {"read-only-view", "the view is read-only", ""},
    {"not-regular", "not a regular file", ""},
    {"not-same-file", "the path leads to another file, or is in another directory, than the one meant", ""},
    {"outside-root", "the path leaves the root, crosses a mount or follows a link", ""},
    {"path-malformed", "the path is empty, absolute or malformed", ""},
    {"immutable", "the file is immutable or append-only", ""},
    {"grant-unknown", "no such grant on this connection", ""},
    {"grant-not-writable", "the grant is not open for writing", ""},
    {"grant-read-only", "the file is open read-only and now wanted for writing",
     "close it first"},
    {"child-failed", "a process of the view or connection did not come up", "see the service's log"},
    {"timeout", "no answer in time", ""},
    {"no-such-view", "no view of that name or target", "see sluice ls"},
    {"confinement-violated", "a confined process made a call that its policy forbids",
     "report this: it is a hole or an attack"},
    {"name-taken", "another view has that name", "choose another with --name, or leave it out"},
    {"source-unreadable", "the view's user may not search the source",
     "give the user access, or name another with --identity"},
    {"limit-setups", "the service is busy with other newcomers", "try again in a moment"},
    {"limit-grants-of-user", "this user's views share out as many open files as they may",
     "end a view"},
    {"denied", "a rule of the view denies it", "see sluice policy explain"},
    {"read-only-rule", "a rule of the view makes the path read-only", "see sluice policy explain"},
    {"not-passed-through", "a rule masks the file or shows only a part of it",
     "see sluice policy explain"},
    {"overridden", "a rule of the view says what this attribute is", "see sluice policy explain"},
    {"limit-names", "as many names were made there as a rule allows", "see sluice policy explain"},
    {"other-rules", "other rules hold at the new name", "copy it instead"},
    {"graft-place", "the place of a graft is not a directory of the source",
     "make the directory, or take \"none\" as the source"},
    {"socket-taken", "something else is at the path of the socket",
     "stop the other service, remove what is no socket, or listen at another path"},
    {"socket-directory", "others could put another socket in the place of the service's",
     "use a directory that only root can change, below ones that only root can change"},
    {"listen-fds", "the service was not started with one listening socket",
     "start it by a socket unit with one ListenSequentialPacket=, or use --listen PATH"},
    {"no-fuse-device", "there is no /dev/fuse",
     "load the module fuse (modprobe fuse); in a container, let it have /dev/fuse"},
    {"connection-not-fuse", "what was handed over is not open as /dev/fuse", "hand over the server's /dev/fuse"},
    {"connection-not-mounted", "the FUSE connection is not mounted, or the kernel does not say so",
     "mount it first; before Linux 6.16, have the service make it (sluice exec --mount)"},
    {"connection-foreign", "the FUSE connection is not mounted in the server's own mount namespace",
     "ask in the user and mount namespace that it was mounted in"},
    {"connection-taken", "the FUSE connection has a broker already", "use the session that there is"},
    {"file-mode", "the file is not open for reading, or for appending only",
     "open it O_RDONLY or O_RDWR, without O_APPEND and O_PATH"},
    {"file-filesystem", "the file's filesystem is of a type that grants are not given for",
     "use a file on ext4, xfs, btrfs, f2fs, bcachefs, zfs or tmpfs"},
    {"file-stacked", "the file is on FUSE or overlayfs, on which passthrough cannot stack",
     "use the file below it"},
    {"file-not-writable", "the server itself could not open the file for writing",
     "open it O_RDONLY, or give the server's user access"},
    {"peer-labelled", "a security module confines the server, and would not see what a grant writes",
     "open it O_RDONLY, or run the server unconfined"},
    {"limit-connections", "this host has as many FUSE connections of others as it may", "end a server"},
    {"limit-connections-of-user", "this user has as many FUSE connections as it may", "end a server"},
    {"device-nodes", "no device nodes are made there",
     "use --device-nodes, of a source (and grafts without :ro) that is mounted nodev"},
}};

const Entry& entry(Reason reason) {
  const auto index = static_cast<size_t>(reason);
  return kEntries[index < kReasons ? index : static_cast<size_t>(Reason::kProtocol)];
}

}  // namespace

std::string_view reason_name(Reason reason) { return entry(reason).name; }
std::string_view reason_text(Reason reason) { return entry(reason).text; }
std::string_view reason_remedy(Reason reason) { return entry(reason).remedy; }

}  // namespace sluice::core
