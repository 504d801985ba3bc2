// The request that is being served, and how far it is: by that a worker after this one ends it truly.
//
// A worker is killed in the middle of a request. The kernel keeps the request until it is answered, and sends it
// once more to the next worker, with a bit in its number; what was answered it never sends again. So
// the next worker serves it from the start, unless that would do something twice. What can be done twice without a
// difference needs nothing here: to look, to list, to set attributes, sizes, times, an attribute's value; the kernel lets
// nobody else change the file's size or data meanwhile. For the rest, the main thread has one request at a time, and
// writes down before and after each call what could not be told afterwards:
//
//   mknod, mkdir, create, symlink, link   that the name was not there. What is there afterwards is this request's own if it has
//            the type, belongs to whom we make files for, and was born since: then it was made, and the rest (owner, attributes,
//            open, reply) follows as if it had just been. A link is its own where it is the same file. If the name was there
//            before, or is another's, the call is made again and fails as it must.
//   unlink, rmdir    which file had the name. If that file does not have it any more, it was removed.
//   rename   which files had the two names. If the first one has the second name, and not the first any more, it was renamed; an
//            exchange, if both have each other's. Two names of one file: renaming does nothing, also twice.
//   setxattr with CREATE, removexattr   whether there was such an attribute. CREATE: there was none, and there is one of this value. Remove:
//            there was one, and there is none.
//   open with TRUNC   that the broker has done it: who sees the file empty may have written to it since.
//   open, create, tmpfile, release   how often the node was open before. What the reply did not tell the kernel is taken back first, so that
//            the counts are the kernel's. A nameless file that nobody was told of is given back.
//   lookup, listings   nothing: what was counted and not told is counted once more, so that the node is kept for longer than
//            need be. Never the reverse: it is counted before it is told. FORGET is not sent again, and is counted after it came.
//
// For what the broker does there is more than the look: it goes on when the worker dies, so its answer waits in the channel, or was noted
// when it came. Only between the two, and for what the worker makes itself, the look decides; it is
// wrong only where somebody behind the view has done the very same, as the same user, in that moment.
//
// Files are told by device, inode number and time of birth, never by a name alone.
//
// Used by the main thread only.
#pragma once

#include <cstdint>
#include <optional>

#include "wire/broker_message.h"
#include "wire/node_record.h"
#include "wire/node_table.h"
#include "worker/node.h"

namespace sluice::worker {

class Intent {
 public:
  // What a request found before it changed anything.
  struct There {
    FileKey key;
    Facet facet;
  };

  // record: for life. left: of the worker before this one, if there was one.
  Intent(wire::IntentRecord& record, const wire::LeftTable* left);

  // Each request. True: the worker before this one was at it.
  bool begin(uint64_t unique);
  bool is_resumed() const { return resumed_; }
  // What that one was at, until it has come or another request has been written down; 0: nothing.
  uint64_t left() const { return left_; }
  // The worker before this one was giving something another name, and names below it may lead there or here.
  bool leaves_names_open() const { return left_ != 0 && record_.asked == static_cast<uint64_t>(wire::BrokerOp::kRename); }
  // The worker before this one had noted what it found: it may have done the rest.
  bool was_noted() const { return resumed_ && (record_.stage & kNoted) != 0; }

  // What is at its names; unless the one before has noted it. begun: nanoseconds since 1970, before the look.
  void note(const std::optional<There>& first, const std::optional<There>& second = {}, int64_t begun = 0);
  std::optional<There> first() const { return there(0); }
  std::optional<There> second() const { return there(1); }
  int64_t begun() const { return record_.begun; }

  // Of the channel by which names are changed.
  void asks(wire::BrokerOp op);
  void answered(wire::BrokerOp op);
  // An answer that nobody waited for any more: to what was asked last.
  void answer_left();
  // Whether the broker has done it.
  bool has_done(wire::BrokerOp op) const { return resumed_ && record_.answered == static_cast<uint64_t>(op); }

  // The opens of a node are about to change: what they are, as wire::NodeRecord has them.
  void count(uint64_t nodeid, uint64_t before);
  struct Count {
    uint64_t node, before;
  };
  // 0 as the node: nothing was counted.
  Count counted() const { return {record_.node, record_.opens_before}; }

 private:
  enum Stage : uint64_t { kNoted = 1, kFirst = 2, kSecond = 4 };
  void arm();
  std::optional<There> there(int which) const;
  void set(int which, const std::optional<There>& found, uint64_t& stage, Stage bit);

  wire::IntentRecord& record_;
  uint64_t left_;  // the request of the worker before this one; 0: none, or it has come
  uint64_t unique_ = 0;
  bool armed_ = false;  // record_ is about unique_
  bool resumed_ = false;
};

}  // namespace sluice::worker
