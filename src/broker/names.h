// Names of what exists: taken away, moved, given to something else. By a name a file is hidden or not, so
// that whoever could move names past the rules would need no grant past them.
//
// Broker only, from the thread of the read-write domain. Paths are valid_relative and the worker's; what
// is at each is looked at here, and the rules are asked here. ESTALE where a path leads elsewhere than
// the worker means: a directory may have been moved behind the view.
#pragma once

#include <string_view>

#include "broker/view.h"
#include "core/ledger.h"
#include "core/result.h"
#include "os/fd.h"
#include "os/file.h"

namespace sluice::broker {

// A path, and the directory that the worker means it to be in; without a number: whichever it is in.
struct NamePath {
  std::string_view path;
  core::FileId directory;
};

class Names {
 public:
  // Both borrowed.
  Names(const View& view, Rulebook& book) : view_(view), book_(book) {}

  core::Outcome remove(NamePath path, bool directory);
  // flags: of renameat2(2). EXDEV where other rules hold at the new name.
  core::Outcome rename(NamePath from, NamePath to, uint32_t flags);
  core::Outcome link(std::string_view from, core::FileId file, NamePath to);
  // Of a file that has no name, open for writing.
  core::Outcome link(const os::Fd& file, NamePath to);
  core::Outcome symlink(std::string_view target, NamePath path);
  // mode: of a device, and without the set-ID bits. device: as mknod(2) has it. It belongs to the broker's own uid.
  core::Outcome make_device(NamePath path, uint32_t mode, uint32_t device);

 private:
  // A name, and what is there while the lock is held.
  struct Entry {
    std::string_view path;
    os::Fd parent;
    std::string_view name;
    os::Fd held;  // O_PATH; none: there is nothing
    os::Stat stat;
    core::Verdicts verdicts;

    bool is_directory() const { return held && S_ISDIR(stat.stx_mode); }
    const core::Decision& decision() const { return verdicts.of(is_directory()); }
  };
  core::Result<Entry> look(NamePath path);
  // Where something is to be made.
  core::Result<Entry> look_for_new(NamePath path);
  // It is made there, under the lock. make: of the directory and the name.
  template <typename Make>
  core::Outcome add(NamePath path, Make make);
  core::Outcome may_move(const Entry& from, const Entry& to);

  const View& view_;
  Rulebook& book_;
};

}  // namespace sluice::broker
