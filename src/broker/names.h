// Names of what exists: taken away, moved, given to something else. By a name a file is hidden or not, so
// that whoever could move names past the rules would need no grant past them.
//
// Broker only, from the thread of the read-write domain. Paths are valid_relative and the worker's; what
// is at each is looked at here, and the rules are asked here.
#pragma once

#include <string_view>

#include "broker/view.h"
#include "core/ledger.h"
#include "core/result.h"
#include "os/fd.h"
#include "os/file.h"

namespace sluice::broker {

class Names {
 public:
  // Both borrowed.
  Names(const View& view, Rulebook& book) : view_(view), book_(book) {}

  core::Outcome remove(std::string_view path, bool directory);
  // flags: of renameat2(2). EXDEV where other rules hold at the new name.
  core::Outcome rename(std::string_view from, std::string_view to, uint32_t flags);
  // ESTALE where `from` leads to another file than the one meant.
  core::Outcome link(std::string_view from, core::FileId file, std::string_view to);
  // Of a file without a name, open for writing.
  core::Outcome link(const os::Fd& file, std::string_view to);
  core::Outcome symlink(std::string_view target, std::string_view path);

 private:
  // A name, and what is there while the lock is held.
  struct Entry {
    std::string_view path;
    uint32_t root;
    os::Fd parent;
    std::string_view name;
    os::Fd held;  // O_PATH; none: there is nothing
    os::Stat stat;
    core::Verdicts verdicts;

    bool is_directory() const { return held && S_ISDIR(stat.stx_mode); }
    const core::Decision& decision() const { return verdicts.of(is_directory()); }
  };
  core::Result<Entry> look(std::string_view path);
  // Where something is to be made.
  core::Result<Entry> look_for_new(std::string_view path);
  core::Outcome may_move(const Entry& from, const Entry& to);

  const View& view_;
  Rulebook& book_;
};

}  // namespace sluice::broker
