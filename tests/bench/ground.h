// Where it is measured: a directory on a disk's filesystem and one on a tmpfs, both temporary, in a
// mount namespace of the benchmark's own.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

namespace sluicebench {

// Who owns the trees and uses the views: an id that no process of the machine is likely to have.
inline constexpr uid_t kIdentity = 61234;

inline constexpr int kThousand = 1000;
inline constexpr int kManyFiles = 10000;
inline constexpr size_t kDataBytes = size_t{64} << 20;

// The names below a source (and so below its view).
inline constexpr char kKnown[] = "/known";           // a small file
inline constexpr char kData[] = "/data";             // kDataBytes long
inline constexpr char kThousandDir[] = "/thousand";  // kThousand files, named by FileName()
inline constexpr char kManyDir[] = "/many";          // kManyFiles
std::string FileName(int number);                    // with a slash before it

struct Ground {
  std::string name;  // the filesystem's
  std::string base;
  std::string view = "/view";  // another one for another view of the same source
  std::string source() const { return base + "/source"; }
  std::string target() const { return base + view; }
};

// Makes the namespace and the directories; takes all of it away again.
class Grounds {
 public:
  Grounds();
  ~Grounds();
  Grounds(const Grounds&) = delete;
  Grounds& operator=(const Grounds&) = delete;

  const std::vector<Ground>& all() const { return all_; }
  const std::string& base() const { return base_; }

 private:
  std::string base_;
  std::vector<Ground> all_;
};

// Owned by kIdentity.
void MakeOwned(const std::string& directory);
void MakeFiles(const std::string& directory, int count);  // which is made too

// Fills the source with what the measures look at, owned by kIdentity.
void FillSource(const Ground& ground);

// Throws Missing unless this is root with /dev/fuse.
void NeedRootAndFuse();
// For main(): what to print and return for what the machine does not have.
int SkipStatus(const char* program, const char* what);

}  // namespace sluicebench
