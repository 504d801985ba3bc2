#include "sandbox/confine.h"

#include <cap-ng.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/fd.h"

namespace sluice::sandbox {

static_assert(sizeof(Instruction) == sizeof(struct sock_filter));

core::Outcome keep_capabilities(std::span<const int> keep) {
  constexpr unsigned long kLocked =
      SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
      SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) return os::failure();
  // SETPCAP is needed for this one call, where a process still has it; without it the securebits
  // stay as they are and the empty bounding set already says the same.
  if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) &&
      ::prctl(PR_SET_SECUREBITS, kLocked, 0, 0, 0) < 0) {
    return os::failure();
  }
  capng_clear(CAPNG_SELECT_CAPS);
  for (const int capability : keep) {
    if (capng_update(CAPNG_ADD, static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
                     static_cast<unsigned>(capability)) != 0) {
      return core::Failure{EPERM, core::Reason::kSystem};
    }
  }
  if (capng_apply(CAPNG_SELECT_CAPS) != 0) return core::Failure{EPERM, core::Reason::kSystem};
  return core::Done{};
}

core::Outcome install_filter(std::span<const Instruction> program) {
  struct sock_fprog filter {};
  filter.len = static_cast<unsigned short>(program.size());
  filter.filter = reinterpret_cast<struct sock_filter*>(const_cast<Instruction*>(program.data()));
  const long result = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
  if (result > 0) return core::Failure{EBUSY, core::Reason::kSystem};  // a thread could not follow
  return os::checked(result);
}

}  // namespace sluice::sandbox
