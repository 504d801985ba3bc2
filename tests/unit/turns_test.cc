#include "worker/turns.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace sluice::worker {
namespace {

constexpr uint32_t kUser = 1000, kOther = 1001;

void put(Turns& turns, uint64_t unique, uint32_t uid, uint32_t pid) {
  wire::FuseInHeader header{};
  header.len = sizeof(header);
  header.unique = unique;
  header.uid = uid;
  header.pid = pid;
  std::memcpy(turns.room().data(), &header, sizeof(header));
  turns.put(sizeof(header));
}

wire::FuseInHeader take(Turns& turns, uint64_t first = 0) {
  const auto message = turns.take(first);
  wire::FuseInHeader header{};
  EXPECT_EQ(message.size(), sizeof(header));
  std::memcpy(&header, message.data(), sizeof(header));
  return header;
}

// Threads from 1 on ask at full speed for so many turns, of one user.
void flood(Turns& turns, uint32_t threads, int count) {
  for (uint32_t pid = 1; pid <= threads; ++pid) put(turns, pid, kUser, pid);
  for (int i = 0; i < count; ++i) {
    const auto served = take(turns);
    put(turns, served.unique, served.uid, served.pid);
  }
}

TEST(Turns, InTheOrderInWhichTheyCame) {
  Turns turns;
  for (uint64_t unique = 1; unique <= Turns::kMost; ++unique) put(turns, unique, kUser, 7);
  EXPECT_TRUE(turns.is_full());
  for (uint64_t unique = 1; unique <= Turns::kMost; ++unique) EXPECT_EQ(take(turns).unique, unique);
  EXPECT_EQ(turns.size(), 0u);
}

TEST(Turns, AFloodIsServedInTurn) {
  Turns turns;
  for (uint32_t pid = 1; pid <= 8; ++pid) put(turns, pid, kUser, pid);
  std::vector<int> served(9);
  for (int i = 0; i < 8000; ++i) {
    const auto one = take(turns);
    ++served[one.pid];
    put(turns, one.unique, one.uid, one.pid);
  }
  for (uint32_t pid = 1; pid <= 8; ++pid) EXPECT_NEAR(served[pid], 1000, 20) << pid;
}

TEST(Turns, WhoAsksNowAndThenIsNext) {
  Turns turns;
  flood(turns, 8, 100);
  for (int i = 0; i < 20; ++i) {
    put(turns, 99, kUser, 99);
    EXPECT_EQ(take(turns).pid, 99u);
    for (int other = 0; other < 70; ++other) {
      const auto one = take(turns);
      EXPECT_NE(one.pid, 99u);
      put(turns, one.unique, one.uid, one.pid);
    }
  }
}

TEST(Turns, AUsersThreadsAreServedAsOneUser) {
  Turns turns;
  flood(turns, 8, 100);
  int others = 0;
  put(turns, 99, kOther, 99);
  for (int i = 0; i < 1000; ++i) {
    const auto one = take(turns);
    others += one.uid == kOther;
    put(turns, one.unique, one.uid, one.pid);
  }
  EXPECT_NEAR(others, 500, 70);
}

TEST(Turns, NobodyWaitsForEver) {
  Turns turns;
  flood(turns, 1, 60);
  // A new thread each time, which has never been served: what a flood would do to come before others.
  uint32_t pid = 1000, waited = 0;
  for (; waited < 1000; ++waited) {
    for (; !turns.is_full(); ++pid) put(turns, pid, kUser, pid);
    if (take(turns).pid == 1) break;
  }
  EXPECT_LE(waited, Turns::kMostPassed);
}

TEST(Turns, WhatTheWorkerBeforeWasAtIsFirst) {
  Turns turns;
  for (uint64_t unique = 2; unique <= 20; unique += 2) put(turns, unique | wire::kUniqueResend, kUser, 7);
  put(turns, 12, kUser, 8);  // not sent again: another one, of a connection that has begun anew
  EXPECT_EQ(take(turns, 12).unique, 12 | wire::kUniqueResend);
  EXPECT_EQ(take(turns, 14).unique, 14 | wire::kUniqueResend);
  EXPECT_EQ(take(turns, 1000).unique, 12u) << "thread 7 has been served twice";
  EXPECT_EQ(take(turns, 1000).unique, 2 | wire::kUniqueResend);
}

}  // namespace
}  // namespace sluice::worker
