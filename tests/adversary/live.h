// The programs as they run for people: the service of a careless administrator, its peers, a view of a
// tree, and a process that somebody has taken over.
#pragma once

#include <sys/types.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "hostile_worker.h"
#include "wire/control.h"

namespace sluice::adversary {

inline constexpr uint32_t kOther = 61237;       // another user
inline constexpr uint32_t kGroup = 61301;       // a further group of the view's user
inline constexpr uint32_t kForeignGroup = 61302;  // of whoever started the service

// What a peer got; a reply with reason kNone and error -1: it was hung up on, or heard nothing.
struct Answer {
  int error = -1;
  core::Reason reason = core::Reason::kNone;
  std::string text;
  os::Fd mount;
  os::Fd record;
  std::vector<wire::ViewInfo> views;
};

// sluiced, with descriptors, variables, groups and limits of its starter's that must not go further.
class LiveService {
 public:
  explicit LiveService(const std::vector<std::string>& options = {});
  ~LiveService();
  pid_t pid() const { return pid_; }
  pid_t maker() const;
  std::string log() const;

  // A connection of that user.
  os::Fd connect(uint32_t uid, std::vector<gid_t> groups = {}) const;
  static Answer ask(int peer, const wire::Hello& hello, std::span<const int> fds = {});
  static Answer receive(int peer, bool list);
  std::vector<wire::ViewInfo> list(uint32_t uid) const;

 private:
  pid_t pid_;
  std::string log_;
};

// For a view of the tree as kUser, asked for by root.
wire::Hello honest_hello();
os::Fd bare(const std::string& path);  // O_PATH

class LiveView {
 public:
  // grafts: the directories of those that the hello names.
  LiveView(const LiveService& service, const std::string& source, const wire::Hello& hello = honest_hello(),
           uint32_t peer = 0, const std::vector<std::string>& grafts = {});
  ~LiveView();
  bool up() const { return static_cast<bool>(answer_.mount); }
  const Answer& answer() const { return answer_; }
  void close_record() { answer_.record.reset(); }
  pid_t broker() const { return info_.broker_pid; }
  pid_t worker() const { return info_.worker_pid; }
  const wire::ViewInfo& info() const { return info_; }
  // In the view.
  std::string path(const std::string& name = "") const { return point_ + "/" + name; }
  std::string mount_options() const;

 private:
  os::Fd peer_;
  Answer answer_;
  wire::ViewInfo info_;
  std::string point_;
};

// Runs body as that user in a process of its own; returns what it returns (0..125), 126: it died.
int as_user(uint32_t uid, const std::function<int()>& body);
// errno where the call failed, else 0.
inline int outcome(long result) { return result < 0 ? errno : 0; }

// A running process whose code is now the attacker's: it makes whatever calls the test wants.
class TakenOver {
 public:
  explicit TakenOver(pid_t pid);
  ~TakenOver();
  static constexpr long kKilled = -100000;
  // The result or -errno; kKilled where that was its end. A path is put into its memory first.
  long call(long number, std::vector<long> arguments);
  long call_with_path(long number, long first, const std::string& path, std::vector<long> more);
  // The program that filters its calls; empty: none, or more than one.
  std::vector<uint8_t> filter();

 private:
  pid_t pid_;
  bool alive_ = false;
};

}  // namespace sluice::adversary
