// What the one who makes up operations knows: which names were seen lately, and what is open.
#pragma once

#include <string>
#include <vector>

#include "tests/integration/model/operation.h"
#include "tests/integration/model/random.h"
#include "tests/integration/model/side.h"

namespace sluice::model {

class World {
 public:
  // plain: borrowed; says which slots are open.
  explicit World(const Side& plain) : plain_(plain) {}

  enum class Want { kAny, kFile, kDirectory };
  // Mostly a path that exists, sometimes one that does not, or a strange one.
  std::string path(Random& random, Want want = Want::kAny) const;
  // Mostly a path that does not exist yet, in a directory that does.
  std::string new_path(Random& random) const;
  std::string name(Random& random) const;
  // Fills in directory and path.
  void place(Random& random, Operation& operation, Want want = Want::kAny) const;
  void new_place(Random& random, Operation& operation) const;

  int open_file(Random& random) const;
  int open_directory(Random& random) const;
  int live_mapping(Random& random) const;

  // After the operation was run.
  void learn(const Operation& operation, const Outcome& outcome);

 private:
  struct Known {
    std::string path;
    bool directory;
  };
  const std::string& known(Random& random, Want want) const;
  void add(std::string path, bool directory);
  void drop(const std::string& path);

  const Side& plain_;
  std::vector<Known> known_;
};

}  // namespace sluice::model
