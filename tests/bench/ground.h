// Where it is measured: a directory on a disk's filesystem and one on a tmpfs, both temporary, in a
// mount namespace of the benchmark's own.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "process.h"

namespace sluicebench {

// Who owns the trees and uses the views: an id that no process of the machine is likely to have.
inline constexpr uid_t kIdentity = 61234;

// The names below a source (and so below its view). Of those that are not there always, Needs says
// which are wanted.
inline constexpr char kKnown[] = "/known";           // a small file, always
inline constexpr char kData[] = "/data";             // kDataBytes long
inline constexpr char kThousandDir[] = "/thousand";  // kThousand files, named by FileName()
inline constexpr char kManyDir[] = "/many";          // kManyFiles
inline constexpr char kTreeDir[] = "/tree";          // kTreeFiles small ones, TreeFile(), a git repository
inline constexpr char kCodeDir[] = "/code";          // kUnits of C, UnitName(), with headers
inline constexpr char kSizedDir[] = "/sized";        // with the number of files behind it
inline constexpr int kThousand = 1000;
inline constexpr int kManyFiles = 10000;
inline constexpr int kTreeFiles = 18000;
inline constexpr int kUnits = 6;
inline constexpr size_t kDataBytes = size_t{64} << 20;
std::string FileName(int number);  // with a slash before it
std::string TreeFile(int number);  // the path below kTreeDir, with a slash before it
std::string UnitName(int number);
// Beside the source: an archive of what tar packs of kArchived files of the tree.
inline constexpr char kArchive[] = "/archive.tar";
inline constexpr int kArchived = 1800;

// What there is in a source.
struct Needs {
  bool data = false, thousand = false, many = false, tree = false, code = false;
  int sized = 0;  // files of one directory more
};

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

// Fills the source with what measures look at and is not there yet, owned by kIdentity.
void FillSource(const Ground& ground, const Needs& needs, const Deadline& deadline);

// Throws Missing unless this is root with /dev/fuse.
void NeedRootAndFuse();
// For main(): what to print and return for what the machine does not have.
int SkipStatus(const char* program, const char* what);

}  // namespace sluicebench
