// What the cases expect, and the processes that act as a user.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace sluice::model {

// Says so on standard error where it does not hold, and counts it.
void expect(bool holds, const std::string& what);
void expect_equal(int64_t is, int64_t should_be, const std::string& what);
int failures();  // of this process, with those of the users it has waited for

// Becomes the user for good, with no other group. Its /proc/self stays its own.
void become(uid_t uid);

// A child that becomes the user (0: stays root), does something and ends.
pid_t start_as(uid_t uid, const std::function<void()>& action);
// Waits for all; counts a failure where one failed or was killed.
void wait_for(const std::vector<pid_t>& pids, const std::string& what);
inline void run_as(uid_t uid, const std::string& what, const std::function<void()>& action) {
  wait_for({start_as(uid, action)}, what);
}

int64_t now_milliseconds();
void sleep_milliseconds(int64_t milliseconds);
// Tries until it holds or the time is over.
bool within(int64_t milliseconds, const std::function<bool()>& holds);

}  // namespace sluice::model
