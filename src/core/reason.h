// The closed list of reasons for which something is refused or ends. PURE.
//
// Every refusal in every process carries one of these; the wire carries the number, logs and
// messages print its name (core/reason_text.h). Numbers are part of the protocol: append, never reorder.
#pragma once

#include <cstdint>

namespace sluice::core {

enum class Reason : uint32_t {
  kNone = 0,
  kSystem,               // a system call failed; the errno says how
  kProtocol,             // a message is malformed, or not allowed now
  kVersion,              // the peer speaks another version
  kNotPermitted,         // this peer may not ask for this
  kIdentityRoot,         // root: of a view as that identity, or of a FUSE server
  kSourceNotDirectory,   // the source is not a directory
  kSourceNotPathFd,      // the source fd was not opened with O_PATH
  kSourceForeignMount,   // the source is in a mount namespace the service cannot clone from
  kSourceFilesystem,     // the source's filesystem type is not on the allow-list
  kSourceStacked,        // the source is FUSE or overlayfs: passthrough cannot stack on it
  kKernelNoPassthrough,  // the kernel does not offer FUSE passthrough
  kProtectionMissing,    // the kernel lacks a protection that the administrator did not allow to be missing
  kLimitViews,           // views on this host
  kLimitViewsOfUser,     // views of this user
  kLimitGrants,          // grants of this connection
  kLimitRules,           // number or size of rules
  kRuleSyntax,           // a pattern cannot be compiled
  kHidden,               // a rule hides the path
  kReadOnlyView,         // writing in a read-only view
  kNotRegular,           // not a regular file
  kNotSameFile,          // the path leads to another file, or is in another directory, than the one meant
  kOutsideRoot,          // the path leaves the root, crosses a mount or follows a link
  kPathMalformed,        // empty, absolute, "..", "//", NUL or too long
  kImmutable,            // immutable or append-only: the kernel would not enforce it
  kGrantUnknown,         // no such grant on this connection
  kGrantNotWritable,     // the grant is not open for writing
  kGrantReadOnly,        // the file is open through a read-only grant and now wanted for writing
  kChildFailed,          // the broker or the worker did not come up
  kTimeout,              // a peer or a child did not answer in time
  kNoSuchView,           // no view of that name or target
  kConfinementViolated,  // a confined process was killed by its seccomp policy
  kNameTaken,            // another view has that name
  kSourceUnreadable,     // the view's user may not search the source
  kLimitSetups,          // peers that are being served at this moment
  kLimitGrantsOfUser,    // the grants of this user's views are all shared out
  kDenied,               // a rule denies it
  kReadOnlyRule,         // a rule makes the path read-only
  kNotPassedThrough,     // a rule masks the file or shows a part of it: there is no grant for it
  kOverridden,           // a rule says what this attribute is
  kLimitNames,           // names made below what a rule covers
  kOtherRules,           // other rules hold at the new name
  kGraftPlace,           // a graft's place is not a directory of the source
  kSocketTaken,          // something else is at the socket's path
  kSocketDirectory,      // others could put another socket in the place of ours
  kListenFds,            // what the service was started with is not one listening socket
  kNoFuseDevice,         // there is no /dev/fuse
  kConnectionNotFuse,    // a foreign connection: what was handed over is not open as /dev/fuse
  kConnectionNotMounted, // it is not mounted, or the kernel does not say
  kConnectionForeign,    // it is not mounted in the peer's mount namespace, or that belongs to others
  kConnectionTaken,      // it has a broker already
  kFileMode,             // the file is not open for reading, or for appending only: a grant would be more
  kFileFilesystem,       // the file's filesystem type is not on the allow-list
  kFileStacked,          // the file is on FUSE or overlayfs: passthrough cannot stack on it
  kFileNotWritable,      // the peer itself could not open the file for writing
  kPeerLabelled,         // a security module confines the peer, and would not see what a grant writes
  kLimitConnections,     // foreign connections on this host
  kLimitConnectionsOfUser,  // foreign connections of this user
  kDeviceNodes,          // the view makes no device nodes, or what it would make them on is not mounted nodev
  kCount
};

}  // namespace sluice::core
