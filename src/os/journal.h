// Where the journal is: systemd-journald(8).
#pragma once

#include "os/fd.h"

namespace sluice::os {

// A socket to it, where standard error is its stream: `stream` is JOURNAL_STREAM, which names device
// and inode, so that a variable that was inherited does not lead what is logged elsewhere. Never waits.
core::Result<Fd> journal_behind(int standard_error, const char* stream);

}  // namespace sluice::os
