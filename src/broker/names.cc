#include "broker/names.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "core/filter.h"
#include "wire/broker_message.h"

namespace sluice::broker {

using core::Failure;
using core::Operation;
using core::Reason;

core::Result<Names::Entry> Names::look(NamePath path) {
  const core::Place place = core::place_of(view_.grafts, path.path);
  if (place.rest.empty()) return Failure{EBUSY, Reason::kGraftPlace};  // a root stays what it is
  const size_t slash = place.rest.rfind('/') + 1;  // 0 where there is none
  auto parent = os::open_beneath(view_.roots_rw[place.root], place.rest.substr(0, slash), O_PATH | O_DIRECTORY);
  if (!parent.ok()) return parent.failure();
  auto stat = os::stat_held(parent->get());
  if (!stat.ok()) return stat.failure();
  if (path.directory.ino != 0 && !os::is_file(*stat, path.directory)) return Failure{ESTALE, Reason::kNotSameFile};
  Entry entry{path.path, *std::move(parent), place.rest.substr(slash), {}, {}, book_.decide(path.path)};
  auto held = os::open_beneath(entry.parent.get(), entry.name, O_PATH);
  if (!held.ok()) {
    // What is hidden is not there, whatever it is: a mount point tells by another error.
    if (book_.rules().hides(entry.verdicts.file) || book_.rules().hides(entry.verdicts.directory)) return entry;
    if (held.failure().error == ENOENT) return entry;
    return held.failure();
  }
  stat = os::stat_held(held->get());
  if (!stat.ok()) return stat.failure();
  entry.held = *std::move(held);
  entry.stat = *stat;
  return entry;
}

core::Result<Names::Entry> Names::look_for_new(NamePath path) {
  auto entry = look(path);
  if (!entry.ok()) return entry;
  const auto may = core::before(book_.rules(), entry->verdicts.file, Operation::kMake);
  if (!may.ok()) return may.failure();
  return entry;
}

// A directory only goes where the same rules hold for all that is below it; otherwise it would have to
// be copied, and a copy takes along only what can be seen.
core::Outcome Names::may_move(const Entry& from, const Entry& to) {
  const core::Rules& rules = book_.rules();
  if (auto may = core::before(rules, from.decision(), Operation::kRemove); !may.ok()) return may;
  // First, so that no other answer tells by its kind that something hidden is there.
  if (to.held ? rules.hides(to.decision())
              : rules.hides(to.verdicts.file) || rules.hides(to.verdicts.directory)) {
    return Failure{EACCES, Reason::kHidden};
  }
  const core::Decision& then = to.verdicts.of(from.is_directory());
  if (auto may = core::before(rules, then, Operation::kMake); !may.ok()) return may;
  const bool same = rules.resolve(from.decision()) == rules.resolve(then) &&
                    (!from.is_directory() || book_.matcher().same_below(from.path, to.path));
  return same ? core::Outcome(core::Done{}) : Failure{EXDEV, Reason::kOtherRules};
}

core::Outcome Names::remove(NamePath path, bool directory) {
  const std::lock_guard lock(book_.mutex);
  auto entry = look(path);
  if (!entry.ok()) return entry.failure();
  if (auto may = core::before(book_.rules(), entry->decision(), Operation::kRemove); !may.ok()) return may;
  return os::remove_name(entry->parent.get(), entry->name, directory);
}

core::Outcome Names::rename(NamePath from_path, NamePath to_path, uint32_t flags) {
  const std::lock_guard lock(book_.mutex);
  // By its place the paths below a graft are told apart.
  for (const NamePath& each : {from_path, to_path}) {
    if (core::leads_to_graft(view_.grafts, each.path)) return Failure{EBUSY, Reason::kGraftPlace};
  }
  auto from = look(from_path);
  if (!from.ok()) return from.failure();
  auto to = look(to_path);
  if (!to.ok()) return to.failure();
  const bool exchange = (flags & wire::kRenameExchange) != 0;
  if (auto may = may_move(*from, *to); !may.ok()) return may;
  // What comes to be there from now on is not what the verdict is about.
  if (!from->held || (exchange && !to->held)) return Failure{ENOENT, Reason::kSystem};
  if (to->held) {
    auto may = core::before(book_.rules(), to->decision(), Operation::kMake);
    if (may.ok() && exchange) may = may_move(*to, *from);
    if (!may.ok()) return may;
  }
  return os::rename_name(from->parent.get(), from->name, to->parent.get(), to->name, flags);
}

core::Outcome Names::link(std::string_view from_path, core::FileId file, NamePath to_path) {
  const std::lock_guard lock(book_.mutex);
  auto from = look({from_path, {}});
  if (!from.ok()) return from.failure();
  if (!from->held || !os::is_file(from->stat, file)) return Failure{ESTALE, Reason::kNotSameFile};
  auto to = look_for_new(to_path);
  if (!to.ok()) return to.failure();
  const core::Rules& rules = book_.rules();
  if (auto may = core::before(rules, from->decision(), Operation::kLook); !may.ok()) return may;
  if (!(rules.resolve(from->decision()) == rules.resolve(to->verdicts.file))) {
    return Failure{EXDEV, Reason::kOtherRules};
  }
  return os::make_link_held(from->held.get(), to->parent.get(), to->name);
}

template <typename Make>
core::Outcome Names::add(NamePath path, Make make) {
  const std::lock_guard lock(book_.mutex);
  auto at = look_for_new(path);
  if (!at.ok()) return at.failure();
  return make(at->parent.get(), at->name);
}

core::Outcome Names::link(const os::Fd& file, NamePath to) {
  return add(to, [&](int directory, std::string_view name) -> core::Outcome {
    auto stat = os::stat_held(file.get());
    if (!stat.ok()) return stat.failure();
    // By a name that it has, other rules may hold for it.
    if (stat->stx_nlink != 0) return Failure{EPERM, Reason::kNotSameFile};
    return os::make_link_held(file.get(), directory, name);
  });
}

core::Outcome Names::symlink(std::string_view target, NamePath path) {
  return add(path, [&](int directory, std::string_view name) { return os::make_symlink(target, directory, name); });
}

core::Outcome Names::make_device(NamePath path, uint32_t mode, uint32_t device) {
  if (!view_.device_nodes) return Failure{EPERM, Reason::kDeviceNodes};
  if ((!S_ISCHR(mode) && !S_ISBLK(mode)) || (mode & ~(S_IFMT | 01777u)) != 0) return Failure{EINVAL, Reason::kProtocol};
  return add(path, [&](int directory, std::string_view name) { return os::make_node(directory, name, mode, device); });
}

}  // namespace sluice::broker
