// A seccomp program about two ioctl requests, and about nothing else that a process does.
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace sluice::os {

// action: what becomes of the two (SECCOMP_RET_*), by any of the ABIs that this processor has; all else is allowed. The
// kernel reads the lower half of a request's number, and so does this.
constexpr std::array<struct sock_filter, 13> ioctl_filter(uint32_t one, uint32_t other, uint32_t action) {
  constexpr uint32_t kArchitecture = offsetof(struct seccomp_data, arch);
  constexpr uint32_t kNumber = offsetof(struct seccomp_data, nr);
  constexpr uint32_t kRequest = offsetof(struct seccomp_data, args[1]);  // its lower half, little-endian
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
#if defined(__x86_64__)
  constexpr uint32_t kNative = AUDIT_ARCH_X86_64, kOld = AUDIT_ARCH_I386, kOldIoctl = 54;
  constexpr uint32_t kOtherIoctl = 0x40000000 + 514;  // x32
#elif defined(__aarch64__)
  constexpr uint32_t kNative = AUDIT_ARCH_AARCH64, kOld = AUDIT_ARCH_ARM, kOldIoctl = 54;
  constexpr uint32_t kOtherIoctl = SYS_ioctl;
#else
#error "which numbers ioctl has here"
#endif
  return {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kArchitecture),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kNative, 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kOld, 0, 8),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNumber),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kOldIoctl, 3, 6),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNumber),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kOtherIoctl, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kRequest),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, one, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, other, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, action),
  }};
}

}  // namespace sluice::os
