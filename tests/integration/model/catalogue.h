// All operations, and how often each comes up.
#pragma once

#include <vector>

#include "tests/integration/model/operation.h"
#include "tests/integration/model/random.h"
#include "tests/integration/model/world.h"

namespace sluice::model {

struct Entry {
  const char* name;
  unsigned weight;
  void (*make)(Random&, const World&, Operation&);
  Outcome (*run)(Side&, const Operation&);
};

class Catalogue {
 public:
  Catalogue();
  void add(const Entry& entry);
  // Leaves out an operation, by name.
  void remove(const char* name);
  Operation make(Random& random, const World& world) const;
  // Workers or brokers of the view end meanwhile: more differences are known.
  void expect_deaths() { deaths_ = true; }
  bool expects_deaths() const { return deaths_; }

 private:
  std::vector<Entry> entries_;
  unsigned weight_ = 0;
  bool deaths_ = false;
};

void add_open_operations(Catalogue& catalogue);       // ops_open.cc
void add_data_operations(Catalogue& catalogue);       // ops_data.cc
void add_space_operations(Catalogue& catalogue);      // ops_space.cc
void add_map_operations(Catalogue& catalogue);        // ops_map.cc
void add_name_operations(Catalogue& catalogue);       // ops_names.cc
void add_attribute_operations(Catalogue& catalogue);  // ops_attributes.cc
void add_xattr_operations(Catalogue& catalogue);      // ops_xattr.cc
void add_directory_operations(Catalogue& catalogue);  // ops_directories.cc
void add_lock_operations(Catalogue& catalogue);       // ops_locks.cc

}  // namespace sluice::model
