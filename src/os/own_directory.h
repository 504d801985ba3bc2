// A directory in which nobody else can put anything in the place of what this process expects there.
#pragma once

#include <string>
#include <string_view>

#include "os/fd.h"

namespace sluice::os {

// Service, at its start. O_PATH, reached without a link on the way. Made where it is not there; it is root's, and nobody else
// may look into it; all above it is root's or this user's, so that the path stays what is checked here: kSocketDirectory otherwise.
core::Result<Fd> hold_own_directory(std::string_view path);

// A directory and all above it are root's or this user's, and others are let in with the sticky bit at the most: who can move
// one of them can put another in its place. directory: borrowed.
core::Outcome check_directories(int directory);

// Service. An empty file of this user's in a directory that is held, made where it is not there, which nobody else may
// open; as long as it is held no other process gets it: EBUSY. EPERM: it is somebody else's, or something else.
core::Result<Fd> lock_in(int directory, const char* name);

}  // namespace sluice::os
