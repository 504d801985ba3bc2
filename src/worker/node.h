// What the worker knows of one inode of the source.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "os/fd.h"
#include "os/file.h"

namespace sluice::worker {

// Which file a node stands for. The time of birth tells a new file from an old one whose inode
// number it got.
struct FileKey {
  uint64_t dev;
  uint64_t ino;
  int64_t born_seconds;
  uint32_t born_nanoseconds;
  uint32_t root;  // the tree of the view that it was found in: core::Place
  friend bool operator==(const FileKey&, const FileKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const FileKey& key) {
    return H::combine(std::move(h), key.dev, key.ino, key.born_seconds, key.born_nanoseconds, key.root);
  }
};

// What the rules say of a file, as a number (ViewRules). By names of which they say something else it
// is another node, with other attributes.
using Facet = uint32_t;

// What the kernel remembers of a directory: its listing, so that who lists it again asks nobody (told_listing.cc).
struct ToldListing {
  uint64_t state;         // what it was made of, as a number: the times of the directory
  int64_t at;             // when, in milliseconds
  bool is_told;           // false: it was listed once, and the next listing is to be remembered
  bool with_attributes;   // those of its files came with the names
  uint64_t handle;        // the one that is open and by which the kernel remembers it; 0: none
};

struct Node {
  uint64_t id = 0;  // the kernel's nodeid
  FileKey key{};
  Facet facet = 0;
  uint32_t epoch = 0;       // when that was decided (ViewRules)
  uint32_t type = 0;        // S_IFMT of the mode
  Node* parent = nullptr;   // with name: where it was last seen; nullptr: the root, or nameless
  std::string name;
  // Further names of a file with several links, newest last: one of them takes over when `name` goes.
  struct Link {
    Node* parent;
    std::string name;
  };
  std::vector<Link> links;
  uint64_t lookups = 0;     // the kernel's references
  uint64_t next_seen = 0;   // nodeid: what was seen after it in the same directory, 0: nothing
  uint32_t children = 0;    // nodes whose parent this is: it stays while there are any
  std::unique_ptr<ToldListing> listing;  // of a directory; nullptr: the kernel remembers none
  os::Fd held;              // O_PATH. A directory: a cache. Others: while open, or once nameless.
  uint64_t recency = 0;     // of a directory's `held`

  // Of a regular file: its grant and who has it open.
  uint64_t grant = 0;       // 0: none
  int backing_id = 0;
  uint32_t opens = 0;
  uint32_t write_opens = 0;
  bool writable = false;    // the broker holds a descriptor for writing
  bool watched = false;     // open for a while: the kernel may not keep its attributes
  bool announced = false;   // a directory: changes in it are told (Watches)
  bool asked = false;       // its grant has been asked for ahead of an open, and has not come yet
  bool ahead = false;       // it has come, and nobody has opened it since
  int64_t idle_since = 0;   // milliseconds; 0: open, or no grant
  // Whether `held` is the file that is meant. Between two opens it is only kept to save opening it
  // again: behind the view another file may have got the name meanwhile.
  bool is_held() const { return held && (opens > 0 || parent == nullptr); }
  bool is_directory() const { return type == S_IFDIR; }
};

}  // namespace sluice::worker
