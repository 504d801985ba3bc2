#include "tests/integration/model/world.h"

#include <algorithm>
#include <string_view>

namespace sluice::model {
namespace {

constexpr size_t kKnown = 30;
constexpr size_t kLongestKnown = 400;

constexpr const char* kNames[] = {"a", "b", "c", "d", "e", "f"};

template <typename IsOpen>
int pick_slot(Random& random, int count, IsOpen is_open) {
  const int start = static_cast<int>(random.below(static_cast<uint64_t>(count)));
  if (random.chance(3)) return start;  // perhaps a closed one
  for (int i = 0; i < count; ++i) {
    const int slot = (start + i) % count;
    if (is_open(slot)) return slot;
  }
  return start;
}

}  // namespace

std::string World::name(Random& random) const {
  if (random.chance(85)) return random.pick(kNames);
  switch (random.below(10)) {
    case 0:
      return std::string(255, 'n');
    case 1:
      return std::string(256, 'n');
    case 2:
      return "\xff\x01 \n\"'";
    case 3:
      return "*?[!\\]";
    case 4:
      return ".hidden";
    case 5:
      return "\xc3\xbc\xcc\x88";
    case 6:
      return "..";
    case 7:
      return ".";
    case 8:
      return "-";
    default:
      return std::string(1, static_cast<char>(random.between(1, 255)));
  }
}

const std::string& World::known(Random& random, Want want) const {
  size_t at = random.below(known_.size());
  for (int tries = 0; tries < 6 && want != Want::kAny; ++tries) {
    if (known_[at].directory == (want == Want::kDirectory)) break;
    at = random.below(known_.size());
  }
  return known_[at].path;
}

std::string World::path(Random& random, Want want) const {
  if (known_.empty() || random.chance(12)) return name(random);
  std::string path = known(random, want);
  if (random.chance(10)) path += "/" + name(random);
  if (random.chance(3)) {
    constexpr const char* kEnds[] = {"/", "/.", "/..", "//", "/./"};
    path += random.pick(kEnds);
  }
  return path;
}

std::string World::new_path(Random& random) const {
  if (known_.empty() || random.chance(35)) return name(random);
  if (random.chance(15)) return path(random);
  // In this order on every compiler: in one sum each would take its own.
  const std::string last = name(random);
  return known(random, random.chance(95) ? Want::kDirectory : Want::kAny) + "/" + last;
}

void World::place(Random& random, Operation& operation, Want want) const {
  operation.path = path(random, want);
  if (random.chance(88)) return;
  operation.directory = open_directory(random);
  operation.path = name(random);
}

void World::new_place(Random& random, Operation& operation) const {
  operation.path = new_path(random);
  if (random.chance(88)) return;
  operation.directory = open_directory(random);
  operation.path = name(random);
}

int World::open_file(Random& random) const {
  return pick_slot(random, Side::kFiles, [&](int slot) { return plain_.file(slot) >= 0; });
}
int World::open_directory(Random& random) const {
  return pick_slot(random, Side::kDirectories, [&](int slot) { return plain_.at(slot) >= 0; });
}
int World::live_mapping(Random& random) const {
  return pick_slot(random, Side::kMappings,
                   [&](int slot) { return plain_.mapping(slot).start != nullptr; });
}

void World::add(std::string path, bool directory) {
  if (path.size() > kLongestKnown) return;
  drop(path);
  if (known_.size() == kKnown) known_.erase(known_.begin());
  known_.push_back({std::move(path), directory});
}

void World::drop(const std::string& path) {
  std::erase_if(known_, [&](const Known& known) { return known.path == path; });
}

void World::learn(const Operation& operation, const Outcome& outcome) {
  const std::string_view name = operation.name;
  const bool done = outcome.error == 0;
  const bool of_directory = name == "mkdir" || name == "list" || name == "open_directory";
  const bool of_file = name == "open" || name == "link" || name == "symlink" || name == "mknod" ||
                       name == "link_file" || name == "truncate";
  if (operation.directory < 0 && !operation.path.empty()) {
    if (outcome.error == ENOENT || outcome.error == ENOTDIR ||
        (done && (name == "unlink" || name == "rmdir"))) {
      drop(operation.path);
    } else if (outcome.error == EISDIR) {
      add(operation.path, true);
    } else if (done && (of_directory || of_file)) {
      add(operation.path, of_directory);
    }
  }
  if (done && name == "link") add(operation.path2, false);
  if (done && name == "rename") {
    const auto from = std::find_if(known_.begin(), known_.end(), [&](const Known& known) {
      return known.path == operation.path;
    });
    const bool directory = from != known_.end() && from->directory;
    if (operation.flags == 0) drop(operation.path);
    add(operation.path2, directory);
  }
}

}  // namespace sluice::model
