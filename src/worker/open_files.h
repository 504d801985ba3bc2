// Which files are open, under which grant, and grants kept a while after the last close.
//
// Used by the main thread only.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <cstdint>
#include <deque>

#include "core/limits.h"
#include "wire/counters.h"
#include "wire/view_config.h"
#include "worker/broker_link.h"
#include "worker/open_habit.h"
#include "worker/table.h"

namespace sluice::worker {

// Of a nameless file.
os::Stat to_stat(const wire::BrokerReply& reply);

class OpenFiles {
 public:
  // most: grants that the broker gives at once.
  OpenFiles(Table& table, bool read_only, uint32_t most, BrokerLink& read_write, BrokerLink& read_only_link,
            wire::Counters& counters)
      : table_(table),
        view_read_only_(read_only),
        most_(most),
        most_idle_(std::min<size_t>(core::Limits::kIdleGrants, most / 2)),
        read_write_(read_write),
        read_only_link_(read_only_link),
        counters_(counters) {}

  // After another worker: what of the files that it left is open stays so, and what is granted beside that stays for as long as
  // what nobody has open does.
  core::Outcome take_over();
  // A count that the kernel was not told of is as it was before; as wire::NodeRecord has it.
  void take_back(Node* node, uint64_t opens);

  // flags: of open(2). Afterwards the node has a grant and counts the open.
  core::Outcome open(Node* node, int flags);
  // A nameless file in a directory, open for writing; its attributes are in *attributes.
  core::Result<Node*> open_temp(Node* directory, uint32_t mode, bool exclusive,
                                wire::BrokerReply* attributes);
  void release(Node* node, bool write);

  // Before the node is forgotten: a grant that nobody uses is given back.
  void drop_idle(Node* node);
  // Before parent/name stops leading to the node, by a removal or, with replaced, since another file
  // takes its place. A plain directory lets an open or truncate succeed that found the name just
  // before; here it has nothing to open by, gets ESTALE, and the kernel tries once more. Where that
  // happens, whatever goes keeps a grant, so that the second try cannot fail for the same reason.
  void before_name_goes(Node* node, const Node* parent, std::string_view name, bool replaced);
  // Asks for the grant of a file that is about to be opened for reading, as it seems, and does not wait for it. Until somebody opens
  // it, it is as one that was kept after the last close.
  void ask_ahead(Node* node);
  // Whether so many more would be no burden to anybody.
  bool has_room_ahead(size_t more) const;
  OpenHabit& habit() { return habit_; }

  // Before the thread sleeps: what the broker has not been told yet.
  void tell_broker() { link().flush(); }
  // Gives back grants that have been idle too long. Milliseconds until the next is due, -1: none.
  int expire();

  core::Outcome truncate(Node* node, int64_t length);

  // Of a file that never had a name, which only the broker has a descriptor of; or of one that is open and that a worker after
  // another can reach by no name. To change it: open for writing.
  bool is_temp(const Node* node) const { return node->parent == nullptr && !node->held && node->grant != 0; }
  core::Result<wire::BrokerReply> stat_temp(Node* node);
  core::Outcome change_temp(Node* node, wire::BrokerRequest change);
  core::Outcome link_temp(Node* node, Node* parent, std::string_view name);

  static int64_t now();  // milliseconds

 private:
  struct Idle {
    uint64_t nodeid;
    int64_t since;
  };
  enum class Noted { kYes, kNo };  // BrokerLink::open_unnoted()
  // The channel by which files are asked for first, and so the one by which they are given back: what comes by one keeps its order.
  BrokerLink& link() { return view_read_only_ ? read_only_link_ : read_write_; }
  void tell_closed(uint64_t grant);
  core::Result<wire::BrokerReply> ask_grant(Node* node, int flags, Noted noted = Noted::kYes);
  core::Result<wire::BrokerReply> ask_grant_by_this_name(Node* node, int flags, Noted noted);
  core::Outcome get_grant(Node* node, int flags);
  // Of kOpen, to node's path, which is in buffer afterwards.
  wire::BrokerRequest request_to_open(const Node* node, int flags) const;
  // Waits until what was asked for the node has come. nullptr: takes what has come, of any node.
  void settle(const Node* node);
  void take_ahead(BrokerLink& link, const BrokerLink::Ahead& answer);
  // Before a grant is asked for: where the broker has no more, those go that nobody uses, the oldest first.
  void make_room();
  bool close_oldest(std::deque<Idle>& idle);
  // ESTALE; names are contested from now on for a while.
  core::Failure lost_race();
  bool contested() const { return contested_until_ > now(); }
  void set_idle(Node* node, bool nameless);
  void take_grant(Node* node, const wire::BrokerReply& reply, bool write);
  void drop_write(Node* node);
  void close_grant(Node* node);
  void stop_idling(Node* node);
  int expire(std::deque<Idle>& idle, int64_t most_milliseconds);

  Table& table_;
  const bool view_read_only_;
  const size_t most_, most_idle_;
  BrokerLink& read_write_;
  BrokerLink& read_only_link_;
  wire::Counters& counters_;
  std::deque<Idle> idle_;  // oldest first; entries that a later open outdated are skipped
  std::deque<Idle> idle_nameless_;  // likewise, for a shorter time
  size_t idle_count_ = 0;  // in both
  // A file of which the rules say different things by different names has as many nodes, and these
  // one grant of the broker's.
  struct Users {
    uint32_t nodes = 0;
    uint32_t writers = 0;
  };
  absl::flat_hash_map<uint64_t, Users> users_;
  int64_t contested_until_ = 0;
  OpenHabit habit_;
  absl::flat_hash_set<uint64_t> closed_;  // grants that were given back while something was asked for ahead: what comes of them is stale
};

}  // namespace sluice::worker
