// Prints what a user can find out about a view of a tree, one fact a line: two views whose sources
// differ in hidden names alone must give the same.
//   look_about VIEW FACT...
//     listing   names and types, in order; links, size and cookies of directories
//     calls     what calls say of hidden names, whether there are such or not
//     space     statfs
//     watch     events of inotify and fanotify; says "watching", and waits for a line
#include <dirent.h>
#include <fcntl.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

// The directories of the tree that are seen.
constexpr const char* kDirectories[] = {".", "mixed", "files", "hidden", "many", "mixed/seen"};
// Each is there in the one source and not in the other.
constexpr const char* kHiddenNames[] = {
    "mixed/a.hidden", "files/a.hidden", "hidden/a.hidden",   "secret",
    "secret/below",   "mixed/secret",   "mixed/secret/below"};

void print_result(const std::string& what, long result) {
  std::printf("%s: %s\n", what.c_str(), result < 0 ? ::strerrorname_np(errno) : "done");
}

void print_listing(const std::string& view) {
  for (const char* directory : kDirectories) {
    DIR* stream = ::opendir((view + "/" + directory).c_str());
    if (stream == nullptr) print_result(std::string("opendir ") + directory, -1);
    while (const dirent* entry = stream == nullptr ? nullptr : ::readdir(stream)) {
      std::printf("listing %s: %s %d\n", directory, entry->d_name, entry->d_type);
    }
    if (stream != nullptr) ::closedir(stream);
  }
}

void print_links(const std::string& view) {
  for (const char* directory : kDirectories) {
    struct stat stat {};
    print_result(std::string("stat ") + directory, ::stat((view + "/" + directory).c_str(), &stat));
    std::printf("links %s: %lu\n", directory, static_cast<unsigned long>(stat.st_nlink));
  }
}

void print_size(const std::string& view) {
  for (const char* directory : kDirectories) {
    struct stat stat {};
    const int fd = ::open((view + "/" + directory).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    print_result(std::string("fstat ") + directory, ::fstat(fd, &stat));
    std::printf("size %s: %ld, %ld blocks, ends at %ld\n", directory,
                static_cast<long>(stat.st_size), static_cast<long>(stat.st_blocks),
                static_cast<long>(::lseek(fd, 0, SEEK_END)));
    ::close(fd);
  }
}

void print_cookies(const std::string& view) {
  for (const char* directory : kDirectories) {
    DIR* stream = ::opendir((view + "/" + directory).c_str());
    if (stream == nullptr) print_result(std::string("opendir ") + directory, -1);
    while (const dirent* entry = stream == nullptr ? nullptr : ::readdir(stream)) {
      std::printf("cookie %s: behind %s %ld, %ld\n", directory, entry->d_name,
                  static_cast<long>(entry->d_off), ::telldir(stream));
    }
    if (stream != nullptr) ::closedir(stream);
  }
}

void print_calls(const std::string& view) {
  for (const char* name : kHiddenNames) {
    const std::string path = view + "/" + name;
    const char* whole = path.c_str();
    struct stat stat;
    char buffer[64];
    const auto said = [&](const char* call, long result) {
      print_result(std::string(call) + " " + name, result);
    };
    said("stat", ::lstat(whole, &stat));
    said("open", ::open(whole, O_RDONLY | O_CLOEXEC));
    said("create", ::open(whole, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    said("create new", ::open(whole, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    said("mkdir", ::mkdir(whole, 0700));
    said("mknod", ::mknod(whole, S_IFIFO | 0600, 0));
    said("symlink", ::symlink("x", whole));
    said("link", ::link((view + "/file").c_str(), whole));
    said("rename to", ::rename((view + "/file").c_str(), whole));
    said("rename from", ::rename(whole, (view + "/moved").c_str()));
    said("rename a directory to", ::rename((view + "/files").c_str(), whole));
    said("unlink", ::unlink(whole));
    said("rmdir", ::rmdir(whole));
    said("readlink", ::readlink(whole, buffer, sizeof(buffer)));
    said("getxattr", ::getxattr(whole, "user.x", buffer, sizeof(buffer)));
    said("truncate", ::truncate(whole, 0));
    said("chdir", ::chdir(whole));
    said("stat as a directory", ::stat((path + "/").c_str(), &stat));
    said("stat through", ::stat((path + "/../file").c_str(), &stat));
  }
}

void print_space(const std::string& view) {
  for (const char* directory : kDirectories) {
    struct statvfs space {};
    print_result(std::string("statvfs ") + directory,
                 ::statvfs((view + "/" + directory).c_str(), &space));
    std::printf(
        "space %s: %lu files, %lu free, %lu blocks, %lu free\n", directory,
        static_cast<unsigned long>(space.f_files), static_cast<unsigned long>(space.f_ffree),
        static_cast<unsigned long>(space.f_blocks), static_cast<unsigned long>(space.f_bfree));
  }
}

// Behind the view the script makes and removes names as soon as it reads "watching".
void print_watch(const std::string& view) {
  const std::string directory = view + "/files", hidden = directory + "/new.hidden";
  const int watch = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  print_result("inotify", ::inotify_add_watch(watch, directory.c_str(), IN_ALL_EVENTS));
  const int marks =
      ::fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME | FAN_NONBLOCK | FAN_CLOEXEC, 0);
  print_result("fanotify_init", marks);
  print_result("fanotify_mark", ::fanotify_mark(marks, FAN_MARK_ADD,
                                                FAN_CREATE | FAN_DELETE | FAN_MODIFY | FAN_ONDIR,
                                                AT_FDCWD, directory.c_str()));
  std::puts("watching");
  std::fflush(stdout);
  (void)std::getchar();  // they are made
  struct stat stat;
  print_result("stat new.hidden", ::stat(hidden.c_str(), &stat));
  print_result("create new.hidden",
               ::open(hidden.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  ::usleep(200'000);
  alignas(8) char buffer[4096];
  print_result("an event of inotify", ::read(watch, buffer, sizeof(buffer)));
  print_result("an event of fanotify", ::read(marks, buffer, sizeof(buffer)));
  // Both of them work: what is made in the view is told.
  print_result("create seen",
               ::open((directory + "/seen").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  print_result("its event", ::read(watch, buffer, sizeof(buffer)));
  print_result("unlink seen", ::unlink((directory + "/seen").c_str()));
}

struct Fact {
  const char* name;
  void (*print)(const std::string& view);
};
constexpr Fact kFacts[] = {{"listing", print_listing}, {"links", print_links},
                           {"size", print_size},       {"cookies", print_cookies},
                           {"calls", print_calls},     {"space", print_space},
                           {"watch", print_watch}};

}  // namespace

int main(int count, char** words) {
  if (count < 3) {
    std::fputs("usage: look_about VIEW FACT...\n", stderr);
    return 2;
  }
  for (int at = 2; at < count; ++at) {
    const auto* fact = std::find_if(std::begin(kFacts), std::end(kFacts), [&](const Fact& each) {
      return std::strcmp(each.name, words[at]) == 0;
    });
    if (fact == std::end(kFacts)) {
      std::fprintf(stderr, "%s is no fact\n", words[at]);
      return 2;
    }
    fact->print(words[1]);
  }
  return 0;
}
