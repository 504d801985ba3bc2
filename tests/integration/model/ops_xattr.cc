// Extended attributes, by path, by path without following, and by descriptor.
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "tests/integration/model/catalogue.h"

namespace sluice::model {
namespace {

enum How { kPath, kNoFollow, kFile };

void make_any(Random& random, const World& world, Operation& operation) {
  constexpr int kHow[] = {kPath, kNoFollow, kFile};
  operation.mode = static_cast<uint32_t>(random.pick(kHow));
  if (operation.mode == kFile) {
    operation.slot = world.open_file(random);
  } else {
    // Often the same few, so that an attribute is there to be found.
    constexpr const char* kFew[] = {".", "a", "b"};
    operation.path = random.chance(60) ? random.pick(kFew) : world.path(random);
  }
  constexpr const char* kNames[] = {"user.a", "user.a", "user.b"};
  operation.text = random.pick(kNames);
  if (random.chance(12)) {
    const std::string strange[] = {"user." + std::string(250, 'k'),
                                   "user." + std::string(251, 'k'),
                                   "trusted.t",
                                   "nonsense",
                                   "user.",
                                   "user.\xff\n"};
    operation.text = random.pick(strange);
  }
  constexpr int kFlags[] = {0, 0, 0, 0, 0, XATTR_CREATE, XATTR_REPLACE, 4};
  operation.flags = random.pick(kFlags);
  operation.length = random.chance(85) ? random.between(0, 200) : random.between(0, 66000);
  if (random.chance(20)) operation.length = 65536;
}

// A view cannot reach the attributes of an open file that has no name: EOPNOTSUPP.
bool nameless(const Side& side, const Operation& operation) {
  struct stat stat;
  return operation.mode == kFile && ::fstat(side.file(operation.slot), &stat) == 0 &&
         stat.st_nlink == 0;
}
const Outcome kNameless{-1, EOPNOTSUPP, {}};

Outcome run_set(Side& side, const Operation& operation) {
  if (nameless(side, operation)) return kNameless;
  const std::string value = pattern(operation.seed, static_cast<size_t>(operation.length));
  const std::string path = side.below(operation.path);
  const char* name = operation.text.c_str();
  switch (operation.mode) {
    case kPath:
      return outcome(::setxattr(path.c_str(), name, value.data(), value.size(), operation.flags));
    case kNoFollow:
      return outcome(::lsetxattr(path.c_str(), name, value.data(), value.size(), operation.flags));
    default:
      return outcome(::fsetxattr(side.file(operation.slot), name, value.data(), value.size(),
                                 operation.flags));
  }
}

// length 0: asks for the size.
Outcome run_get(Side& side, const Operation& operation) {
  if (nameless(side, operation)) return kNameless;
  std::vector<char> value(static_cast<size_t>(operation.length));
  const std::string path = side.below(operation.path);
  const char* name = operation.text.c_str();
  const ssize_t size =
      operation.mode == kPath ? ::getxattr(path.c_str(), name, value.data(), value.size())
      : operation.mode == kNoFollow
          ? ::lgetxattr(path.c_str(), name, value.data(), value.size())
          : ::fgetxattr(side.file(operation.slot), name, value.data(), value.size());
  if (size < 0 || value.empty()) return outcome(size);
  return outcome(size, std::string(value.data(), static_cast<size_t>(size)));
}

std::string sorted(const std::string& names) {
  std::vector<std::string> all;
  std::istringstream stream(names);
  for (std::string name; std::getline(stream, name, '\0');) {
    if (name.rfind("security.", 0) != 0) all.push_back(name);
  }
  std::sort(all.begin(), all.end());
  std::string out;
  for (const std::string& name : all) out += name + " ";
  return out;
}

Outcome run_list(Side& side, const Operation& operation) {
  if (nameless(side, operation)) return kNameless;
  std::vector<char> names(static_cast<size_t>(operation.length));
  const std::string path = side.below(operation.path);
  const ssize_t size = operation.mode == kPath
                           ? ::listxattr(path.c_str(), names.data(), names.size())
                       : operation.mode == kNoFollow
                           ? ::llistxattr(path.c_str(), names.data(), names.size())
                           : ::flistxattr(side.file(operation.slot), names.data(), names.size());
  if (size < 0 || names.empty()) return outcome(size);
  return outcome(size, sorted(std::string(names.data(), static_cast<size_t>(size))));
}

Outcome run_remove(Side& side, const Operation& operation) {
  if (nameless(side, operation)) return kNameless;
  const std::string path = side.below(operation.path);
  const char* name = operation.text.c_str();
  switch (operation.mode) {
    case kPath:
      return outcome(::removexattr(path.c_str(), name));
    case kNoFollow:
      return outcome(::lremovexattr(path.c_str(), name));
    default:
      return outcome(::fremovexattr(side.file(operation.slot), name));
  }
}

}  // namespace

void add_xattr_operations(Catalogue& catalogue) {
  catalogue.add({"setxattr", 16, make_any, run_set});
  catalogue.add({"getxattr", 12, make_any, run_get});
  catalogue.add({"listxattr", 8, make_any, run_list});
  catalogue.add({"removexattr", 8, make_any, run_remove});
}

}  // namespace sluice::model
