#include "ground.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "process.h"

namespace sluicebench {
namespace {

std::string FilesystemName(const std::string& path) {
  struct statfs stat;
  Must(::statfs(path.c_str(), &stat), path);
  switch (static_cast<unsigned long>(stat.f_type)) {
    case EXT4_SUPER_MAGIC:
      return "ext4";
    case BTRFS_SUPER_MAGIC:
      return "btrfs";
    case XFS_SUPER_MAGIC:
      return "xfs";
    case TMPFS_MAGIC:
      return "tmpfs";
    case OVERLAYFS_SUPER_MAGIC:
      return "overlay";
    default:
      return "disk";
  }
}

Fd CreateOwned(const std::string& path) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  Must(fd.get(), path);
  Must(::fchown(fd.get(), kIdentity, kIdentity), path);
  return fd;
}

}  // namespace

void MakeOwned(const std::string& directory) {
  Must(::mkdir(directory.c_str(), 0755), directory);
  Must(::chown(directory.c_str(), kIdentity, kIdentity), directory);
}

void MakeFiles(const std::string& directory, int count) {
  MakeOwned(directory);
  for (int i = 0; i < count; ++i) CreateOwned(directory + FileName(i));
}

std::string FileName(int number) {
  char name[16];
  std::snprintf(name, sizeof(name), "/file%05d", number);
  return name;
}

Grounds::Grounds() {
  Must(::unshare(CLONE_NEWNS), "a mount namespace of its own");
  Must(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "private mounts");
  ::umask(022);
  const char* named = std::getenv("TMPDIR");
  base_ =
      std::string(named != nullptr && *named != '\0' ? named : "/var/tmp") + "/sluice-bench.XXXXXX";
  if (::mkdtemp(base_.data()) == nullptr) Must(-1, base_);
  Must(::chmod(base_.c_str(), 0755), base_);
  const std::string disk = base_ + "/disk", memory = base_ + "/tmpfs";
  Must(::mkdir(disk.c_str(), 0755), disk);
  Must(::mkdir(memory.c_str(), 0755), memory);
  Must(::mount("sluice-bench", memory.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=1g,mode=0755"),
       "a tmpfs");
  const std::string filesystem = FilesystemName(disk);
  if (filesystem == "tmpfs") {
    std::fprintf(stderr, "bench: %s is a tmpfs: no disk is measured (set TMPDIR)\n", base_.c_str());
  } else {
    all_.push_back({filesystem, disk});
  }
  all_.push_back({"tmpfs", memory});
  for (const Ground& ground : all_) {
    MakeOwned(ground.source());
    MakeOwned(ground.target());
    const Fd known = CreateOwned(ground.source() + kKnown);
    Must(::write(known.get(), "known\n", 6), "known file");
  }
}

Grounds::~Grounds() {
  for (const Ground& ground : all_) {
    while (::umount2(ground.target().c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
    }
  }
  ::umount2((base_ + "/tmpfs").c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  std::error_code error;
  std::filesystem::remove_all(base_, error);
  if (error) std::fprintf(stderr, "bench: %s stays: %s\n", base_.c_str(), error.message().c_str());
}

void FillSource(const Ground& ground) {
  const Fd data = CreateOwned(ground.source() + kData);
  const std::string block(size_t{1} << 20, 'x');
  for (size_t done = 0; done < kDataBytes; done += block.size()) {
    Must(::write(data.get(), block.data(), block.size()), "data file");
  }
  Must(::fsync(data.get()), "data file");  // its blocks are there before anything is timed
  MakeFiles(ground.source() + kThousandDir, kThousand);
  MakeFiles(ground.source() + kManyDir, kManyFiles);
}

void NeedRootAndFuse() {
  if (::geteuid() != 0) throw Missing("needs root, to mount");
  if (::access("/dev/fuse", R_OK | W_OK) != 0) throw Missing("needs /dev/fuse");
}

int SkipStatus(const char* program, const char* what) {
  const char* all = std::getenv("SLUICE_REQUIRE_ALL");
  const bool fail = all != nullptr && std::strcmp(all, "1") == 0;
  std::fprintf(stderr, "%s: %s: NOTHING WAS MEASURED (%s)\n", fail ? "FAILED" : "SKIPPED", program,
               what);
  return fail ? 1 : 77;
}

}  // namespace sluicebench
