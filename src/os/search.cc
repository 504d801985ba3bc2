#include "os/search.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/fsuid.h>

#include "os/fd.h"

namespace sluice::os {

bool may_search(int directory, uint32_t uid, uint32_t gid, std::span<const uint32_t> groups) {
  if (::setgroups(groups.size(), groups.data()) < 0) return false;
  // With this uid it has none of the capabilities over files either (capabilities(7)), until it is root's again.
  const int own_group = ::setfsgid(gid), own = ::setfsuid(uid);
  const Fd itself(::openat(directory, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  ::setfsuid(static_cast<uid_t>(own));
  ::setfsgid(static_cast<gid_t>(own_group));
  return ::setgroups(0, nullptr) == 0 && itself;
}

}  // namespace sluice::os
