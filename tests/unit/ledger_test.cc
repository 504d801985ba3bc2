// The broker's ledger against a model of it that anybody can read.
#include "core/ledger.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

namespace sluice::core {
namespace {

using Key = std::pair<uint64_t, uint64_t>;

struct Model {
  std::map<Key, GrantId> grants;
  std::vector<GrantId> closed;
  std::set<uint64_t> ids_ever;
};

void expect_agreement(Ledger& ledger, const Model& model) {
  ASSERT_EQ(ledger.size(), model.grants.size());
  std::set<const Grant*> seen;
  for (const auto& [key, id] : model.grants) {
    const FileId file{key.first, key.second};
    Grant* found = ledger.find(file);
    ASSERT_NE(found, nullptr);
    ASSERT_EQ(found, ledger.get(id));
    ASSERT_EQ(found->file, file);
    ASSERT_TRUE(found->used);
    ASSERT_EQ(ledger.id_of(found).packed(), id.packed());
    // What was put into it is still there: no other grant shares its memory.
    ASSERT_EQ(found->backing_id, static_cast<int>(key.first * 1000 + key.second));
    ASSERT_TRUE(seen.insert(found).second);
  }
  for (const GrantId& id : model.closed) ASSERT_EQ(ledger.get(id), nullptr);
}

void random_walk(uint32_t capacity, uint64_t files, unsigned seed, int steps) {
  std::mt19937 random(seed);
  const auto below = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random); };
  Ledger ledger(capacity);
  Model model;
  for (int step = 0; step < steps; ++step) {
    const Key key{below(3), below(files)};
    const FileId file{key.first, key.second};
    const auto known = model.grants.find(key);
    ASSERT_EQ(ledger.find(file) != nullptr, known != model.grants.end());
    if (known != model.grants.end() && below(3) != 0) {
      ledger.erase(ledger.get(known->second));
      model.closed.push_back(known->second);
      model.grants.erase(known);
    } else if (known == model.grants.end()) {
      Grant* grant = ledger.insert(file);
      ASSERT_EQ(grant == nullptr, model.grants.size() == capacity);
      if (grant == nullptr) continue;
      // A new grant holds nothing of an older one.
      ASSERT_EQ(grant->backing_id, 0);
      ASSERT_EQ(grant->file_fd, -1);
      ASSERT_EQ(grant->write_fd, -1);
      ASSERT_FALSE(grant->writable);
      grant->backing_id = static_cast<int>(key.first * 1000 + key.second);
      grant->file_fd = 7;
      grant->write_fd = 8;
      grant->writable = true;
      const GrantId id = ledger.id_of(grant);
      ASSERT_LT(id.slot, capacity);
      ASSERT_TRUE(model.ids_ever.insert(id.packed()).second) << "an id was used twice";
      model.grants[key] = id;
    }
    if (step % 16 == 0 || capacity < 8) expect_agreement(ledger, model);
    if (testing::Test::HasFatalFailure()) return;
    if (model.closed.size() > 200) model.closed.erase(model.closed.begin(), model.closed.begin() + 100);
  }
  expect_agreement(ledger, model);
}

TEST(Ledger, RandomWalks) {
  for (const uint32_t capacity : {1u, 2u, 3u, 7u, 8u, 64u, 100u}) {
    for (unsigned seed = 0; seed < 5; ++seed) {
      random_walk(capacity, capacity, seed, 3000);      // now and then full
      random_walk(capacity, capacity * 4, seed, 3000);  // mostly full
      if (HasFatalFailure()) FAIL() << "capacity " << capacity << ", seed " << seed;
    }
  }
}

TEST(Ledger, Empty) {
  Ledger ledger(4);
  EXPECT_EQ(ledger.size(), 0u);
  EXPECT_EQ(ledger.capacity(), 4u);
  EXPECT_EQ(ledger.find({0, 0}), nullptr);
  // Whatever a worker makes up.
  for (const uint64_t packed : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32, ~uint64_t{0},
                                uint64_t{3}, uint64_t{4}, 0xffffffffu * uint64_t{1},
                                uint64_t{0xffffffff} << 32}) {
    EXPECT_EQ(ledger.get(GrantId::unpack(packed)), nullptr) << packed;
  }
}

TEST(Ledger, MadeUpIds) {
  Ledger ledger(4);
  Grant* grant = ledger.insert({1, 2});
  ASSERT_NE(grant, nullptr);
  const GrantId id = ledger.id_of(grant);
  EXPECT_NE(id.packed(), 0u);  // zero is what a request without a grant has
  for (uint32_t slot = 0; slot < 8; ++slot) {
    for (uint32_t generation = 0; generation < 8; ++generation) {
      const bool right = slot == id.slot && generation == id.generation;
      EXPECT_EQ(ledger.get({slot, generation}), right ? grant : nullptr);
    }
  }
}

TEST(Ledger, AClosedIdNeverComesBack) {
  Ledger ledger(1);
  std::set<uint64_t> ids;
  for (int i = 0; i < 100000; ++i) {
    Grant* grant = ledger.insert({1, 1});
    ASSERT_NE(grant, nullptr);
    ASSERT_TRUE(ids.insert(ledger.id_of(grant).packed()).second);
    ledger.erase(grant);
  }
}

TEST(Ledger, PacksItsIds) {
  for (const GrantId id : {GrantId{0, 0}, GrantId{1, 2}, GrantId{~0u, 0}, GrantId{0, ~0u}, GrantId{~0u, ~0u}}) {
    const GrantId back = GrantId::unpack(id.packed());
    EXPECT_EQ(back.slot, id.slot);
    EXPECT_EQ(back.generation, id.generation);
  }
}

TEST(Ledger, FilesThatShareABucket) {
  // Inode numbers that a hostile tree could have: many apart by multiples of large powers of two.
  Ledger ledger(256);
  std::vector<FileId> files;
  for (uint64_t i = 0; i < 256; ++i) files.push_back({i % 2, i << 56 | i >> 1 << 32});
  for (const FileId& file : files) ASSERT_NE(ledger.insert(file), nullptr);
  EXPECT_EQ(ledger.insert({9, 9}), nullptr);
  for (size_t i = 0; i < files.size(); i += 2) ledger.erase(ledger.find(files[i]));
  for (size_t i = 0; i < files.size(); ++i) {
    EXPECT_EQ(ledger.find(files[i]) != nullptr, i % 2 == 1);
  }
  EXPECT_EQ(ledger.size(), 128u);
}

// Another broker has what the one before it had written down, and gives back what that one was at when it ended.
TEST(Ledger, LeftToAnother) {
  std::vector<Grant> left(8);
  Ledger first(8, left.data());
  std::map<int, GrantId> ids;
  for (int backing_id : {1, 2, 3, 4, 5}) {
    Grant* grant = first.insert({7, static_cast<uint64_t>(backing_id)});
    grant->file_fd = 10 + backing_id;
    grant->write_fd = 20 + backing_id;
    grant->writable = 1;
    grant->backing_id = backing_id;
    first.write_down(grant);
    ids[backing_id] = first.id_of(grant);
  }
  Grant* given_back = first.get(ids[2]);
  given_back->backing_id = ~2;
  first.write_down(given_back);
  first.erase(given_back);
  Grant* closing = first.get(ids[3]);
  closing->backing_id = ~3;
  first.write_down(closing);
  left[ids[5].slot].used = 0;    // killed within write_down()
  first.insert({7, 50});         // and never written down

  Ledger second(8, left.data());
  EXPECT_EQ(second.size(), 4u);
  EXPECT_EQ(second.touched(), 5u);
  EXPECT_EQ(second.last_left(), 5);
  for (int backing_id : {1, 4}) {
    Grant* grant = second.find({7, static_cast<uint64_t>(backing_id)});
    ASSERT_NE(grant, nullptr);
    EXPECT_EQ(grant, second.get(ids[backing_id]));
    EXPECT_TRUE(grant->is_whole());
    EXPECT_EQ(grant->backing_id, backing_id);
    EXPECT_EQ(grant->writable, 1);
    // Numbers of another process: here they would be other files.
    EXPECT_EQ(grant->file_fd, -1);
    EXPECT_EQ(grant->write_fd, -1);
  }
  EXPECT_EQ(second.get(ids[2]), nullptr);
  EXPECT_EQ(second.find({7, 50}), nullptr);
  for (int backing_id : {3, 5}) {
    Grant* grant = second.get(ids[backing_id]);
    ASSERT_NE(grant, nullptr);
    EXPECT_FALSE(grant->is_whole());
    EXPECT_EQ(~grant->backing_id, backing_id);
  }
  // A place that was used before is used again, under an id that never was.
  Grant* next = second.insert({7, 60});
  EXPECT_EQ(second.id_of(next).slot, ids[2].slot);
  EXPECT_NE(second.id_of(next).packed(), ids[2].packed());
}

// Others can write there: what they write later is never read.
TEST(Ledger, WhatIsWrittenDownIsNotReadAgain) {
  std::vector<Grant> left(4);
  Ledger ledger(4, left.data());
  Grant* grant = ledger.insert({7, 1});
  grant->backing_id = 1;
  grant->file_fd = 11;
  ledger.write_down(grant);
  const GrantId id = ledger.id_of(grant);
  std::memset(static_cast<void*>(left.data()), 0xEE, left.size() * sizeof(Grant));
  EXPECT_EQ(ledger.find({7, 1}), grant);
  EXPECT_EQ(ledger.get(id), grant);
  EXPECT_EQ(grant->backing_id, 1);
  EXPECT_EQ(grant->file_fd, 11);
  ledger.erase(grant);
  EXPECT_EQ(ledger.find({7, 1}), nullptr);
  EXPECT_NE(ledger.insert({7, 2}), nullptr);
}

// And whatever they had written before is no more than grants.
TEST(Ledger, LeftByALiar) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<Grant> left(16);
    auto* bytes = reinterpret_cast<unsigned char*>(left.data());
    for (size_t i = 0; i < left.size() * sizeof(Grant); ++i) bytes[i] = static_cast<unsigned char>(random());
    Ledger ledger(16, left.data());
    EXPECT_LE(ledger.size(), 16u);
    EXPECT_LE(ledger.touched(), 16u);
    for (uint32_t slot = 0; slot < 16; ++slot) {
      Grant* grant = ledger.at(slot);
      if (grant == nullptr) continue;
      EXPECT_EQ(grant->file_fd, -1);
      EXPECT_NE(ledger.find(grant->file), nullptr);
      ledger.erase(grant);
    }
    EXPECT_EQ(ledger.size(), 0u);
    for (uint64_t ino = 0; ino < 16; ++ino) EXPECT_NE(ledger.insert({1, ino}), nullptr);
    EXPECT_EQ(ledger.insert({1, 99}), nullptr);
  }
}

// Nothing was written down: as if nobody had been here.
TEST(Ledger, LeftEmpty) {
  std::vector<Grant> left(4);
  Ledger(4, left.data());
  Ledger second(4, left.data());
  EXPECT_EQ(second.size(), 0u);
  EXPECT_EQ(second.touched(), 0u);
  EXPECT_EQ(second.last_left(), 0);
}

}  // namespace
}  // namespace sluice::core
