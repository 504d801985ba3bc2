// Runs a command with Landlock rules about paths, as a program that restricts itself would: setpriv
// of util-linux can do so from 2.40 on, which Debian 12 does not have.
//   landlock_rules [--list PATH | --read PATH | --write PATH]... -- COMMAND...
// list: a directory may be listed; read: also read and executed what is below; write: everything.
// What no rule names is denied, as far as this kernel's Landlock can.
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>

namespace {

constexpr int kFailed = 125;
constexpr uint64_t kList = LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kRead = kList | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE;
constexpr uint64_t kFirstVersion = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
// What a rule about something else than a directory may hold.
constexpr uint64_t kOfFiles = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                              LANDLOCK_ACCESS_FS_READ_FILE | (1ULL << 14) | (1ULL << 15);

int give_up(const char* what) {
  std::perror(what);
  return kFailed;
}

uint64_t handled_by(long version) {
  uint64_t handled = kFirstVersion;
  if (version >= 2) handled |= 1ULL << 13;  // REFER
  if (version >= 3) handled |= 1ULL << 14;  // TRUNCATE
  if (version >= 5) handled |= 1ULL << 15;  // IOCTL_DEV
  return handled;
}

}  // namespace

int main(int count, char** words) {
  const long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return give_up("landlock");
  struct landlock_ruleset_attr attributes {};
  attributes.handled_access_fs = handled_by(version);
  const int rules =
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0));
  if (rules < 0) return give_up("landlock_create_ruleset");
  int at = 1;
  for (; at + 1 < count && std::strcmp(words[at], "--") != 0; at += 2) {
    uint64_t allowed = attributes.handled_access_fs;
    if (std::strcmp(words[at], "--list") == 0) {
      allowed = kList;
    } else if (std::strcmp(words[at], "--read") == 0) {
      allowed = kRead;
    } else if (std::strcmp(words[at], "--write") != 0) {
      std::fprintf(stderr, "%s is no rule\n", words[at]);
      return kFailed;
    }
    const int fd = ::open(words[at + 1], O_PATH | O_CLOEXEC);
    struct stat stat;
    if (fd < 0 || ::fstat(fd, &stat) < 0) return give_up(words[at + 1]);
    if (!S_ISDIR(stat.st_mode)) allowed &= kOfFiles & attributes.handled_access_fs;
    const struct landlock_path_beneath_attr rule = {allowed, fd};
    if (::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0) {
      return give_up("landlock_add_rule");
    }
    ::close(fd);
  }
  if (at + 1 >= count) {
    std::fputs(
        "usage: landlock_rules [--list PATH | --read PATH | --write PATH]... -- COMMAND...\n",
        stderr);
    return kFailed;
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return give_up("no_new_privs");
  if (::syscall(SYS_landlock_restrict_self, rules, 0) < 0) return give_up("landlock_restrict_self");
  ::execvp(words[at + 1], words + at + 1);
  return give_up(words[at + 1]);
}
