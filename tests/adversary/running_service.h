// A service as an administrator runs it, and peers that speak its protocol byte by byte.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arena.h"
#include "core/reason.h"
#include "wire/control.h"

namespace sluice::adversary {

inline constexpr char kSocket[] = "/run/sluice.sock";
inline constexpr char kSluiced[] = "/run/bin/sluiced";
inline constexpr char kSluice[] = "/run/bin/sluice";

// What a peer heard.
struct Heard {
  bool closed = false;   // hung up on
  bool nothing = false;  // in the time given
  core::Reason reason = core::Reason::kNone;
  std::string name;
  os::Fd mount;
};

os::Fd connected();  // -1 where nobody listens
// control: a control message as it is, instead of one with `fds`.
bool send_raw(int socket, std::span<const uint8_t> bytes, const std::vector<int>& fds = {});
Heard hear(int socket, int milliseconds = 5000);
// A hello for a view; root says for whom, others are themselves.
wire::Hello view_hello(uint32_t uid, const std::vector<std::string_view>& rules = {});
Heard ask(const wire::Hello& hello, const std::vector<int>& fds, os::Fd* connection = nullptr);

// A tree of this user's with `file` in it.
std::string make_source(const std::string& name, uint32_t owner);

class RunningService {
 public:
  // Fails where it does not listen within some seconds.
  explicit RunningService(const std::vector<std::string>& options = {}, const Body& before = {});

  Program& program() { return *program_; }
  pid_t pid() const { return program_->pid(); }
  pid_t maker() const;
  std::string log() const { return program_->output(); }

  // Another user gets a view of their own and reads in it, within a second; of a few attempts,
  // because a machine may be busy with other things.
  void expect_serves_others(const std::string& when);
  // Before and after an attack. After: the service is as it was, its descriptors are as many, and no
  // process, dead child or view is left.
  void note();
  void expect_as_noted(const std::string& after, int milliseconds = 5000);

 private:
  std::string state() const;
  std::unique_ptr<Program> program_;
  std::string noted_;
};

// A view as root attaches it, for `uid`, at work_dir()/NAME. Ends with the object.
class View {
 public:
  View(const std::string& source, uint32_t uid, const std::vector<std::string_view>& rules = {},
       bool read_only = false, uint32_t coherence_milliseconds = 0, const std::string& name = "view");
  ~View();
  std::string path(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  core::Reason reason() const { return reason_; }

 private:
  std::string path_;
  core::Reason reason_ = core::Reason::kNone;
  os::Fd connection_;
};

}  // namespace sluice::adversary
