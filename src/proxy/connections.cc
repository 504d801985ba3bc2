#include "proxy/connections.h"

#include <cerrno>

#include "os/foreign.h"
#include "os/other_process.h"
#include "os/passed_file.h"
#include "os/service_link.h"

namespace sluice::proxy {

core::Result<sluice_session*> Connections::of(int device, const std::function<core::Result<os::Fd>()>& process_of) {
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (!os::same_open_file(entries_[i].device.get(), device)) continue;
    if (os::connection_ended(device)) {
      forget(i);
      break;
    }
    if (!entries_[i].process) {
      auto process = process_of();
      if (!process.ok()) return process.failure();
      entries_[i].process = *std::move(process);
      processes_[i] = entries_[i].process.get();
    }
    return entries_[i].session.get();
  }
  const auto number = os::connection_served_by(device);
  if (!number.ok()) return number.failure();
  for (size_t i = 0; i < entries_.size(); ++i) {
    // Another descriptor of it (FUSE_DEV_IOC_CLONE): while this one is held and its mount is there, no other
    // connection has the number.
    if (entries_[i].number == 0) {
      const auto known = os::connection_served_by(entries_[i].device.get());
      if (known.ok()) entries_[i].number = *known;
    }
    if (entries_[i].number != *number) continue;
    if (!os::connection_ended(entries_[i].device.get())) return entries_[i].session.get();
    forget(i);
    break;
  }
  if (entries_.size() == os::kMostWatched) return core::Failure{EMFILE, core::Reason::kLimitConnections};
  auto held = os::duplicate_privately(device);
  if (!held.ok()) return held.failure();
  auto process = process_of();
  if (!process.ok()) return process.failure();
  sluice_session* session = nullptr;
  if (const int error = sluice_open(device, socket_.c_str(), &session); error < 0) {
    return core::Failure{-error, core::Reason::kSystem};
  }
  processes_.push_back(process->get());
  entries_.push_back({*std::move(held), *std::move(process), *number, Session(session)});
  return session;
}

void Connections::add(os::Fd device, Session session) {
  processes_.push_back(-1);
  entries_.push_back({std::move(device), os::Fd(), 0, std::move(session)});
}

void Connections::end(uint64_t places) {
  for (size_t i = entries_.size(); i-- > 0;) {
    if ((places >> i & 1) != 0) forget(i);
  }
}

void Connections::forget(size_t place) {
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(place));
  processes_.erase(processes_.begin() + static_cast<std::ptrdiff_t>(place));
}

}  // namespace sluice::proxy
