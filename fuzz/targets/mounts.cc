// What statmount and listmount tell of mounts, where somebody else chose how many there are, what
// they are called and when they go: any numbers and offsets, in any order.
//
// The kernel's answers come by syscall(2), which fuzz/CMakeLists.txt puts a function of this file
// in the place of.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "fuzz/target.h"
#include "os/foreign.h"
#include "os/kernel_abi_more.h"
#include "os/mount.h"
#include "os/passed_file.h"

using namespace sluice;

namespace {

constexpr size_t kMostCalls = 64;
constexpr uint32_t kFuse = 0x65735546;

struct Kernel {
  fuzz::Choices& choices;
  uint32_t number;  // of the mount that is looked for
  size_t calls = 0;
  std::set<uint64_t> listed{};
  bool told = false;  // a record that fits was given

  long list(uint64_t* ids, size_t most) {
    if (++calls > kMostCalls) return 0;
    const uint8_t kind = choices.byte();
    if (kind % 32 == 31) return fail();
    const size_t count = kind % 32 == 30 ? most : std::min<size_t>(kind % 8, most);
    for (size_t i = 0; i < count; ++i) listed.insert(ids[i] = 1 + choices.byte());
    return static_cast<long>(count);
  }
  long look(const os::abi::MntIdReq& request, uint8_t* record, size_t size) {
    if (choices.byte() % 16 == 15) return fail();
    os::abi::Statmount mount{};
    const uint8_t kind = choices.byte();
    mount.size = static_cast<uint32_t>(size);
    mount.mask = kind % 8 == 7 ? choices.number() : request.param;
    mount.sb_magic = kind % 4 == 3 ? choices.number() : kFuse;
    mount.sb_dev_major = kind % 16 == 14 ? choices.byte() : 0;
    mount.sb_dev_minor = kind % 4 == 2 ? choices.byte() : number;
    mount.mnt_id_old = kind % 4 == 1 ? choices.byte() : number;
    mount.mnt_point = kind % 8 == 5 ? static_cast<uint32_t>(choices.number()) : choices.byte();
    if (size > sizeof(mount)) std::memset(record + sizeof(mount), 'p', size - sizeof(mount));
    std::memcpy(record, &mount, std::min(size, sizeof(mount)));
    if (size > sizeof(mount) && kind % 8 != 6) {
      const std::string_view text = choices.text(200);
      std::memcpy(record + sizeof(mount), text.data(), text.size());
      record[sizeof(mount) + text.size()] = 0;
    }
    told = told ||
           (mount.sb_magic == kFuse && mount.sb_dev_major == 0 && mount.sb_dev_minor == number);
    return 0;
  }

 private:
  long fail() {
    static constexpr int kErrors[] = {ENOENT, EPERM, EOVERFLOW, ENOSYS};
    errno = choices.one_of(kErrors);
    return -1;
  }
};

Kernel* g_kernel = nullptr;

}  // namespace

// Six words, as syscall(2) takes them from where its callers put theirs, however many they are.
extern "C" long __real_syscall(long number, long, long, long, long, long, long);
extern "C" long __wrap_syscall(long number, long, long, long, long, long, long);
extern "C" long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f) {
  const bool lists = number == os::abi::kSysListmount, looks = number == os::abi::kSysStatmount;
  if (g_kernel == nullptr || !(lists || looks)) return __real_syscall(number, a, b, c, d, e, f);
  const auto& request = *reinterpret_cast<const os::abi::MntIdReq*>(a);
  FUZZ_HOLDS(request.size == sizeof(request));
  return lists ? g_kernel->list(reinterpret_cast<uint64_t*>(b), static_cast<size_t>(c))
               : g_kernel->look(request, reinterpret_cast<uint8_t*>(b), static_cast<size_t>(c));
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const int root = ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  fuzz::Choices choices(data, size);
  const uint8_t what = choices.byte();
  Kernel kernel{choices, 45};
  if (what % 4 == 1) kernel.number = *os::mount_number(root);
  g_kernel = &kernel;
  switch (what % 4) {
    case 0: {
      const auto point = os::mountpoint_in({os::Fd(), choices.number()}, kernel.number);
      // Never of a mount that is not the connection's; and a text that ends.
      if (point.ok())
        FUZZ_HOLDS(kernel.told && point->size() <= 4096 && point->find('\0') == std::string::npos);
      break;
    }
    case 1:
      if (const auto id = os::unique_id_of_attached(root); id.ok())
        FUZZ_HOLDS(kernel.listed.count(*id) == 1);
      break;
    case 2:
      (void)os::mount_number_of(choices.number());
      break;
    default:
      (void)os::filesystem_magic(choices.flag() ? root : -1);
      (void)os::filesystem_in_namespace(choices.flag() ? root : -1, choices.number());
  }
  g_kernel = nullptr;
  return 0;
}
