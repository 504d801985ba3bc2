#include "tests/integration/model/stage.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "tests/integration/model/checks.h"

namespace sluice::model {
namespace {

void must(bool done, const std::string& what) {
  if (done) return;
  std::perror(what.c_str());
  std::exit(2);
}

}  // namespace

Stage::Stage(const Options& options, const std::string& work, bool on_tmpfs)
    : options_(options), base_(work + "/stage"), on_tmpfs_(on_tmpfs) {
  must(::mkdir(base_.c_str(), 0755) == 0, base_);
  if (on_tmpfs_) {
    must(::mount("tmpfs", base_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=1g,mode=0755") == 0,
         "tmpfs");
  }
  for (const std::string& path : {plain(), under(), view()}) {
    must(::mkdir(path.c_str(), 0755) == 0, path);
  }
}

Stage::~Stage() {
  if (on_tmpfs_) {
    expect(::umount2(base_.c_str(), 0) == 0 || ::umount2(base_.c_str(), MNT_DETACH) == 0,
           "the tmpfs cannot be unmounted");
  }
  std::error_code error;
  std::filesystem::remove_all(base_, error);
  expect(!error, base_ + ": " + error.message());
}

std::unique_ptr<MountedView> Stage::mount(std::vector<std::string> more) const {
  return mount_as(std::to_string(kUser), std::move(more));
}

std::unique_ptr<MountedView> Stage::mount_as(const std::string& identity,
                                             std::vector<std::string> more) const {
  more.insert(more.begin(), {"--identity", identity});
  auto mounted = MountedView::start(options_.programs, under(), view(), std::move(more));
  if (mounted == nullptr) std::exit(1);
  return mounted;
}

void Stage::make_directory(const std::string& name) const {
  for (const std::string& parent : {plain(), under()}) {
    const std::string path = parent + "/" + name;
    must(::mkdir(path.c_str(), 0755) == 0, path);
    const std::string top = path + "/top";
    must(::mkdir(top.c_str(), 0755) == 0 && ::chown(top.c_str(), kUser, kUser) == 0, top);
  }
}

}  // namespace sluice::model
