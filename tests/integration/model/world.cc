#include "tests/integration/model/world.h"

#include <algorithm>
#include <string_view>

namespace sluice::model {
namespace {

constexpr size_t kKnown = 40;

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

std::string World::path(Random& random) const {
  if (known_.empty() || random.chance(12)) return name(random);
  std::string path = random.pick(std::span<const std::string>(known_));
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
  return random.pick(std::span<const std::string>(known_)) + "/" + name(random);
}

void World::place(Random& random, Operation& operation) const {
  operation.path = path(random);
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

void World::add(std::string path) {
  if (path.size() > 400) return;
  if (std::find(known_.begin(), known_.end(), path) != known_.end()) return;
  if (known_.size() == kKnown) known_.erase(known_.begin());
  known_.push_back(std::move(path));
}

void World::drop(const std::string& path) { std::erase(known_, path); }

void World::learn(const Operation& operation, const Outcome& outcome) {
  const bool absent = outcome.error == ENOENT || outcome.error == ENOTDIR;
  const std::string_view name = operation.name;
  if (operation.directory < 0 && !operation.path.empty()) {
    if (absent || (outcome.error == 0 && (name == "unlink" || name == "rmdir"))) {
      drop(operation.path);
    } else if (outcome.error == 0) {
      add(operation.path);
    }
  }
  if (outcome.error == 0 && !operation.path2.empty() && name != "symlink") add(operation.path2);
}

}  // namespace sluice::model
