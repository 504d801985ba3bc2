// In the place of the kernel's two ioctls (os/backing.h): what the broker grants is looked at, and
// refused where it must not be granted at all.
#pragma once

#include <cstddef>
#include <functional>

namespace sluice::fuzz {

// Called with each descriptor that is granted, by the thread that grants.
void on_grant(std::function<void(int fd)> look);
// Grants that are not closed.
size_t open_grants();
void forget_grants();
// The kernel refuses all, until told otherwise.
void refuse_grants(bool refuse);

}  // namespace sluice::fuzz
