// A service whose workers (or brokers) are the attacker's: the real sluiced, with programs of the
// test beside it. In a test that runs contained (tests/kernel/contained.h): a process group and a
// deadline of its own, and everything ends with it.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "os/fd.h"
#include "wire/control.h"

namespace sluice::adversary {

inline constexpr uint32_t kViewer = 20001;  // who the views are of: contained.h's Alice

// Whose the accesses of a view are: one user's, or those of whoever makes them. In the second its
// processes have capabilities over every owner's files.
enum class Mode { kIdentity, kPreserve };

// An attack that is tried in both.
class InEachMode : public ::testing::TestWithParam<Mode> {};
#define IN_EACH_MODE(suite)                                                          \
  class suite : public InEachMode {};                                                \
  INSTANTIATE_TEST_SUITE_P(, suite, ::testing::Values(Mode::kIdentity, Mode::kPreserve), \
                           [](const auto& each) { return mode_name(each.param); })
std::string mode_name(Mode mode);

class Service {
 public:
  // mode: of all its views. Programs of the build: what is started as worker and as broker.
  explicit Service(Mode mode, const std::string& worker = "taken_over_worker",
                   const std::string& broker = "sluice-broker");
  ~Service();

  Mode mode() const { return mode_; }

  const std::string& socket() const { return socket_; }
  const std::string& log_file() const { return log_; }
  pid_t pid() const { return pid_; }
  std::string program(const std::string& name) const { return programs_ + "/" + name; }
  std::string log() const;
  // Whether the log has the text, within this time.
  bool logs(const std::string& text, int milliseconds = 4000) const;
  // All the views there are, and the one of this name (id 0: it has ended).
  std::vector<wire::ViewInfo> views() const;
  wire::ViewInfo view(const std::string& name) const;

 private:
  Mode mode_;
  std::string programs_, socket_, log_;
  pid_t pid_ = -1;
};

// A tree for a view: plain, dir/, links, a fifo, a file of somebody else, and the worker's order.
// "": the worker is the real one.
std::string make_source(const std::string& order);

class AttackedView {
 public:
  AttackedView(const Service& service, const std::string& order, bool read_only = false);
  ~AttackedView();

  const std::string& name() const { return name_; }
  const std::string& source() const { return source_; }
  std::string path(const std::string& name = "") const { return target_ + "/" + name; }
  bool made() const { return made_; }

  // Lets the kernel send the worker a request, so that it begins.
  void begin() const;
  bool ended(int milliseconds = 4000) const;
  // `sluice umount --force`, as root: its exit status.
  int unmount_by_force() const;
  // All that the service logged of this view's processes, one text a line.
  std::string said() const;
  bool says(const std::string& text, int milliseconds = 15'000) const;

 private:
  const Service& service_;
  std::string name_, source_, target_;
  os::Fd connection_;
  unsigned minor_ = 0;
  bool made_ = false;
};

// What the kernel's log gained since: lines that say that it is damaged.
class KernelLog {
 public:
  KernelLog();
  std::string damage() const;

 private:
  os::Fd log_;
};

}  // namespace sluice::adversary
