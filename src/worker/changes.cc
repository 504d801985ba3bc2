// Changes behind the view, in its source: what the kernel remembers of them it is told to forget.
#include <array>
#include <vector>

#include "core/limits.h"
#include "os/channel.h"
#include "wire/change_event.h"
#include "worker/due.h"
#include "worker/worker.h"

namespace sluice::worker {
namespace {

constexpr size_t kBytesOfOneTurn = 16 * 1024;
// What changes again and again is forgotten no more often, and our own changes wake nobody each
// time.
constexpr int64_t kBetweenTurns = core::Limits::kChangesMilliseconds * int64_t{1'000'000};
// Attributes that the kernel is told to forget while it waits for them do not arrive. Of any other
// inode it then has older ones, of the root none, with which everybody is refused: so much time for
// the first to arrive.
constexpr int64_t kTimeToArrive = 50'000'000;

}  // namespace

bool Worker::may_tell(const Node* directory, std::string_view name, bool is_directory) {
  return rules.empty() || !rules.hides(rules.decide(directory, name).of(is_directory));
}

void Worker::forget_attributes(uint64_t nodeid) {
  const wire::InvalInodeNotice notice = wire::inval_inode(nodeid, -1);
  // Fails where the kernel has forgotten the inode meanwhile.
  (void)os::write_message(device, {reinterpret_cast<const uint8_t*>(&notice), sizeof(notice)});
}

void Worker::forget_names() {
  // The kernel looks every name up again. Before Linux 6.16 it does when the names are too old.
  const wire::FuseOutHeader notice{sizeof(notice), wire::kNotifyIncEpoch, 0};
  (void)os::write_message(device, {reinterpret_cast<const uint8_t*>(&notice), sizeof(notice)});
}

// Of a name that was made for a file that had one: the other name is no event.
void Worker::forget_links(Node* directory, std::string_view name) {
  const auto stat = table.stat_child(directory, name);
  if (!stat.ok() || stat->stx_nlink < 2 || S_ISDIR(stat->stx_mode)) return;
  for (Facet facet = 0; facet < rules.facets(); ++facet) {
    if (const Node* node = table.find(*stat, facet); node != nullptr) forget_attributes(node->id);
  }
}

// False: it is not known which names have changed. Of a directory that is not watched only its own
// attributes are told, by its parent; where it is, and so whether it is hidden, is not: they are not
// remembered for long anyway.
bool Worker::take_change(const wire::ChangeEvent& event) {
  if ((event.what & wire::kChangesLost) != 0) return false;
  // A copy: looking about may take marks off, and put others on.
  const auto nodes = watches.nodes_of(event.directory);
  for (const uint64_t id : std::vector<uint64_t>(nodes.begin(), nodes.end())) {
    Node* directory = table.get(id);
    if (directory == nullptr) continue;
    if (event.name.empty()) {
      forget_attributes(id);
      continue;
    }
    if (!may_tell(directory, event.name, (event.what & wire::kChangedDirectory) != 0)) continue;
    if ((event.what & wire::kChangedNames) != 0) forget_attributes(id);
    if ((event.what & wire::kNameMade) != 0) forget_links(directory, event.name);
    if (!forgetter.forget(id, event.name)) return false;
  }
  return true;
}

void Worker::root_told() {
  if (changes_due == INT64_MAX) changes_due = nanoseconds() + kTimeToArrive;
}

int Worker::milliseconds_to_changes() const {
  return watches.are_on() ? milliseconds_until(changes_due, nanoseconds()) : -1;
}

// What was told of changes while there was no worker is lost, and the attributes of what is open are not remembered.
void Worker::go_on() {
  forget_names();
  attributes_due = nanoseconds() + kTimeToArrive;
  root_told();
  // Last: what is sent again is for who can serve it from then on, however much there was to tell.
  const wire::FuseOutHeader resend{sizeof(resend), wire::kNotifyResend, 0};
  (void)os::write_message(device, {reinterpret_cast<const uint8_t*>(&resend), sizeof(resend)});
}

void Worker::forget_old_attributes() {
  attributes_due = INT64_MAX;
  const bool all = config.coherence_milliseconds > core::Limits::kCoherenceMilliseconds;
  table.for_each([&](const Node* node) {
    if (node != table.root() && (all || node->opens > 0)) forget_attributes(node->id);
  });
}

void Worker::take_changes() {
  changes_due = nanoseconds() + kBetweenTurns;
  alignas(8) std::array<uint8_t, kBytesOfOneTurn> bytes;
  const auto length = os::read_message(watches.group(), bytes);
  if (!length.ok()) return;
  if (*length > kBytesOfOneTurn / 2) changes_due = 0;  // there may be more: after a request
  bool all_told = true;
  wire::ChangeEvents events({bytes.data(), *length});
  while (!events.finished()) {
    const auto event = events.next();
    // The kernel has our answer, of the one place where this directory is in the view.
    if (event.ok() && event->own && watches.nodes_of(event->directory).size() < 2) continue;
    if (!event.ok() || !take_change(*event)) all_told = false;
  }
  if (all_told) return;
  forget_names();
  forget_attributes(table.root()->id);
}

}  // namespace sluice::worker
