#include "worker/intent.h"

#include "wire/fuse.h"
#include "worker/store.h"

namespace sluice::worker {

Intent::Intent(wire::IntentRecord& record, const wire::LeftTable* left)
    : record_(record), left_(left != nullptr ? left->intent.unique : 0) {}

bool Intent::begin(uint64_t unique) {
  unique_ = unique & ~wire::kUniqueResend;
  resumed_ = left_ != 0 && unique_ == left_ && unique != unique_;
  armed_ = resumed_;
  return resumed_;
}

// Not before there is something to write down: requests that need nothing may come before the one that is
// sent again.
void Intent::arm() {
  if (armed_) return;
  put(record_.unique, uint64_t{0});
  put(record_.stage, uint64_t{0});
  put(record_.asked, uint64_t{0});
  put(record_.answered, uint64_t{0});
  put(record_.node, uint64_t{0});
  put(record_.unique, unique_);
  armed_ = true;
  left_ = 0;
}

void Intent::set(int which, const std::optional<There>& found, uint64_t& stage, Stage bit) {
  if (!found.has_value()) return;
  const FileKey& key = found->key;
  record_.there[which] = {key.dev, key.ino, key.born_seconds, key.born_nanoseconds, key.root};
  record_.facets[which] = found->facet;
  stage |= bit;
}

void Intent::note(const std::optional<There>& first, const std::optional<There>& second, int64_t begun) {
  arm();
  if (was_noted()) return;
  uint64_t stage = kNoted;
  record_.begun = begun;
  set(0, first, stage, kFirst);
  set(1, second, stage, kSecond);
  put(record_.stage, stage);
}

std::optional<Intent::There> Intent::there(int which) const {
  if ((record_.stage & (which == 0 ? kFirst : kSecond)) == 0) return std::nullopt;
  const wire::FileRecord& file = record_.there[which];
  return There{{file.dev, file.ino, file.born_seconds, file.born_nanoseconds, file.root}, record_.facets[which]};
}

void Intent::asks(wire::BrokerOp op) {
  arm();
  put(record_.asked, static_cast<uint64_t>(op));
}

void Intent::answered(wire::BrokerOp op) { put(record_.answered, static_cast<uint64_t>(op)); }

void Intent::answer_left() {
  if (record_.asked != 0) put(record_.answered, record_.asked);
}

void Intent::count(uint64_t nodeid, uint64_t before) {
  arm();
  // A request is about one node, whose opens it may count up and down again.
  if (record_.node == nodeid) return;
  put(record_.node, uint64_t{0});
  put(record_.opens_before, before);
  put(record_.node, nodeid);
}

}  // namespace sluice::worker
