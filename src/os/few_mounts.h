// A mount namespace with few mounts, for processes that make others which need none of the host's.
//
// Whatever the host has mounted, ten thousand views among it, is copied for each process that gets a mount namespace of its
// own, and taken off again when that changes its root: with many mounts that is most of what starting a view takes.
#pragma once

#include <span>

#include "os/fd.h"

namespace sluice::os {

// Whether this process has CAP_SYS_CHROOT, and may keep it.
bool may_go_to_mounts();

// Service, before there is any view. The namespace, kept by its descriptor alone: copies of what is mounted at /, /dev and /proc,
// of the devices that views are made with, and nothing else, tied to nothing of the host's, in which programs (borrowed) find
// what they are linked with. ENOENT: they do not, since a part of the system is a mount of its own. Needs CAP_SYS_ADMIN.
core::Result<Fd> few_mounts(std::span<const int> programs);

// Set-up process, once it needs no mount of the host's any more. Needs CAP_SYS_ADMIN and CAP_SYS_CHROOT (setns(2)). This process
// alone goes there, and what it starts from then on.
core::Outcome go_to_mounts(int mount_namespace);

}  // namespace sluice::os
