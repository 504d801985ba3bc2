// Listings that the kernel remembers: who lists a directory again asks for it once, and for none of its names.
//
// Whether what the kernel remembers is as good is decided anew each time that somebody opens the directory, by what the listing
// was made of: the directory's times, which change with its names (of two changes within one tick of an older kernel's clock both
// the kernel and Watches tell), and where there are rules its path and which rules they are. Who has the directory open and begins
// anew asks nobody; so the kernel remembers only listings of directories in which changes are told, and is told to
// forget them. What is changed through the view it knows by itself. Source: fs/fuse/readdir.c, fuse_readdir_cached, Linux 6.18.
#include <absl/hash/hash.h>

#include "os/channel.h"
#include "worker/worker.h"

namespace sluice::worker {
namespace {

constexpr size_t kLeftListingsOfOneTurn = 256;

// The kernel takes a part of a microsecond for each name that it is to remember, which who lists a directory once pays for nothing. Of
// so large a one, in bytes as its filesystem counts them, the second listing is the first to be remembered.
constexpr uint64_t kLarge = 65536;

core::Result<uint64_t> state_of(Worker& worker, const Node* node, const os::Stat& stat) {
  PathBuffer buffer;
  const auto path = worker.rules.empty() ? core::Result<std::string_view>("") : worker.table.path_of(node, buffer);
  if (!path.ok()) return path.failure();
  return absl::HashOf(stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec, stat.stx_ctime.tv_sec, stat.stx_ctime.tv_nsec,
                      worker.rules.epoch(), *path);
}

}  // namespace

void Worker::tell_listing(Node* node, int directory, fuse_file_info* file) {
  // What is recorded is asked for each time; rules that end by the clock end for who has the directory open, too; and the kernel
  // may be told to forget any inode's attributes but the root's at any time (root_told).
  if (record != nullptr || rules.are_timed() || !node->announced || node == table.root()) return;
  // What has numbers keeps them meanwhile. Who has a directory open comes first.
  const Listing* const listing = listings.find(file->fh);
  if (listing->numbering() != nullptr && !table.legacy().has_room_for_places()) return;
  const auto stat = os::stat_held(directory);
  if (!stat.ok()) return;
  const auto state = state_of(*this, node, *stat);
  if (!state.ok()) return;
  const int64_t now = OpenFiles::now();
  const bool is_same = node->listing != nullptr && node->listing->state == *state;
  if (!is_same && stat->stx_size > kLarge) {
    node->listing = std::make_unique<ToldListing>(ToldListing{*state, now, false, false, nullptr});
    return;
  }
  if (is_same && node->listing->is_told) {
    // Names and attributes come with a new listing at once, which otherwise are looked up one by one.
    const bool looked_up = habit.expects_looks() && (!node->listing->with_attributes || now - node->listing->at >= name_time(node));
    file->keep_cache = !looked_up;
  }
  file->cache_readdir = 1;
  if (file->keep_cache == 0) node->listing = std::make_unique<ToldListing>(ToldListing{*state, now, true, false, listing->numbering()});
}

void Worker::forget_listing(Node* node) {
  node->listing.reset();
  forget_inode(node->id, true);
}

void Worker::forget_listings() {
  table.for_each([&](Node* node) {
    if (node->listing != nullptr) forget_listing(node);
  });
}

// Of those that the worker before this one has told nothing is known. Who has one of them open may go on for a moment by what the
// kernel remembers.
bool Worker::forget_left_listings() {
  for (size_t most = kLeftListingsOfOneTurn; most > 0 && !left_listings.empty(); --most) {
    if (Node* node = table.get(left_listings.back()); node != nullptr && node->listing == nullptr) forget_listing(node);
    left_listings.pop_back();
  }
  return left_listings.empty();
}

}  // namespace sluice::worker
