#include "os/notify.h"

#include <cap-ng.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "os/ioctl_filter.h"
#include "os/kernel_abi.h"

namespace sluice::os {
namespace {

// include/uapi/linux/seccomp.h, Linux 6.6
constexpr unsigned long kSetFlags = SECCOMP_IOW(4, __u64);
constexpr unsigned long kSyncWakeUp = 1;

constexpr auto kOpen = static_cast<uint32_t>(abi::kFuseBackingOpen);
constexpr auto kClose = static_cast<uint32_t>(abi::kFuseBackingClose);

constexpr auto kProgram = ioctl_filter(kOpen, kClose, SECCOMP_RET_USER_NOTIF);

core::Outcome respond(int listener, const struct seccomp_notif_resp& answer) {
  return checked(::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer));
}

}  // namespace

std::span<const struct sock_filter> notification_program() { return kProgram; }

core::Result<Fd> install_notification() {
  const struct sock_fprog filter {kProgram.size(), const_cast<struct sock_filter*>(kProgram.data())};
  constexpr unsigned long kFlags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  auto listener = checked_fd(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, kFlags, &filter));
  // The caller waits for the supervisor and the supervisor for the caller: they take turns on one processor,
  // instead of waking another. Without it (before Linux 6.6) it takes longer.
  if (listener.ok()) (void)::ioctl(listener->get(), kSetFlags, kSyncWakeUp);
  return listener;
}

void let_trace_me(pid_t process) { ::prctl(PR_SET_PTRACER, process, 0, 0, 0); }

bool has_namespace_admin() { return capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN) != 0; }

core::Outcome keep_capabilities_over_exec() {
  if (capng_get_caps_process() != 0) return failure();
  for (int capability = 0; capability <= CAP_LAST_CAP; ++capability) {
    if (!capng_have_capability(CAPNG_PERMITTED, static_cast<unsigned>(capability))) continue;
    capng_update(CAPNG_ADD, CAPNG_INHERITABLE, static_cast<unsigned>(capability));
  }
  if (capng_apply(CAPNG_SELECT_CAPS) != 0) return failure();
  for (int capability = 0; capability <= CAP_LAST_CAP; ++capability) {
    if (!capng_have_capability(CAPNG_PERMITTED, static_cast<unsigned>(capability))) continue;
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0) return failure();
  }
  return core::Done{};
}

bool may_trace_namespace() { return capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_PTRACE) != 0; }

core::Result<Notification> next_notification(int listener) {
  struct seccomp_notif asked {};
  while (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0) {
    if (errno != EINTR) return failure();
  }
  return Notification{asked.id, static_cast<pid_t>(asked.pid), static_cast<int>(asked.data.args[0]),
                      static_cast<uint32_t>(asked.data.args[1]) == kOpen, asked.data.args[2]};
}

bool still_waits(int listener, uint64_t id) { return ::ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0; }

core::Outcome answer_call(int listener, uint64_t id, int value, int error) {
  struct seccomp_notif_resp answer {};
  answer.id = id;
  answer.val = value;
  answer.error = -error;
  return respond(listener, answer);
}

core::Outcome let_call_go_on(int listener, uint64_t id) {
  struct seccomp_notif_resp answer {};
  answer.id = id;
  answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  return respond(listener, answer);
}

}  // namespace sluice::os
