#include "fuzz/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <thread>

#include "fuzz/target.h"

namespace sluice::fuzz {
namespace {

// No file grows beyond it: a length that is asked for costs memory.
constexpr rlim_t kMostFileBytes = 16 << 20;

int g_real_root = -1, g_real_directory = -1;
thread_local bool t_is_inside = false;

// The engine writes what it found from the thread that failed.
void leave() {
  if (t_is_inside && ::fchdir(g_real_root) == 0 && ::chroot(".") == 0)
    (void)!::fchdir(g_real_directory);
}

struct Turn {
  std::mutex mutex;
  std::condition_variable changed;
  const std::function<void()>* step = nullptr;
};
Turn& turn() {
  static Turn* const the = new Turn;  // outlives the thread, which ends with the process
  return *the;
}

std::string new_directory() {
  const char* base = std::getenv("SLUICE_FUZZ_SCRATCH");
  std::string name = std::string(base != nullptr                   ? base
                                 : ::access("/dev/shm", W_OK) == 0 ? "/dev/shm"
                                                                   : "/tmp") +
                     "/sluice-fuzz-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) wrong("a scratch directory", __FILE__, __LINE__);
  ::chmod(name.c_str(), 0755);
  return name;
}

void remove_below(int parent, const char* name) {
  if (::unlinkat(parent, name, 0) == 0 || errno == ENOENT) return;
  const int directory = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0) return;
  DIR* const list = ::fdopendir(directory);
  while (const struct dirent* entry = ::readdir(list)) {
    if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0) {
      remove_below(directory, entry->d_name);
    }
  }
  ::closedir(list);
  ::unlinkat(parent, name, AT_REMOVEDIR);
}

}  // namespace

// Called by the sanitizers before they report.
extern "C" void __asan_on_error();
extern "C" void __asan_on_error() { leave(); }
extern "C" void __ubsan_on_report();
extern "C" void __ubsan_on_report() { leave(); }

Scratch* Scratch::get() {
  static Scratch* const the = [] {
    if (::geteuid() != 0) {
      std::fprintf(
          stderr,
          "this target changes files and needs a root directory of its own: run it as root\n");
      return static_cast<Scratch*>(nullptr);
    }
    return new Scratch;
  }();
  return the;
}

Scratch::Scratch() : path_(new_directory()) {
  static std::string gone_at_the_end;
  gone_at_the_end = path_;
  std::atexit([] {
    std::error_code ignored;
    std::filesystem::remove_all(gone_at_the_end, ignored);
  });
  struct rlimit limit;
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0) {
    limit.rlim_cur = std::min(kMostFileBytes, limit.rlim_max);
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ::signal(SIGXFSZ, SIG_IGN);
  g_real_root = ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  g_real_directory = ::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  before_the_end = leave;
  std::thread([this] { serve(); }).detach();
}

void Scratch::serve() {
  // Of this thread alone from here on.
  if (::unshare(CLONE_FS) != 0 || ::chroot(path_.c_str()) != 0 || ::chdir("/") != 0) {
    wrong("a root directory of its own", __FILE__, __LINE__);
  }
  t_is_inside = true;
  ::umask(022);
  for (;;) {
    std::unique_lock lock(turn().mutex);
    turn().changed.wait(lock, [] { return turn().step != nullptr; });
    (*turn().step)();
    turn().step = nullptr;
    turn().changed.notify_all();
  }
}

void Scratch::run(const std::function<void()>& step) {
  std::unique_lock lock(turn().mutex);
  turn().step = &step;
  turn().changed.notify_all();
  turn().changed.wait(lock, [] { return turn().step == nullptr; });
}

void make_empty(const std::string& directory) {
  remove_below(AT_FDCWD, directory.c_str());
  ::mkdir(directory.c_str(), 0755);
}

void write_file(const std::string& path, std::string_view text, unsigned mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  FUZZ_HOLDS(fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  ::close(fd);
}

std::string read_file(const std::string& path) {
  std::string text(256, '\0');
  const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return {};
  const ssize_t length = ::read(fd, text.data(), text.size());
  ::close(fd);
  text.resize(length < 0 ? 0 : static_cast<size_t>(length));
  return text;
}

unsigned long inode_of(const std::string& path) {
  struct stat stat;
  return ::lstat(path.c_str(), &stat) == 0 ? stat.st_ino : 0;
}

}  // namespace sluice::fuzz
