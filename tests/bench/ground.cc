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

constexpr time_t kLongAgo = 1'500'000'000;

Fd CreateOwned(const std::string& path) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  Must(fd.get(), path);
  Must(::fchown(fd.get(), kIdentity, kIdentity), path);
  return fd;
}

void MakeData(const std::string& path) {
  const Fd data = CreateOwned(path);
  const std::string block(size_t{1} << 20, 'x');
  for (size_t done = 0; done < kDataBytes; done += block.size()) {
    Must(::write(data.get(), block.data(), block.size()), "data file");
  }
  Must(::fsync(data.get()), "data file");  // its blocks are there before anything is timed
}

void WriteOwned(const std::string& path, const std::string& text) {
  const Fd file = CreateOwned(path);
  Must(::write(file.get(), text.data(), text.size()), path);
  // Long ago: git trusts no file that is as old as its index.
  const struct timespec times[2] = {{kLongAgo, 0}, {kLongAgo, 0}};
  Must(::futimens(file.get(), times), path);
}

// A git repository with everything committed, and an archive of a part of it.
void MakeTree(const Ground& ground, const Deadline& deadline) {
  const std::string tree = ground.source() + kTreeDir;
  MakeOwned(tree);
  for (int i = 0; i < kTreeFiles; ++i) {
    const std::string path = tree + TreeFile(i);
    for (size_t slash = path.find('/', tree.size() + 1); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      const std::string directory = path.substr(0, slash);
      if (::access(directory.c_str(), F_OK) != 0) MakeOwned(directory);
    }
    std::string text = "file " + std::to_string(i) + "\n";
    while (text.size() < 200 + static_cast<size_t>(i % 7) * 300) text += "The quick brown fox\n";
    WriteOwned(path, text);
  }
  const std::vector<std::vector<std::string>> steps = {
      {"git", "-C", tree, "init", "-q"},
      {"git", "-C", tree, "add", "."},
      {"git", "-C", tree, "-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit",
       "-q", "-m", "tree"}};
  for (const auto& words : steps) {
    const auto step = [&] {
      RunCommand(words);
      return std::string();
    };
    (void)InChild(kIdentity, step, deadline, words[3]);
  }
  std::vector<std::string> pack = {"tar", "-C", tree, "-cf", ground.base + kArchive};
  for (int i = 0; i < kArchived; ++i) pack.push_back(TreeFile(i).substr(1));
  RunCommand(pack);
}

// Units that take most of their text from headers, as programs do.
void MakeCode(const std::string& directory) {
  MakeOwned(directory);
  constexpr int kHeaders = 40;
  std::string includes;
  for (int i = 0; i < kHeaders; ++i) {
    const std::string number = std::to_string(i);
    WriteOwned(directory + "/part" + number + ".h",
               "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
               "struct part" + number + " { int a, b; char text[64]; };\n"
               "static inline int sum" + number + "(const struct part" + number +
               " *p) { return p->a + p->b + (int)strlen(p->text); }\n");
    includes += "#include \"part" + number + ".h\"\n";
  }
  for (int unit = 0; unit < kUnits; ++unit) {
    std::string text = includes + "int total(void) { int all = 0;\n";
    for (int i = 0; i < kHeaders; ++i) {
      const std::string number = std::to_string(i);
      text += "{ struct part" + number + " p = {1, " + std::to_string(unit) + ", \"text\"}; all += sum" +
              number + "(&p); printf(\"%d\\n\", all); }\n";
    }
    WriteOwned(directory + UnitName(unit), text + "return all; }\n");
  }
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

// Thirty in a directory, ten of these in one above.
std::string TreeFile(int number) {
  char name[48];
  std::snprintf(name, sizeof(name), "/part%02d/section%d/file%02d.txt", number / 300,
                number / 30 % 10, number % 30);
  return name;
}

std::string UnitName(int number) { return "/unit" + std::to_string(number) + ".c"; }

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
  Must(::mount("sluice-bench", memory.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=3g,mode=0755"),
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

void FillSource(const Ground& ground, const Needs& needs, const Deadline& deadline) {
  const auto lacks = [&](const std::string& name) {
    return ::access((ground.source() + name).c_str(), F_OK) != 0;
  };
  if (needs.data && lacks(kData)) MakeData(ground.source() + kData);
  if (needs.thousand && lacks(kThousandDir)) MakeFiles(ground.source() + kThousandDir, kThousand);
  if (needs.many && lacks(kManyDir)) MakeFiles(ground.source() + kManyDir, kManyFiles);
  if (needs.tree && lacks(kTreeDir)) MakeTree(ground, deadline);
  if (needs.code && lacks(kCodeDir)) MakeCode(ground.source() + kCodeDir);
  const std::string sized = kSizedDir + std::to_string(needs.sized);
  if (needs.sized > 0 && lacks(sized)) MakeFiles(ground.source() + sized, needs.sized);
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
