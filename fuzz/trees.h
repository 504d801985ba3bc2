// A small tree with things that rules hide, deny and make read-only, links that lead out of it, and
// a directory beside it: what is done to the first must never touch the second, nor what is hidden.
//
// Used in the thread of fuzz::Scratch.
#pragma once

#include <string>
#include <vector>

#include "core/rules.h"
#include "os/fd.h"

namespace sluice::fuzz {

// Of the tree below "/tree": hides .env, *.key and keys/, denies "denied", makes "fixed" read-only,
// masks "masked", shows 4 bytes of "window".
core::Rules tree_rules();

class HostileTree {
 public:
  HostileTree();  // made anew

  int root() const { return root_.get(); }
  // Names in it that clients and attackers use, some of which are not there.
  static const std::vector<std::string>& paths();

  // Ends the process where something that the rules hide, or that is outside, is not as it was.
  void check() const;
  // Whether the inode is of something hidden, or outside.
  bool is_secret(unsigned long inode) const;

 private:
  // By its directory, which may be renamed with all that is in it.
  struct Secret {
    os::Fd directory;
    std::string name;
    std::string text;
    unsigned long inode;
  };
  static Secret secret(const std::string& path);
  static bool is_as_it_was(const Secret& secret);

  os::Fd root_;
  std::vector<Secret> secrets_;   // of which neither the contents nor the name may change hands
  std::vector<Secret> readable_;  // whose contents may not change
};

}  // namespace sluice::fuzz
