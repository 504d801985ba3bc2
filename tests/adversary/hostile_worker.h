// A broker as the service starts it, with the test in its worker's place: it can send any bytes on the
// worker's channels, which is all that a worker under an attacker's control could do to it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/rules.h"
#include "os/fd.h"
#include "os/process.h"
#include "service/connection.h"
#include "wire/broker_message.h"
#include "wire/view_config.h"

namespace sluice::adversary {

inline constexpr uint32_t kUser = 61236;

// A directory tree of the test's own, of the view's user, removed at the end.
class Tree {
 public:
  Tree();
  ~Tree();
  std::string path(const std::string& name = "") const { return root_ + "/view/" + name; }
  std::string outside(const std::string& name) const { return root_ + "/outside/" + name; }
  void write(const std::string& full_path, const std::string& content, uint32_t mode = 0644) const;
  // As an honest worker says in which directory a name of the view is meant.
  void mean_directory(wire::BrokerRequest& request, const std::string& name) const;

 private:
  std::string root_;
};

// A program of those that are tested.
std::string program_path(const std::string& name);

struct Reply {
  int error;  // errno; -1: the broker hung up
  core::Reason reason;
  wire::BrokerReply body;
};

class HostileWorker {
 public:
  // preserve: of a view that keeps every owner, whose broker may read and write the files of all.
  HostileWorker(const Tree& tree, bool read_only, const std::vector<std::string_view>& rules = {},
                uint32_t most_grants = 64, bool preserve = false)
      : HostileWorker(tree.path(), read_only, rules, most_grants, preserve) {}
  HostileWorker(const std::string& source, bool read_only, const std::vector<std::string_view>& rules = {},
                uint32_t most_grants = 64, bool preserve = false);
  // Of rules that do more than hide, and with other directories in the tree.
  struct Graft {
    std::string at, directory;
  };
  HostileWorker(const std::string& source, bool read_only, const core::Rules& rules, uint32_t most_grants,
                bool preserve = false, const std::vector<Graft>& grafts = {}, bool device_nodes = false);
  ~HostileWorker();

  enum Channel { kReadWrite, kReadOnly, kData };
  Reply ask(Channel channel, const wire::BrokerRequest& request, std::string_view path = {},
            std::string_view second = {});
  // Raw bytes, without waiting for an answer.
  bool send(Channel channel, const std::vector<uint8_t>& bytes);
  Reply open(Channel channel, std::string_view path, uint32_t flags, const std::string& claimed_file);
  Reply open(Channel channel, std::string_view path, uint32_t flags, uint64_t dev, uint64_t ino);
  bool broker_lives();
  // Kills it; the next has what it left.
  void next_broker();
  int ledger() const { return ledger_.get(); }
  int broker_pid() const { return broker_.pid; }
  // The connection, for a test that answers the kernel in the worker's place.
  const service::Connection& connection() const { return connection_; }
  // How many events the broker has sent meanwhile.
  int count_events();

 private:
  void start_broker();

  std::string tree_;
  std::vector<Graft> grafts_;
  wire::ViewConfig config_;
  os::Fd ledger_;
  service::Connection connection_;
  os::Fd channels_[3];
  os::Fd events_;
  os::Child broker_;
};

}  // namespace sluice::adversary
