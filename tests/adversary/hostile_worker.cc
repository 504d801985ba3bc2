#include "hostile_worker.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "core/compiler.h"
#include "core/limits.h"
#include "core/reason_text.h"
#include "os/channel.h"
#include "os/file.h"
#include "os/memory_file.h"
#include "os/mount.h"
#include "os/poller.h"
#include "core/ledger.h"
#include "os/shared_file.h"
#include "os/socket.h"
#include "sandbox/fds.h"
#include "wire/event_reader.h"
#include "wire/view_config_writer.h"

namespace sluice::adversary {
namespace {

template <typename T>
T must(core::Result<T> result, const char* step) {
  if (!result.ok()) {
    ADD_FAILURE() << step << ": " << std::strerror(result.failure().error) << ", "
                  << core::reason_name(result.failure().reason);
    std::abort();
  }
  return *std::move(result);
}

os::Fd open_path(const std::string& path, int flags) { return os::Fd(::open(path.c_str(), flags | O_CLOEXEC)); }

}  // namespace

std::string program_path(const std::string& name) {
  const char* programs = std::getenv("SLUICE_BIN");
  return std::string(programs != nullptr ? programs : ".") + "/" + name;
}

Tree::Tree() {
  const char* base = std::getenv("TMPDIR");
  root_ = std::string(base != nullptr ? base : "/var/tmp") + "/sluice-adversary-XXXXXX";
  if (::mkdtemp(root_.data()) == nullptr) std::abort();
  ::chmod(root_.c_str(), 0755);
  for (const char* name : {"/view", "/outside"}) {
    std::filesystem::create_directory(root_ + name);
    if (::chown((root_ + name).c_str(), kUser, kUser) != 0) std::abort();
  }
}

Tree::~Tree() {
  std::error_code ignored;
  std::filesystem::remove_all(root_, ignored);
}

void Tree::write(const std::string& full_path, const std::string& content, uint32_t mode) const {
  std::ofstream(full_path) << content;
  if (::chown(full_path.c_str(), kUser, kUser) != 0 || ::chmod(full_path.c_str(), mode) != 0) std::abort();
}

void Tree::mean_directory(wire::BrokerRequest& request, const std::string& name) const {
  const size_t slash = name.rfind('/');
  const os::Fd fd = open_path(path(name.substr(0, slash == std::string::npos ? 0 : slash)), O_PATH);
  const os::Stat stat = must(os::stat_held(fd.get()), "directory");
  request.dev = os::dev_of(stat);
  request.ino = stat.stx_ino;
}

HostileWorker::HostileWorker(const std::string& tree, bool read_only,
                             const std::vector<std::string_view>& rules, uint32_t most_grants,
                             bool preserve)
    : HostileWorker(tree, read_only, std::get<core::Rules>(core::compile(rules)), most_grants, preserve) {}

HostileWorker::HostileWorker(const std::string& tree, bool read_only, const core::Rules& rules,
                             uint32_t most_grants, bool preserve, const std::vector<Graft>& grafts, bool device_nodes)
    : tree_(tree), grafts_(grafts) {
  const uint32_t owner = preserve ? 0 : kUser;
  connection_ = must(service::make_connection({owner, owner, preserve, read_only, "adversary"}), "connection");
  config_.read_only = read_only;
  config_.preserve = preserve;
  config_.device_nodes = device_nodes;
  config_.most_grants = most_grants;
  config_.private_uid = core::Limits::kFirstPrivateUid;
  config_.uid = preserve ? config_.private_uid : kUser;
  config_.init = connection_.init;
  config_.rules = rules;
  for (const Graft& graft : grafts) config_.grafts.push_back({graft.at, read_only});
  ledger_ = must(os::counter_file("ledger", most_grants * sizeof(core::Grant)), "memfd");
  start_broker();
}

void HostileWorker::start_broker() {
  const os::Fd source = open_path(tree_, O_PATH | O_DIRECTORY);
  const os::Fd root_ro = must(os::clone_tree(source.get(), true), "clone");
  const os::Fd root_rw = config_.read_only ? must(os::duplicate(root_ro.get()), "dup")
                                           : must(os::clone_tree(source.get(), false), "clone");
  std::vector<os::Fd> trees;
  for (const Graft& graft : grafts_) {
    const os::Fd directory = open_path(graft.directory, O_PATH | O_DIRECTORY);
    for (const bool ro : {true, config_.read_only != 0}) trees.push_back(must(os::clone_tree(directory.get(), ro), "clone"));
  }
  const os::Fd configuration = must(os::sealed_file("test", wire::encode_view_config(config_)), "memfd");
  std::pair<os::Fd, os::Fd> pairs[4];
  for (auto& pair : pairs) pair = must(os::socket_pair(), "socketpair");
  const os::Fd null = open_path("/dev/null", O_RDWR);
  const os::Fd executable = open_path(program_path("sluice-broker"), O_PATH);
  os::ChildSpec spec{};
  spec.executable = executable.get();
  spec.name = "sluice-broker";
  spec.fds = {{null.get(), 0}, {null.get(), 1}, {STDERR_FILENO, 2},
              {connection_.device.get(), sandbox::kFdFuse}, {root_ro.get(), sandbox::kFdRoot},
              {root_rw.get(), sandbox::kFdRootRw}, {pairs[0].first.get(), sandbox::kFdGrantRw},
              {pairs[1].first.get(), sandbox::kFdGrantRo}, {pairs[2].first.get(), sandbox::kFdData},
              {pairs[3].first.get(), sandbox::kFdEvents}, {configuration.get(), sandbox::kFdConfig},
              {ledger_.get(), sandbox::kFdLedger}};
  for (size_t i = 0; i < trees.size(); ++i) spec.fds.push_back({trees[i].get(), sandbox::kFdGrafts + static_cast<int>(i)});
  spec.uid = spec.gid = config_.preserve ? config_.private_uid : kUser;
  spec.capabilities = {CAP_SYS_ADMIN, CAP_SETUID, CAP_SETPCAP};
  if (config_.preserve) spec.capabilities.insert(spec.capabilities.end(), {CAP_DAC_OVERRIDE, CAP_FOWNER});
  if (config_.device_nodes) spec.capabilities.push_back(CAP_MKNOD);
  spec.namespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
  spec.most_files = 1024;
  broker_ = must(os::spawn(spec), "spawn");
  for (int i = 0; i < 3; ++i) channels_[i] = std::move(pairs[i].second);
  events_ = std::move(pairs[3].second);
  for (auto& pair : pairs) pair.first.reset();
  for (const os::Fd& channel : channels_) (void)os::set_timeout(channel.get(), 5000);
  (void)os::set_timeout(events_.get(), 100);
  uint8_t message[wire::kEventMost];
  const bool answered = must(os::wait_readable(events_.get(), 5000), "ready");
  const size_t length = answered ? must(os::read_message(events_.get(), message), "ready") : 0;
  const auto event = wire::decode_event({message, length});
  if (!event.ok() || event->header.kind != wire::EventKind::kReady) std::abort();
}

HostileWorker::~HostileWorker() { os::end_child(broker_); }

void HostileWorker::next_broker() {
  os::end_child(broker_);
  start_broker();
}

Reply HostileWorker::ask(Channel channel, const wire::BrokerRequest& request, std::string_view path,
                         std::string_view second) {
  std::vector<uint8_t> bytes(sizeof(request));
  wire::BrokerRequest header = request;
  header.path_length = static_cast<uint32_t>(path.size());
  header.second_length = static_cast<uint32_t>(second.size());
  std::memcpy(bytes.data(), &header, sizeof(header));
  for (const std::string_view text : {path, second}) bytes.insert(bytes.end(), text.begin(), text.end());
  Reply reply{-1, core::Reason::kNone, {}};
  if (!send(channel, bytes)) return reply;
  const auto got = os::read_message(channels_[channel].get(),
                                    {reinterpret_cast<uint8_t*>(&reply.body), sizeof(reply.body)});
  if (!got.ok() || *got != sizeof(reply.body)) return reply;
  reply.error = reply.body.error;
  reply.reason = static_cast<core::Reason>(reply.body.reason);
  return reply;
}

bool HostileWorker::send(Channel channel, const std::vector<uint8_t>& bytes) {
  return os::send_message(channels_[channel].get(), bytes).ok();
}

Reply HostileWorker::open(Channel channel, std::string_view path, uint32_t flags,
                          const std::string& claimed_file) {
  const os::Fd fd = open_path(claimed_file, O_PATH | O_NOFOLLOW);
  const auto stat = os::stat_held(fd.get());
  return stat.ok() ? open(channel, path, flags, os::dev_of(*stat), stat->stx_ino)
                   : open(channel, path, flags, 0, 0);
}

Reply HostileWorker::open(Channel channel, std::string_view path, uint32_t flags, uint64_t dev,
                          uint64_t ino) {
  wire::BrokerRequest request{};
  request.op = wire::BrokerOp::kOpen;
  request.flags = flags;
  request.dev = dev;
  request.ino = ino;
  return ask(channel, request, path);
}

int HostileWorker::count_events() {
  uint8_t message[wire::kEventMost];
  int count = 0;
  for (;; ++count) {
    const auto length = os::read_message(events_.get(), message);
    if (!length.ok() || *length == 0) return count;
  }
}

bool HostileWorker::broker_lives() {
  const auto ending = os::reap(broker_.pidfd.get());
  return !ending.ok() && ending.failure().error == EAGAIN;
}

}  // namespace sluice::adversary
