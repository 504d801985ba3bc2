// What becomes of files that are granted already: their flags, their suid bits, their filesystem's
// space.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>

#include "hostile_worker.h"
#include "running_service.h"

namespace sluice::adversary {
namespace {

std::string on_tmpfs(const std::string& name, const char* options) {
  const std::string path = work_dir() + "/" + name;
  EXPECT_EQ(::mkdir(path.c_str(), 0755), 0);
  EXPECT_EQ(::mount("tmpfs", path.c_str(), "tmpfs", 0, options), 0);
  EXPECT_EQ(::mkdir((path + "/source").c_str(), 0755), 0);
  EXPECT_EQ(::chown((path + "/source").c_str(), kUser, kUser), 0);
  write_all(path + "/source/file", "content\n", kUser);
  return path + "/source";
}

bool set_flags(const std::string& path, int flags) {
  const os::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return ::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags) == 0;
}

// Invariant: immutable and append-only files get no write grant (stx_attributes of the held
// descriptor), also where a grant from before is kept (Limits::kIdleGrants).
void flags_after_the_first_grant(const std::string& source, const std::string& name, bool held) {
  for (const int flag : {FS_IMMUTABLE_FL, FS_APPEND_FL}) {
    const std::string what = name + (flag == FS_IMMUTABLE_FL ? " +i" : " +a") + (held ? ", open meanwhile" : "");
    const std::string file = source + "/file";
    const View view(source, kUser, {}, false, 0, "view-" + name);
    os::Fd kept;
    in_process(kUser, 10, [&] {
      const os::Fd fd(::open(view.path("file").c_str(), O_RDWR | O_CLOEXEC));
      ASSERT_TRUE(fd) << what;
      EXPECT_EQ(::pwrite(fd.get(), "granted\n", 8, 0), 8);
    });
    Program holder([&] {
      if (::setresuid(kUser, kUser, kUser) != 0) ::_exit(1);
      const os::Fd fd(held ? ::open(view.path("file").c_str(), O_RDWR | O_CLOEXEC) : -1);
      ::pause();
    });
    ::usleep(50'000);
    ASSERT_TRUE(set_flags(file, flag)) << what << ": " << std::strerror(errno);
    in_process(kUser, 10, [&] {
      for (const int mode : {O_WRONLY, O_RDWR, O_RDWR | O_TRUNC}) {
        const os::Fd fd(::open(view.path("file").c_str(), mode | O_CLOEXEC));
        EXPECT_FALSE(fd) << what << ": opened for writing, flags " << mode;
        if (fd) (void)!::pwrite(fd.get(), "FORGED\n\n", 8, 0);
      }
      EXPECT_LT(::truncate(view.path("file").c_str(), 0), 0) << what;
      const os::Fd appending(::open(view.path("file").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
      EXPECT_TRUE(flag == FS_APPEND_FL || !appending) << what;
      EXPECT_LT(::unlink(view.path("file").c_str()), 0) << what;
      EXPECT_LT(::rename(view.path("file").c_str(), view.path("other").c_str()), 0) << what;
      EXPECT_LT(::chmod(view.path("file").c_str(), 0600), 0) << what;
      EXPECT_EQ(read_all(view.path("file")), "granted\n") << what << ": reading goes on";
    });
    EXPECT_EQ(read_all(file), "granted\n") << what << ": the file has changed";
    EXPECT_TRUE(set_flags(file, 0));
    write_all(file, "content\n", kUser);
  }
}

ATTACK_WITHIN(FileAttack, FlagsAfterTheFirstGrant, 30) {
  RunningService service;
  const std::string disk = make_source("disk", kUser);
  need(set_flags(disk + "/file", 0), "a TMPDIR on a filesystem with inode flags");
  for (const bool held : {false, true}) flags_after_the_first_grant(disk, "disk", held);
  const std::string tmpfs = on_tmpfs("memory", "mode=755");
  need(set_flags(tmpfs + "/file", 0), "inode flags on tmpfs");
  for (const bool held : {false, true}) flags_after_the_first_grant(tmpfs, "tmpfs", held);
}

// Invariant: no capability of the broker's lets a write keep suid and sgid (it has no FSETID), and the
// worker's changes lose them as a user's would.
ATTACK(FileAttack, WritingDropsSuid) {
  RunningService service;
  const std::string source = make_source("source", kUser);
  const View view(source, kUser, {}, false, 0);
  struct Way {
    const char* what;
    std::function<bool(const std::string&)> write;
  };
  const auto opened = [](const std::string& path, int flags) { return os::Fd(::open(path.c_str(), flags | O_CLOEXEC)); };
  const Way ways[] = {
      {"write", [&](const std::string& p) { return ::write(opened(p, O_WRONLY).get(), "x", 1) == 1; }},
      {"append", [&](const std::string& p) { return ::write(opened(p, O_WRONLY | O_APPEND).get(), "x", 1) == 1; }},
      {"pwritev", [&](const std::string& p) {
         struct iovec piece {const_cast<char*>("x"), 1};
         return ::pwritev(opened(p, O_RDWR).get(), &piece, 1, 0) == 1; }},
      {"truncate", [&](const std::string& p) { return ::truncate(p.c_str(), 3) == 0; }},
      {"ftruncate", [&](const std::string& p) { return ::ftruncate(opened(p, O_WRONLY).get(), 2) == 0; }},
      {"open with O_TRUNC", [&](const std::string& p) { return static_cast<bool>(opened(p, O_WRONLY | O_TRUNC)); }},
      {"fallocate", [&](const std::string& p) { return ::fallocate(opened(p, O_WRONLY).get(), 0, 0, 8192) == 0; }},
      {"copy_file_range", [&](const std::string& p) {
         const os::Fd from = opened(p.substr(0, p.rfind('/')) + "/file", O_RDONLY);
         return ::copy_file_range(from.get(), nullptr, opened(p, O_WRONLY).get(), nullptr, 4, 0) == 4; }},
      {"chown", [&](const std::string& p) { return ::chown(p.c_str(), kUser, kUser) == 0; }},
  };
  const std::string name = "suid";
  const std::string native = source + "/native";
  for (const Way& way : ways) {
    for (const mode_t mode : {mode_t{06777}, mode_t{04755}, mode_t{02775}}) {
      struct stat seen, real, plain;
      write_all(source + "/" + name, "program\n", kUser, mode);
      write_all(native, "program\n", kUser, mode);
      in_process(kUser, 10, [&] {
        ASSERT_EQ(::stat(view.path(name).c_str(), &seen), 0);
        EXPECT_EQ(seen.st_mode & 07777, mode);
        EXPECT_TRUE(way.write(view.path(name))) << way.what << ": " << std::strerror(errno);
        EXPECT_TRUE(way.write(native)) << way.what;
        ASSERT_EQ(::stat(view.path(name).c_str(), &seen), 0);
        ASSERT_EQ(::stat((source + "/" + name).c_str(), &real), 0);
        ASSERT_EQ(::stat(native.c_str(), &plain), 0);
        EXPECT_EQ(real.st_mode & 07777, plain.st_mode & 07777) << way.what << " keeps suid on disk";
        EXPECT_EQ(seen.st_mode & 07777, plain.st_mode & 07777) << way.what << " keeps suid in the view";
        EXPECT_EQ(real.st_mode & S_ISUID, 0u) << way.what;
      });
    }
  }
}

// Invariant: the data path is the filesystem's own, so that it says ENOSPC when it is full, at the byte
// where it is, and nothing else suffers.
ATTACK(FileAttack, FullFilesystem) {
  RunningService service;
  const std::string source = on_tmpfs("small", "size=1m,mode=755");
  write_all(source + "/precious", std::string(100000, 'p'), kUser);
  const View view(source, kUser, {}, false, 0);
  in_process(kUser, 10, [&] {
    const os::Fd fd(::open(view.path("big").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
    ASSERT_TRUE(fd);
    const std::string block(10000, 'x');
    size_t written = 0;
    ssize_t last = 0;
    while ((last = ::write(fd.get(), block.data(), block.size())) > 0) written += static_cast<size_t>(last);
    EXPECT_EQ(errno, ENOSPC) << std::strerror(errno);
    EXPECT_GT(written, 500000u);
    EXPECT_EQ(::fsync(fd.get()), 0);
    EXPECT_EQ(::fallocate(fd.get(), 0, 0, 4 << 20), -1);
    EXPECT_EQ(errno, ENOSPC) << std::strerror(errno);
    EXPECT_EQ(read_all(view.path("precious")), std::string(100000, 'p'));
    const std::string big = read_all(view.path("big"));
    EXPECT_EQ(big.find_first_not_of('x'), std::string::npos);
    EXPECT_GE(big.size(), written);
    EXPECT_EQ(read_all(source + "/big"), big);
    // Others open, list and remove as ever; then there is space again.
    const os::Fd other(::open(view.path("file").c_str(), O_RDWR | O_CLOEXEC));
    EXPECT_EQ(::pwrite(other.get(), "CONTENT", 7, 0), 7) << "a page that is there already";
    EXPECT_EQ(::unlink(view.path("big").c_str()), 0);
  });
  // The client's descriptor is gone, the grant follows.
  in_process(kUser, 10, [&] {
    EXPECT_TRUE(eventually(5000, [&] {
      const os::Fd again(::open(view.path("again").c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644));
      return ::write(again.get(), std::string(600000, 'a').data(), 600000) == 600000;
    })) << "the space does not come back";
    EXPECT_EQ(read_all(view.path("file")), "CONTENT\n");
  });
}

// A file that its owner could not read when it was first opened for writing is granted for that alone. Who opens it for both, once
// they may, has more: what the broker does for them goes by what they have opened.
ATTACK(FileAttack, WhatCouldNotBeRead) {
  const RunningService service;
  const std::string source = make_source("source", kVictim);
  const View view(source, kVictim);
  in_process(kVictim, 10, [&] {
    const std::string path = view.path("file");
    ASSERT_EQ(::chmod(path.c_str(), 0200), 0);
    const os::Fd first(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_TRUE(first) << errno;
    ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
    const os::Fd both(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_TRUE(both) << errno;
    off_t from = 0, to = 100;
    EXPECT_EQ(::copy_file_range(both.get(), &from, both.get(), &to, 8, 0), 8) << errno;
    char bytes[9] = {};
    EXPECT_EQ(::pread(both.get(), bytes, 8, 100), 8) << errno;
    EXPECT_STREQ(bytes, "content\n");
  });
}

}  // namespace
}  // namespace sluice::adversary
