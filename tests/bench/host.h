// How slow this machine is where bars in milliseconds were set for another.
#pragma once

namespace sluicebench {

// How many milliseconds it takes here to start a program and to see it end, at least 1, which is taken for what is usual.
// In a virtual machine of some kinds each page that is touched first takes 20 us, and so does all that starts or fills memory.
double HostFactor();

}  // namespace sluicebench
