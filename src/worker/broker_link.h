// The worker's side of its three channels to the broker.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "wire/broker_message.h"
#include "worker/intent.h"
#include "worker/patience.h"

namespace sluice::worker {

// Ends the process; main.cc has it. The fuzz targets, which go on, have another.
void without_broker();

class BrokerLink {
 public:
  // channel: borrowed. One thread uses it. intent: what is asked, and what is answered, is written down there.
  explicit BrokerLink(int channel, Intent* intent = nullptr, bool looks = false)
      : channel_(channel), intent_(intent), patience_(looks) {}

  // Waits for the answer. The failure is the broker's verdict. Where the broker is gone, this process ends.
  core::Result<wire::BrokerReply> ask(const wire::BrokerRequest& request, std::string_view path = {},
                                      std::string_view second = {});
  // The same of kOpen, before the worker before this one's request has been ended: nothing is written down.
  core::Result<wire::BrokerReply> open_unnoted(wire::BrokerRequest request, std::string_view path);
  // For the requests without an answer.
  void tell(const wire::BrokerRequest& request);
  // The same, together with what is asked or told next: the broker need not be woken for it alone. Who sleeps, or lets somebody go on
  // to whom it matters, calls flush() before.
  void tell_soon(const wire::BrokerRequest& request);
  void flush();

  // Asks for the grant of a file and does not wait. What is asked for so is answered before anything that is asked later.
  // False where it was not asked.
  bool ask_ahead(wire::BrokerRequest request, std::string_view path, uint64_t nodeid);
  struct Ahead {
    uint64_t nodeid;
    core::Result<wire::BrokerReply> reply;
  };
  // The first of the answers; waits: for it, if it has not come yet. Nothing where nothing was asked, or none has come.
  std::optional<Ahead> take_ahead(bool waits);
  size_t asked_ahead() const { return ahead_.size() + arrived_.size(); }

  // After another worker, before anything is asked: returns when the broker has done all that the other one asked for. nonce:
  // a number, > 0, that no answer to another one has as its value, and that none of them could guess. A hostile one has filled the
  // channel with questions, and has read no answer: here one is read wherever there is one. lifeline: when its other end closes,
  // another worker may be at this channel. most_milliseconds: < 0: as long as it takes, else kTimeout.
  core::Outcome catch_up(int64_t nonce, int lifeline, int most_milliseconds);
  // All that is granted, as the broker has it, by which another worker's leavings are compared. Writes nothing down.
  core::Result<std::vector<wire::GrantedFile>> list_grants();

 private:
  core::Outcome send(const wire::BrokerRequest& request, std::string_view path, std::string_view second);
  core::Result<wire::BrokerReply> ask_now(const wire::BrokerRequest& request, std::string_view path, std::string_view second);
  core::Result<wire::BrokerReply> receive();
  void look_for_answer();
  core::Result<wire::BrokerReply> receive_verdict();
  Ahead receive_ahead();

  int channel_;
  Intent* intent_;
  Patience patience_;
  std::vector<wire::BrokerRequest> held_back_;  // until flush()
  std::deque<uint64_t> ahead_;  // nodeids that were asked for; the answers come in this order
  std::deque<Ahead> arrived_;
};

}  // namespace sluice::worker
