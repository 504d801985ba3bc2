// One connection's worker: everything its operations use, and how they answer.
//
// Main thread only, except data_thread's own.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>

#include "os/metadata.h"
#include "wire/change_event.h"
#include "wire/counters.h"
#include "wire/fuse.h"
#include "wire/view_config.h"
#include "worker/data_thread.h"
#include "worker/forgetter.h"
#include "worker/listings.h"
#include "worker/listing_habit.h"
#include "worker/names.h"
#include "worker/open_files.h"
#include "worker/record.h"
#include "worker/table.h"
#include "worker/view_rules.h"
#include "worker/watches.h"

namespace sluice::worker {

struct Worker {
  const wire::ViewConfig& config;
  Table& table;
  ViewRules& rules;
  OpenFiles& files;
  Listings& listings;
  Names& names;
  DataThread& data;
  Watches& watches;
  Forgetter& forgetter;
  wire::Counters& counters;
  int device;
  int service;  // the event channel: closed when the service is gone

  // A file opened now: if it is still open in a moment, the kernel must ask for its attributes each
  // time, since others may change its size. Files that are soon closed cost nothing extra.
  struct Fresh {
    uint64_t nodeid;
    int64_t at;
  };
  std::deque<Fresh> fresh;
  ListingHabit habit = {};
  // In nanoseconds: when the kernel is told to forget the attributes that it has from the worker before this one.
  int64_t attributes_due = INT64_MAX;
  absl::flat_hash_set<uint64_t> told_open = {};  // nodeids: whose listing the kernel remembers by a handle that is open
  uint64_t last_opened = 0;      // nodeid
  uint64_t unique = 0;           // of the kernel's request that is being served
  uint32_t umask = 0;            // of this process, set as the last caller's was
  bool swallow_replies = false;  // while libfuse answers the recorded INIT
  Record* record = nullptr;      // of a view that is recorded
  size_t unserved = 0;           // requests that are read, and wait for their turn
  int64_t served_at = nanoseconds();  // when the last request was
  bool rests = false;                 // it ends for as long as there is nothing to do
  // Preserve mode, in nanoseconds since 1970: what was made before this may be what was lost, of this view or
  // of one before it.
  const int64_t started_at = realtime(CLOCK_REALTIME_COARSE) - 1;  // by which times of birth are counted
  int64_t lost_until = started_at;

  Intent& intent() { return table.legacy().intent(); }

  // In nanoseconds: changes are not looked at before. Not before anybody has used the view.
  int64_t changes_due = INT64_MAX;

  // How long the kernel may remember, in milliseconds. What is not watched: no longer than by default.
  // A name in the directory, or that there is none:
  uint32_t name_time(const Node* directory) const { return time_of(directory->announced); }
  // Attributes of a node with so many links.
  uint32_t attribute_time(const Node* node, uint32_t links) const;
  static double seconds(uint32_t milliseconds) { return milliseconds / 1000.0; }

  // nullptr: the kernel names a node that it has forgotten, also where what is below keeps it in the table, or of which the rules say
  // something else by now.
  Node* get(uint64_t nodeid) {
    Node* node = table.get(nodeid);
    const bool is_told = node != nullptr && (node->lookups > 0 || node == table.root());
    return is_told && rules.is_current(node) ? node : nullptr;
  }
  // The same, but what is open stays what it was when it was opened.
  Node* get_open(uint64_t nodeid) {
    Node* node = table.get(nodeid);
    return node != nullptr && (node->opens > 0 || rules.is_current(node)) ? node : nullptr;
  }
  // Attributes and node of a visible child. ENOENT for hidden and absent alike.
  core::Result<Node*> look_up(Node* parent, std::string_view name, os::Stat* stat);

  // As Table's, and what the rules say of it is what they said just now.
  Node* remember(Node* parent, std::string_view name, const os::Stat& stat, Facet facet);

  // parent: where it was found.
  void reply_entry(fuse_req_t req, const Node* parent, Node* node, os::Stat stat);
  void use_umask(uint32_t mask);
  // Preserve mode: what was just made as parent/name belongs to the caller.
  core::Outcome settle_owner(fuse_req_t req, Node* parent, std::string_view name, uint32_t mode);
  // Before parent/name is made: writes down what is there. True: this request has made it, by the worker before this one. link:
  // of what it is another name, nullptr: it is new.
  bool was_made(fuse_req_t req, Node* parent, std::string_view name, uint32_t mode, const Node* link = nullptr);
  // From the service: other rules, or that it may rest. Fails where the view cannot go on, or does without a worker.
  core::Outcome take_word();
  // Whether the view can do without a worker from now on: none of its own is lost, and nobody misses a change that is not watched,
  // since the kernel has forgotten all that it was told.
  bool can_rest();
  void note_open(Node* node);
  // After a file was opened to be read, or one was looked up, and the kernel has its answer: asks for what is opened next, as it seems.
  void look_ahead(Node* opened);
  void look_ahead_of_look_up(Node* node);
  static int64_t realtime(clockid_t clock);
  bool was_made_since(int64_t since, const os::Stat& stat, uint32_t mode) const;
  core::Outcome give_to_maker(fuse_req_t req, Node* parent, std::string_view name, uint32_t mode);
  static int64_t nanoseconds();  // of the clock that only goes on
  // Whether it is time to look at what has changed in the source.
  bool looks_for_changes() const { return watches.are_on() && nanoseconds() >= changes_due; }
  int milliseconds_to_changes() const;  // -1: none are looked for
  void take_changes();
  // After another worker: the kernel sends again what that one has not answered, and looks at what it remembers.
  void go_on();
  // A request comes that the worker before this one may have been at.
  void begin(uint64_t number);
  // The kernel has been told the attributes of the root, without which it lets nobody in.
  void root_told();
  void forget_old_attributes();
  void forget_names();
  void forget_attributes(uint64_t nodeid);
  // A directory is opened: says to the kernel whether it is to remember the listing, and whether what it remembers is as good.
  void tell_listing(Node* node, int directory, fuse_file_info* file);
  void listing_closed(Node* node, uint64_t handle);
  // What the kernel remembers by this handle would hold for longer than rules do that end by the clock.
  bool is_told_too_much(const Node* node, uint64_t handle) const {
    return rules.are_timed() && node->listing != nullptr && node->listing->handle == handle;
  }
  // Other rules: what the kernel remembers by a handle that is open is none of them.
  void forget_listings();
  // Does what is due; milliseconds until the next time, -1: nothing is waiting.
  int tick();

  // Of what changes only in a place that is watched, or elsewhere too.
  uint32_t time_of(bool announced) const {
    return announced ? config.coherence_milliseconds
                     : std::min(config.coherence_milliseconds, core::Limits::kCoherenceMilliseconds);
  }
  // Whether a change of directory/name is nothing that a rule hides.
  bool may_tell(const Node* directory, std::string_view name, bool is_directory);
  void forget_links(Node* directory, std::string_view name);
  bool take_change(const wire::ChangeEvent& event);
};

inline Worker& worker_of(fuse_req_t req) { return *static_cast<Worker*>(fuse_req_userdata(req)); }
inline void fail(fuse_req_t req, const core::Failure& why) { fuse_reply_err(req, why.error); }

struct stat to_stat(const os::Stat& stat);
wire::FuseAttr to_attr(const os::Stat& stat);

// The operations, by the file that holds them.
void add_name_operations(fuse_lowlevel_ops& ops);       // ops_names.cc
void add_attribute_operations(fuse_lowlevel_ops& ops);  // ops_attributes.cc
void add_directory_operations(fuse_lowlevel_ops& ops);  // ops_directories.cc
void add_file_operations(fuse_lowlevel_ops& ops);       // ops_files.cc

// TMPFILE, which libfuse before 3.17 does not know: the request as the kernel sent it.
void serve_tmpfile(Worker& worker, std::span<const uint8_t> message);

}  // namespace sluice::worker
