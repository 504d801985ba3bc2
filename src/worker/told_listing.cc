// Listings that the kernel remembers: who lists a directory again asks for it once, and for none of its names.
//
// Whether what the kernel remembers is as good is decided anew each time that somebody opens the directory, by its times. Who
// has it open and begins anew asks nobody as long as the kernel knows its attributes (FUSE_AUTO_INVAL_DATA: it compares the time of the
// last change), which it is told to forget when something changes. What is changed through the view it knows by itself.
// Source: fs/fuse/readdir.c, fuse_readdir_cached, Linux 6.18.
//
// By one handle at a time: names that one was told before a change, and that arrive after another was told of the change, the
// kernel would take for those after it. Only in a view of one user without rules: who copies names out of what the kernel remembers
// may hold up all others who open the directory; and rules may change without any change of the directory.
#include <absl/hash/hash.h>

#include "worker/worker.h"

namespace sluice::worker {
namespace {

// The kernel takes a part of a microsecond for each name that it is to remember, which who lists a directory once pays for nothing. Of
// so large a one, in bytes as its filesystem counts them, the second listing is the first to be remembered.
constexpr uint64_t kLarge = 65536;

}  // namespace

void Worker::tell_listing(Node* node, int directory, fuse_file_info* file) {
  // What is recorded is asked for each time. Of the root the kernel may not be told to forget all at any time (root_told).
  if (!rules.empty() || config.preserve || record != nullptr || !node->announced || node == table.root()) return;
  if (node->listing != nullptr && node->listing->handle != 0) return;
  const auto stat = os::stat_held(directory);
  if (!stat.ok()) return;
  const uint64_t state = absl::HashOf(stat->stx_mtime.tv_sec, stat->stx_mtime.tv_nsec, stat->stx_ctime.tv_sec,
                                      stat->stx_ctime.tv_nsec);
  const int64_t now = OpenFiles::now();
  const bool is_same = node->listing != nullptr && node->listing->state == state;
  if (!is_same && stat->stx_size > kLarge) {
    node->listing = std::make_unique<ToldListing>(ToldListing{state, now, false, false, 0});
    return;
  }
  if (is_same && node->listing->is_told) {
    // Names and attributes come with a new listing at once, which otherwise are looked up one by one.
    const bool looked_up = habit.expects_looks() && (!node->listing->with_attributes || now - node->listing->at >= name_time(node));
    file->keep_cache = !looked_up;
  }
  file->cache_readdir = 1;
  if (file->keep_cache == 0) node->listing = std::make_unique<ToldListing>(ToldListing{state, now, true, false, 0});
  node->listing->handle = file->fh;
  told_open.insert(node->id);
}

void Worker::listing_closed(Node* node, uint64_t handle) {
  if (node->listing == nullptr || node->listing->handle != handle) return;
  node->listing->handle = 0;
  told_open.erase(node->id);
}

// Of all directories: by which handles of a worker before this one the kernel remembers something, nobody knows.
void Worker::forget_listings() {
  std::vector<uint64_t> directories;
  table.for_each([&](Node* node) {
    if (!node->is_directory() || node == table.root()) return;
    if (node->listing != nullptr) node->listing->is_told = false;
    directories.push_back(node->id);
  });
  forgetter.forget_listings(std::move(directories));
}

}  // namespace sluice::worker
