// Messages to the kernel that answer nothing, or too much.
#include <cerrno>
#include <cstring>

#include "os/channel.h"
#include "sandbox/fds.h"
#include "server.h"
#include "worker.h"

namespace sluice::adversary {
namespace {

constexpr int32_t kNotifyStore = 4;
constexpr int32_t kNotifyMost = 16;  // beyond the last that the kernel knows

long write_raw(uint32_t length, int32_t error, uint64_t unique, size_t bytes) {
  std::vector<uint8_t> message(std::max(bytes, sizeof(wire::FuseOutHeader)), 0x7f);
  const wire::FuseOutHeader header{length, error, unique};
  std::memcpy(message.data(), &header, sizeof(header));
  message.resize(bytes);
  const auto written = os::write_message(sandbox::kFdFuse, message);
  return written.ok() ? 0 : -written.failure().error;
}

}  // namespace

// Each is tried before the request itself is answered.
void Server::lie(const Request& request, std::string_view name) const {
  const uint64_t unique = request.header.unique;
  if (name == "forged") {
    say_result("forged", reply(unique + 0x100000, 0));
  }
  if (name == "twice") {
    say_result("first", reply(unique, -ENOENT));
    say_result("second", reply(unique, -ENOENT));
  }
  if (name == "lengths") {
    say_result("no-header", write_raw(4, 0, unique, 4));
    say_result("longer-said", write_raw(4096, 0, unique, 144));
    say_result("shorter-said", write_raw(16, 0, unique, 144));
    say_result("positive-error", write_raw(16, 5, unique, 16));
    say_result("unknown-error", write_raw(16, -100000, unique, 16));
  }
  if (name == "error-with-body") say_result(name, write_raw(144, -EIO, unique, 144));
  if (name == "init") {
    uint64_t init_unique = 0;
    std::memcpy(&init_unique, config_.init.data() + 8, sizeof(init_unique));
    wire::FuseInitOut out{};
    out.major = wire::kFuseMajor;
    out.minor = wire::kFuseMinorMost;
    out.flags = out.flags2 = ~0u;
    out.max_write = 1u << 30;
    out.max_stack_depth = 2;
    say_result("init", reply(init_unique, 0, &out, sizeof(out)));
  }
  if (name == "oversized") {
    const std::vector<uint8_t> much(100'000, 0x7f);
    say_result("oversized", reply(unique, 0, much.data(), much.size()));
  }
  // Once: one of them makes the kernel send the request again.
  static bool notified = false;
  if (name == "notify" && !notified) {
    notified = true;
    notify_all();
  }
  if (name == "store") {
    // Into the page cache of plain, which is node 2: the test looks it up first.
    struct {
      uint64_t node, offset;
      uint32_t size, padding;
      char text[8];
    } store{2, 0, 5, 0, "lies!"};
    say_result("store", reply(0, kNotifyStore, &store, 24 + 5));
  }
}

void Server::notify_all() const {
  for (int32_t code = 0; code <= kNotifyMost; ++code) {
    for (const size_t size : {16u, 17u, 24u, 32u, 40u, 56u, 64u, 4096u, 65536u, 131072u}) {
      write_raw(static_cast<uint32_t>(size), code, 0, size);
    }
    // Names and ranges of all bits, in a message of the right length.
    std::vector<uint8_t> body(64, 0xff);
    reply(0, code, body.data(), body.size());
  }
  say("notified");
}

}  // namespace sluice::adversary
