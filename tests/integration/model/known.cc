// What a view cannot do as a plain directory does, each with its reason.
#include <string_view>

#include "tests/integration/model/contest.h"

namespace sluice::model {

bool is_known(const Operation& operation, const Mismatch& mismatch) {
  const std::string_view name = operation.name;
  const int error = mismatch.view.error;
  // The calls on extended attributes take no O_PATH descriptor, so the worker needs a name that it
  // can reach: not that of an open file whose directory has been closed to it.
  if (name.ends_with("xattr") && operation.path.empty() && error == EACCES) return true;
  // The broker finds a file by its path below the view's root, so every directory on the way must let
  // the identity through: neither a descriptor of a directory nor one in /proc is a way around.
  if ((name == "reopen" || operation.directory >= 0) && error == EACCES) return true;
  return false;
}

}  // namespace sluice::model
