// A value, or why there is none: an errno for whoever asked and a reason from the closed list.
//
// PURE. Used by everything that the broker links, which is why it is not absl::StatusOr: the broker
// links nothing that it does not need.
#pragma once

#include <optional>
#include <utility>

#include "core/reason.h"

namespace sluice::core {

struct Failure {
  int error;      // errno for the application or caller, > 0
  Reason reason;  // for the administrator's log line
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}        // NOLINT(google-explicit-constructor)
  Result(Failure failure) : failure_(failure) {}       // NOLINT(google-explicit-constructor)

  bool ok() const { return value_.has_value(); }
  const Failure& failure() const { return failure_; }  // only where !ok()

  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return *std::move(value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  std::optional<T> value_;
  Failure failure_{0, Reason::kNone};
};

// For what yields nothing but success.
struct Done {};
using Outcome = Result<Done>;

}  // namespace sluice::core
