#include "side.h"

#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "serving.h"

namespace sluicebench {
namespace {

constexpr int kEndMs = 5'000;

class Native : public Side {
 public:
  explicit Native(const Ground& ground) : directory_(ground.source()) {}
  std::string directory() const override { return directory_; }

 private:
  std::string directory_;
};

// What is mounted at a place of its own below the ground.
class Mounted : public Side {
 public:
  Mounted(const Ground& ground, const std::string& name) : ground_(ground) {
    ground_.view = "/" + name;
    if (::access(directory().c_str(), F_OK) != 0) MakeOwned(directory());
  }
  std::string directory() const override { return ground_.target(); }

 protected:
  Ground ground_;
};

class Bind : public Mounted {
 public:
  explicit Bind(const Ground& ground) : Mounted(ground, "bind") {
    Must(::mount(ground_.source().c_str(), directory().c_str(), nullptr, MS_BIND, nullptr), "bind");
  }
  ~Bind() override { ::umount2(directory().c_str(), MNT_DETACH | UMOUNT_NOFOLLOW); }
};

class ViewSide : public Mounted {
 public:
  ViewSide(const Ground& ground, const std::string& name, const Deadline& deadline,
           std::string programs)
      : Mounted(ground, name), deadline_(deadline), programs_(std::move(programs)) {
    Renew();
  }
  void Renew() override {
    view_.reset();  // one at a time at the target
    view_ = std::make_unique<View>(ground_, deadline_, std::string(), programs_);
  }
  pid_t server() const override { return view_->command_pid(); }
  Counts Requests() const override { return view_->Requests(deadline_); }

 private:
  const Deadline& deadline_;
  std::string programs_;
  std::unique_ptr<View> view_;
};

// Another FUSE server, in its foreground, as root, for all users.
class Peer : public Mounted {
 public:
  Peer(const Ground& ground, const std::string& name, const Deadline& deadline)
      : Mounted(ground, name),
        deadline_(deadline),
        name_(name),
        log_(::memfd_create("log", MFD_CLOEXEC)) {
    // Not one of the source's names: where the server keeps what it needs beside it.
    empty_ = ground_.base + "/empty-" + name_;
    work_ = ground_.base + "/work-" + name_;
    for (const std::string& one : {empty_, work_}) {
      if (::access(one.c_str(), F_OK) != 0) Must(::mkdir(one.c_str(), 0700), one);
    }
    Begin();
  }
  ~Peer() override { End(); }
  void Renew() override {
    End();
    Begin();
  }
  pid_t server() const override { return server_->pid(); }

 private:
  // With the options by which each shows the directory itself, and writes to it.
  std::vector<std::string> Words() const {
    const std::string source = ground_.source(), target = directory();
    if (name_ == kBindfs) return {"/usr/bin/bindfs", "-f", source, target};
    if (name_ == "mergerfs") {
      return {"/usr/bin/mergerfs",
              "-f",
              "-o",
              "allow_other,default_permissions,minfreespace=0",
              source,
              target};
    }
    return {"/usr/bin/fuse-overlayfs", "-f", "-o",
            "allow_other,lowerdir=" + empty_ + ",upperdir=" + source + ",workdir=" + work_, target};
  }
  void Begin() {
    const auto seen = [&] {
      (void)SeenAt(directory() + kKnown);
      return std::string();
    };
    try {
      (void)InChild(kIdentity, seen, deadline_, name_, [&] {
        server_ = std::make_unique<Child>([&] { RunLogged(log_.get(), Words()); });
      });
    } catch (const Failure& failure) {
      throw Failure(std::string(failure.what()) + "; " + name_ + " said: " + LogText(log_.get()));
    }
  }
  void End() {
    ::umount2(directory().c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
    if (server_ && !server_->Ended(kEndMs)) {
      std::fprintf(stderr, "bench: %s did not end with its mount\n", name_.c_str());
    }
    server_.reset();
  }

  const Deadline& deadline_;
  std::string name_, empty_, work_;
  Fd log_;
  std::unique_ptr<Child> server_;
};

constexpr const char* kPeers[] = {kBindfs, "fuse-overlayfs", "mergerfs"};

}  // namespace

std::vector<std::string> KnownSides() {
  std::vector<std::string> all = {kNative, "bind", kView};
  for (const std::string peer : kPeers) {
    if (::access(("/usr/bin/" + peer).c_str(), X_OK) == 0) all.push_back(peer);
  }
  return all;
}

std::unique_ptr<Side> MakeSide(const std::string& name, const Ground& ground,
                               const Deadline& deadline, const std::string& before) {
  if (name == kNative) return std::make_unique<Native>(ground);
  if (name == "bind") return std::make_unique<Bind>(ground);
  if (name == kView) return std::make_unique<ViewSide>(ground, "view", deadline, BinDirectory());
  if (name == kBefore) return std::make_unique<ViewSide>(ground, "view-before", deadline, before);
  const auto known = KnownSides();
  if (std::find(known.begin(), known.end(), name) == known.end()) {
    throw Missing("there is no " + name + " here to compare with");
  }
  return std::make_unique<Peer>(ground, name, deadline);
}

}  // namespace sluicebench
