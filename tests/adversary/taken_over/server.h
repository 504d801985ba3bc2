// A FUSE server for one connection that answers as it likes. What it lies about depends on the name
// that is looked up; what it does not answer, on its order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/fuse.h"
#include "wire/view_config.h"

namespace sluice::adversary {

class Server {
 public:
  // how: "mute", "die" or "rest" (as who was asked to) when a request of this opcode comes; else it answers all.
  Server(std::string_view how, uint32_t opcode, const wire::ViewConfig& config)
      : how_(how), opcode_(opcode), config_(config) {}
  void run();  // until the connection ends

 private:
  struct Request {
    wire::FuseInHeader header;
    std::span<const uint8_t> body;
    std::string_view name() const;  // of LOOKUP and the like
  };
  long reply(uint64_t unique, int32_t error, const void* data = nullptr, size_t size = 0) const;
  template <typename T>
  void reply_with(const Request& request, const T& data) const {
    reply(request.header.unique, 0, &data, sizeof(data));
  }
  void answer(const Request& request);
  void look_up(const Request& request, std::string_view name);
  void list(const Request& request) const;
  void open(const Request& request) const;
  wire::FuseAttr attributes(uint64_t node, bool at_lookup) const;
  wire::FuseEntryOut entry(std::string_view name);
  const std::string& name_of(uint64_t node) const;
  void lie(const Request& request, std::string_view name) const;  // lies.cc
  void notify_all() const;                                        // lies.cc

  std::string how_;
  uint32_t opcode_;
  const wire::ViewConfig& config_;
  std::vector<std::string> names_;  // of node 2 and on
};

// A backing id for the file plain, as an honest worker gets it; 0: it was refused.
int32_t granted_id();

}  // namespace sluice::adversary
