// Two users and root in one view that keeps every owner: each call, by each of them, gives what it
// gives in a plain directory, and what it leaves behind is the same.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tests/integration/model/attributes.h"
#include "tests/integration/model/checks.h"
#include "tests/integration/model/stage.h"
#include "tests/integration/model/tree.h"
#include "tests/integration/model/whole_file.h"

namespace sluice::model {
namespace {

constexpr uid_t kOther = kUser + 1;
constexpr gid_t kGroup = kUser + 2;  // of neither

// One call in a directory that everybody may search, `at`.
struct Call {
  const char* what;
  uid_t uid;
  int error;  // that a plain directory gives; 0: none
  int (*make)(const std::string& at);
};

int done(bool it_is) { return it_is ? 0 : -1; }

int open_for(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  return fd < 0 ? -1 : ::close(fd);
}

int make_file(const std::string& path, mode_t mode) {
  const mode_t before = ::umask(0);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  const int error = errno;
  ::umask(before);
  errno = error;
  return fd < 0 ? -1 : ::close(fd);
}

int make_directory(const std::string& path, mode_t mode) {
  return done(::mkdir(path.c_str(), 0700) == 0 && ::chmod(path.c_str(), mode) == 0);
}

int rename_all(const std::string& a, const std::string& b, unsigned flags = 0) {
  return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), flags);
}

constexpr Call kCalls[] = {
    // Who makes something owns it.
    {"root makes an open directory", 0, 0,
     [](const std::string& at) { return make_directory(at + "/open", 0777); }},
    {"create", kUser, 0, [](const std::string& at) { return make_file(at + "/open/mine", 0640); }},
    {"create", kOther, 0, [](const std::string& at) { return make_file(at + "/open/his", 0600); }},
    {"create, set-user-ID", kOther, 0,
     [](const std::string& at) { return make_file(at + "/open/set", 06755); }},
    {"mkdir", kUser, 0,
     [](const std::string& at) { return make_directory(at + "/open/closed", 0700); }},
    {"mkfifo", kOther, 0,
     [](const std::string& at) { return ::mkfifo((at + "/open/fifo").c_str(), 0600); }},
    {"symlink", kOther, 0,
     [](const std::string& at) { return ::symlink("mine", (at + "/open/link").c_str()); }},
    {"create by root", 0, 0,
     [](const std::string& at) { return make_file(at + "/open/root", 0644); }},
    {"write to one's own", kUser, 0,
     [](const std::string& at) { return done(write_file(at + "/open/mine", 0, "mine")); }},
    {"hard link to another's that may be written", kOther, EPERM,
     [](const std::string& at) {
       return ::link((at + "/open/mine").c_str(), (at + "/open/linked").c_str());
     }},
    // The bits hold between them.
    {"read another's", kOther, EACCES,
     [](const std::string& at) { return open_for(at + "/open/mine", O_RDONLY); }},
    {"read another's by a link", kOther, EACCES,
     [](const std::string& at) { return open_for(at + "/open/link", O_RDONLY); }},
    {"read another's", kUser, EACCES,
     [](const std::string& at) { return open_for(at + "/open/his", O_RDONLY); }},
    {"write another's", kUser, EACCES,
     [](const std::string& at) { return open_for(at + "/open/root", O_WRONLY); }},
    {"truncate another's", kUser, EACCES,
     [](const std::string& at) { return ::truncate((at + "/open/root").c_str(), 0); }},
    {"read what is for all", kUser, 0,
     [](const std::string& at) { return open_for(at + "/open/root", O_RDONLY); }},
    {"write to a pipe that is another's", kUser, EACCES,
     [](const std::string& at) { return open_for(at + "/open/fifo", O_RDWR | O_NONBLOCK); }},
    {"chmod of another's", kOther, EPERM,
     [](const std::string& at) { return ::chmod((at + "/open/mine").c_str(), 0666); }},
    {"times of another's", kOther, EPERM,
     [](const std::string& at) {
       const struct timespec times[2] = {{1, 0}, {2, 0}};
       return ::utimensat(AT_FDCWD, (at + "/open/mine").c_str(), times, 0);
     }},
    {"now, of another's", kOther, EACCES,
     [](const std::string& at) {
       return ::utimensat(AT_FDCWD, (at + "/open/mine").c_str(), nullptr, 0);
     }},
    {"an attribute of another's", kOther, EACCES,
     [](const std::string& at) {
       return ::setxattr((at + "/open/mine").c_str(), "user.x", "x", 1, 0);
     }},
    {"create in a closed directory", kOther, EACCES,
     [](const std::string& at) { return make_file(at + "/open/closed/x", 0600); }},
    {"stat in a closed directory", kOther, EACCES,
     [](const std::string& at) {
       struct stat stat;
       return ::stat((at + "/open/closed/x").c_str(), &stat);
     }},
    {"list a closed directory", kOther, EACCES,
     [](const std::string& at) { return open_for(at + "/open/closed", O_RDONLY | O_DIRECTORY); }},
    {"create in one's own closed directory", kUser, 0,
     [](const std::string& at) { return make_file(at + "/open/closed/x", 0600); }},
    {"root in a closed directory", 0, 0,
     [](const std::string& at) { return open_for(at + "/open/closed/x", O_RDWR); }},
    // Whoever may write to a directory may rename and remove in it, unless it is sticky.
    {"rename another's", kOther, 0,
     [](const std::string& at) { return rename_all(at + "/open/mine", at + "/open/taken"); }},
    {"remove another's", kOther, 0,
     [](const std::string& at) { return ::unlink((at + "/open/root").c_str()); }},
    {"root makes a sticky directory", 0, 0,
     [](const std::string& at) { return make_directory(at + "/sticky", 01777); }},
    {"create in it", kUser, 0,
     [](const std::string& at) { return make_file(at + "/sticky/mine", 0666); }},
    {"create in it", kOther, 0,
     [](const std::string& at) { return make_file(at + "/sticky/his", 0666); }},
    {"write another's in it", kOther, 0,
     [](const std::string& at) { return open_for(at + "/sticky/mine", O_RDWR); }},
    {"remove another's in it", kOther, EPERM,
     [](const std::string& at) { return ::unlink((at + "/sticky/mine").c_str()); }},
    {"rename another's in it", kOther, EPERM,
     [](const std::string& at) { return rename_all(at + "/sticky/mine", at + "/sticky/x"); }},
    {"replace another's in it", kOther, EPERM,
     [](const std::string& at) { return rename_all(at + "/sticky/his", at + "/sticky/mine"); }},
    {"exchange with another's in it", kOther, EPERM,
     [](const std::string& at) {
       return rename_all(at + "/sticky/his", at + "/sticky/mine", RENAME_EXCHANGE);
     }},
    {"rename one's own in it", kOther, 0,
     [](const std::string& at) {
       return rename_all(at + "/sticky/his", at + "/sticky/still his");
     }},
    {"remove in it as root", 0, 0,
     [](const std::string& at) { return ::unlink((at + "/sticky/mine").c_str()); }},
    // What is made in a set-group-ID directory has its group.
    {"root makes a set-group-ID directory", 0, 0,
     [](const std::string& at) {
       return done(make_directory(at + "/group", 0777) == 0 &&
                   ::chown((at + "/group").c_str(), 0, kGroup) == 0 &&
                   ::chmod((at + "/group").c_str(), 02777) == 0);
     }},
    {"create in it", kUser, 0,
     [](const std::string& at) { return make_file(at + "/group/file", 0664); }},
    {"create set-group-ID in it", kUser, 0,
     [](const std::string& at) { return make_file(at + "/group/set", 02775); }},
    {"mkdir in it", kOther, 0,
     [](const std::string& at) { return ::mkdir((at + "/group/sub").c_str(), 0755); }},
    {"create below it", kOther, 0,
     [](const std::string& at) { return make_file(at + "/group/sub/file", 0644); }},
    {"symlink in it", kOther, 0,
     [](const std::string& at) { return ::symlink("x", (at + "/group/link").c_str()); }},
    {"set-group-ID for a group that is not one's own", kUser, 0,
     [](const std::string& at) { return ::chmod((at + "/group/file").c_str(), 02775); }},
    // Owners are changed by root only, and groups to one's own only.
    {"give away", kUser, EPERM,
     [](const std::string& at) { return ::chown((at + "/group/file").c_str(), kOther, -1); }},
    {"give to a foreign group", kUser, EPERM,
     [](const std::string& at) { return ::chown((at + "/group/file").c_str(), -1, kOther); }},
    {"give to one's own group", kUser, 0,
     [](const std::string& at) { return ::chown((at + "/group/file").c_str(), -1, kUser); }},
    {"take", kOther, EPERM,
     [](const std::string& at) { return ::chown((at + "/group/file").c_str(), kOther, kOther); }},
    {"chown by root", 0, 0,
     [](const std::string& at) { return ::chown((at + "/group/file").c_str(), kOther, kGroup); }},
    {"use what was given", kOther, 0,
     [](const std::string& at) { return ::chmod((at + "/group/file").c_str(), 0600); }},
    {"use what was given away", kUser, EACCES,
     [](const std::string& at) { return open_for(at + "/group/file", O_RDONLY); }},
    {"chown by root takes set-user-ID away", 0, 0,
     [](const std::string& at) { return ::chown((at + "/open/set").c_str(), kUser, kUser); }},
    {"chown of a link by root", 0, 0,
     [](const std::string& at) { return ::lchown((at + "/open/link").c_str(), kUser, kGroup); }},
    {"chmod by root", 0, 0,
     [](const std::string& at) { return ::chmod((at + "/group/file").c_str(), 04711); }},
};

// The owners that the calls must have led to, whatever a plain directory does.
constexpr struct {
  const char* path;
  uid_t uid;
  gid_t gid;
} kOwners[] = {
    {"/open/taken", kUser, kUser},    {"/open/his", kOther, kOther},
    {"/open/closed/x", kUser, kUser}, {"/open/fifo", kOther, kOther},
    {"/open/link", kUser, kGroup},    {"/sticky/still his", kOther, kOther},
    {"/group/set", kUser, kGroup},    {"/group/sub/file", kOther, kGroup},
    {"/group/file", kOther, kGroup},  {"/open/set", kUser, kUser},
};

std::string result_of(int result) { return result < 0 ? ::strerrorname_np(errno) : "done"; }

void play_calls(const std::string& plain, const std::string& source, const std::string& view) {
  for (const Call& call : kCalls) {
    const std::string what = std::string(call.what) + ", by " + std::to_string(call.uid);
    run_as(call.uid, what, [&] {
      const std::string should_be = result_of(call.make(plain)), is = result_of(call.make(view));
      const std::string known = call.error == 0 ? "done" : ::strerrorname_np(call.error);
      expect(should_be == known,
             what + ": a plain directory gives " + should_be + ", not " + known);
      expect(is == should_be, what + ": is " + is + ", should be " + should_be);
    });
    const Tree expected = tree_of(plain);
    const std::string above = differences(expected, tree_of(view), "plain", "view");
    const std::string below = differences(expected, tree_of(source), "plain", "source");
    expect(above.empty() && below.empty(), "after " + what + ":\n" + above + below);
  }
  for (const auto& owner : kOwners) {
    struct stat stat;
    expect(::lstat((view + owner.path).c_str(), &stat) == 0, owner.path + (": " + error_name()));
    expect_equal(stat.st_uid, owner.uid, std::string("owner of ") + owner.path);
    expect_equal(stat.st_gid, owner.gid, std::string("group of ") + owner.path);
  }
}

}  // namespace

void play_two_users(Stage& stage) {
  for (const std::string& side : {stage.plain(), stage.under()}) {
    expect_done(::mkdir((side + "/users").c_str(), 0755) == 0, "mkdir");
  }
  const auto view = stage.mount_as("preserve");
  const std::string above = stage.options().self_check ? stage.under() : stage.view();
  play_calls(stage.plain() + "/users", stage.under() + "/users", above + "/users");
  view->expect_passthrough();
}

}  // namespace sluice::model
