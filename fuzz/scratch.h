// A directory that a target may do anything to, and a thread that can do nothing to any other.
//
// The code under test removes, renames and changes the modes of files, by names that it was given
// to be wrong: what is tried must not be able to reach the machine. The thread has the directory as
// its root, so that neither ".." nor "/" leads out of it. Needs root: such a target does nothing
// for others, and says so.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace sluice::fuzz {

class Scratch {
 public:
  // The one of this process, made when it is first asked for, gone when the process ends as it
  // should. nullptr: this process may not change its root.
  static Scratch* get();

  // As the machine sees it, and as the thread does.
  const std::string& path() const { return path_; }
  static std::string inside(std::string_view name) { return "/" + std::string(name); }

  // Runs it in the thread and waits for it.
  void run(const std::function<void()>& step);

 private:
  Scratch();
  void serve();

  std::string path_;
};

// Of the thread: an empty directory of that name, below its root.
void make_empty(const std::string& directory);
void write_file(const std::string& path, std::string_view text, unsigned mode = 0644);
std::string read_file(const std::string& path);
// 0: there is none.
unsigned long inode_of(const std::string& path);

}  // namespace sluice::fuzz
