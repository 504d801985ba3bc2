#include "tests/integration/model/catalogue.h"

#include <string_view>

namespace sluice::model {

Catalogue::Catalogue() {
  add_open_operations(*this);
  add_data_operations(*this);
  add_space_operations(*this);
  add_map_operations(*this);
  add_name_operations(*this);
  add_attribute_operations(*this);
  add_xattr_operations(*this);
  add_directory_operations(*this);
  add_lock_operations(*this);
}

void Catalogue::add(const Entry& entry) {
  entries_.push_back(entry);
  weight_ += entry.weight;
}

void Catalogue::remove(const char* name) {
  for (Entry& entry : entries_) {
    if (std::string_view(entry.name) != name) continue;
    weight_ -= entry.weight;
    entry.weight = 0;
  }
}

Operation Catalogue::make(Random& random, const World& world) const {
  uint64_t at = random.below(weight_);
  for (const Entry& entry : entries_) {
    if (at >= entry.weight) {
      at -= entry.weight;
      continue;
    }
    Operation operation;
    operation.name = entry.name;
    operation.run = entry.run;
    operation.seed = random.next();
    entry.make(random, world, operation);
    return operation;
  }
  return {};
}

}  // namespace sluice::model
