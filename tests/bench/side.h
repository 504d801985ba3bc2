// Sides: the ways to look at a source that are compared, the plain directory itself among them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ground.h"
#include "process.h"
#include "view.h"

namespace sluicebench {

class Side {
 public:
  virtual ~Side() = default;
  // Where it shows the source.
  virtual std::string directory() const = 0;
  // From then on the kernel remembers nothing of it; what is below it is cached all the same.
  virtual void Renew() {}
  // The process that serves it, by itself or by its descendants; 0: the kernel alone.
  virtual pid_t server() const { return 0; }
  // What the kernel has asked so far, where the side counts that.
  virtual Counts Requests() const { return {}; }
};

inline constexpr char kNative[] = "native";
inline constexpr char kView[] = "view";
inline constexpr char kBindfs[] = "bindfs";
inline constexpr char kBefore[] = "before";  // a view by the programs of another build

// The names of the sides of which this machine has the programs, native first.
std::vector<std::string> KnownSides();

// Mounts the side, unless it is native. before: the directory of the other build's programs.
// Throws Missing where the machine does not have it.
std::unique_ptr<Side> MakeSide(const std::string& name, const Ground& ground,
                               const Deadline& deadline, const std::string& before = {});

}  // namespace sluicebench
