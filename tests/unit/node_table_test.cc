// What a worker left is used as far as it makes sense, whoever wrote it.
#include "wire/node_table.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <string>

#include "core/limits.h"
#include "tests/unit/allocations.h"

namespace sluice::wire {
namespace {

constexpr uint32_t kDirectory = 0040000;
constexpr uint32_t kRegular = 0100000;

// Sparse, as the real one.
class Leavings {
 public:
  Leavings()
      : bytes_(static_cast<uint8_t*>(::mmap(nullptr, kTableBytes, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
    header().magic = kTableMagic;
    header().facets = header().nodes = 1;
  }
  ~Leavings() { ::munmap(bytes_, kTableBytes); }
  Leavings(const Leavings&) = delete;
  Leavings& operator=(const Leavings&) = delete;

  TableHeader& header() { return *reinterpret_cast<TableHeader*>(bytes_); }
  NodeRecord& node(uint32_t slot) { return reinterpret_cast<NodeRecord*>(bytes_ + kTableNodesAt)[slot]; }
  NameCell& cell(uint32_t number) { return reinterpret_cast<NameCell*>(bytes_ + kTableNamesAt)[number - 1]; }
  PlacesRecord& places(uint32_t record) { return reinterpret_cast<PlacesRecord*>(bytes_ + kTablePlacesAt)[record]; }
  FacetRecord& facet(uint32_t number) { return reinterpret_cast<FacetRecord*>(bytes_ + kTableFacetsAt)[number]; }

  // A node with a name in parent (a nodeid); its own nodeid.
  uint64_t add(uint32_t slot, uint32_t type, uint64_t parent, const std::string& name) {
    NodeRecord& record = node(slot);
    record = {};
    record.state = kNodeUsed;
    record.dev = 1;
    record.ino = 100 + slot;
    record.type = type;
    record.lookups = 1;
    if (header().nodes <= slot) header().nodes = slot + 1;
    const auto number = static_cast<uint32_t>(++header().cells);
    cell(number) = {parent, 0, 0, static_cast<uint16_t>(name.size()), {}};
    std::memcpy(cell(number).bytes, name.data(), name.size());
    record.names = number;
    return slot + 1;
  }

  LeftTable read() const {
    auto left = read_table({bytes_, kTableBytes}, 2);
    EXPECT_TRUE(left.ok());
    return *std::move(left);
  }
  std::span<uint8_t> bytes() { return {bytes_, kTableBytes}; }

 private:
  uint8_t* bytes_;
};

TEST(NodeTable, NothingYetIsBlank) {
  Leavings left;
  EXPECT_FALSE(is_blank(left.bytes()));
  left.header().magic = 0;
  EXPECT_TRUE(is_blank(left.bytes()));
  EXPECT_FALSE(read_table(left.bytes(), 1).ok());
}

// What the first worker of a view that began at rest is left.
TEST(NodeTable, OfAWorkerThatNeverWas) {
  Leavings left;
  std::ranges::fill(left.bytes().first(kTablePage), uint8_t{0xFF});
  begin_table(left.bytes());
  EXPECT_FALSE(is_blank(left.bytes()));
  const auto read = read_table(left.bytes(), 1);
  ASSERT_TRUE(read.ok());
  EXPECT_TRUE(read->nodes.empty());
  EXPECT_TRUE(read->listings.empty());
  EXPECT_EQ(read->facets.size(), 1u);
  EXPECT_EQ(read->workers, 0u);
}

TEST(NodeTable, AnotherLayoutIsRefused) {
  Leavings left;
  left.header().magic = kTableMagic + 1;
  const auto read = read_table(left.bytes(), 1);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.failure().reason, core::Reason::kProtocol);
  EXPECT_FALSE(read_table(left.bytes().first(kTableBytes - 1), 1).ok());
}

TEST(NodeTable, NodesAndTheirNames) {
  Leavings left;
  const uint64_t directory = left.add(1, kDirectory, 1, "dir");
  left.add(2, kRegular, directory, "file");
  left.node(2).opens = uint64_t{3} << 32 | 2;
  const LeftTable table = left.read();
  ASSERT_EQ(table.nodes.size(), 2u);
  EXPECT_EQ(table.nodes[0].names.at(0).name, "dir");
  EXPECT_EQ(table.nodes[1].names.at(0).parent, directory);
  EXPECT_EQ(table.nodes[1].opens(), 3u);
  EXPECT_EQ(table.nodes[1].write_opens(), 2u);
}

TEST(NodeTable, LongNamesAndLinks) {
  Leavings left;
  const std::string name(100, 'n');
  left.add(1, kRegular, 1, "short");
  for (uint32_t number : {10u, 11u, 12u}) {
    left.cell(number) = {number == 10 ? 1u : 0u, number == 12 ? 0 : number + 1, 0, 100, {}};
    std::memset(left.cell(number).bytes, 'n', number == 12 ? 8 : 46);
  }
  left.header().cells = 12;
  left.cell(1).next = 10;
  const LeftTable table = left.read();
  ASSERT_EQ(table.nodes.at(0).names.size(), 2u);
  EXPECT_EQ(table.nodes[0].names[1].name, name);
  EXPECT_TRUE(table.nodes[0].whole);
}

TEST(NodeTable, WhatMakesNoSenseIsLeftOut) {
  const auto without = [](void (*spoil)(Leavings&)) {
    Leavings left;
    left.add(1, kRegular, 1, "file");
    spoil(left);
    return left.read().nodes.size();
  };
  EXPECT_EQ(without([](Leavings&) {}), 1u);
  EXPECT_EQ(without([](Leavings& left) { left.node(1).type = 1; }), 0u);
  EXPECT_EQ(without([](Leavings& left) { left.node(1).root = 2; }), 0u);
  EXPECT_EQ(without([](Leavings& left) { left.node(1).facet = 1; }), 0u);
  EXPECT_EQ(without([](Leavings& left) { left.node(1).lookups = ~uint64_t{0}; }), 0u);
  EXPECT_EQ(without([](Leavings& left) { left.node(1).opens = ~uint64_t{0}; }), 0u);
  EXPECT_EQ(without([](Leavings& left) { left.node(1).opens = uint64_t{1} << 32 | 2; }), 0u);
  EXPECT_EQ(without([](Leavings& left) { left.node(1).type = kDirectory, left.node(1).opens = uint64_t{1} << 32; }), 0u);
  EXPECT_EQ(without([](Leavings& left) { left.node(1).backing_id = -1; }), 0u);
}

TEST(NodeTable, ItsPlaceIsNotGivenToAnotherOfItsNumber) {
  Leavings left;
  left.add(1, kRegular, 1, "file");
  left.node(1).state = uint64_t{7} << 32 | kNodeUsed;
  left.node(1).type = 0;
  EXPECT_EQ(left.read().generations.at(1), 8u);
}

TEST(NodeTable, TwoOfOneFileAreOne) {
  Leavings left;
  left.add(1, kRegular, 1, "file");
  left.add(2, kRegular, 1, "again");
  left.node(2).ino = left.node(1).ino;
  EXPECT_EQ(left.read().nodes.size(), 1u);
}

TEST(NodeTable, NoDirectoryIsBelowItself) {
  Leavings left;
  left.add(1, kDirectory, 4, "a");
  left.add(2, kDirectory, 2, "b");
  left.add(3, kDirectory, 3, "c");
  const LeftTable table = left.read();
  ASSERT_EQ(table.nodes.size(), 3u);
  size_t named = 0;
  for (const LeftNode& node : table.nodes) named += node.names.size();
  EXPECT_EQ(named, 2u);
  left.add(4, kDirectory, 5, "itself");
  EXPECT_TRUE(left.read().nodes.at(3).names.empty());
}

// The way up from any node has an end soon enough, in whichever order they come.
TEST(NodeTable, NoDirectoryIsTooDeep) {
  constexpr uint32_t kNodes = 3 * kTableDepth;
  for (const bool from_the_end : {false, true}) {
    Leavings left;
    for (uint32_t i = 1; i <= kNodes; ++i) {
      // The nodeid of a slot is one more; the first one is in the root.
      const auto slot_of = [&](uint32_t deep) { return from_the_end ? kNodes + 1 - deep : deep; };
      left.add(slot_of(i), kDirectory, i == 1 ? 1 : slot_of(i - 1) + 1, "d");
    }
    const LeftTable table = left.read();
    ASSERT_EQ(table.nodes.size(), kNodes);
    uint32_t named = 0, most = 0;
    for (uint32_t i = 1; i <= kNodes; ++i) {
      const LeftNode& node = table.nodes[from_the_end ? kNodes - i : i - 1];
      named = node.names.empty() ? 0 : named + 1;
      most = std::max(most, named);
      ASSERT_EQ(named, i <= kTableDepth ? i : named) << "as deep as may be";
    }
    EXPECT_EQ(most, kTableDepth);
  }
}

TEST(NodeTable, NamesAreInDirectoriesThatAreLeft) {
  Leavings left;
  const uint64_t file = left.add(1, kRegular, 1, "file");
  left.add(2, kRegular, file, "below");
  left.add(3, kRegular, 999, "nowhere");
  left.add(4, kRegular, uint64_t{1} << 32 | 2, "another generation");
  const LeftTable table = left.read();
  ASSERT_EQ(table.nodes.size(), 4u);
  for (size_t i = 1; i < 4; ++i) EXPECT_TRUE(table.nodes[i].names.empty());
}

TEST(NodeTable, NamesAreNames) {
  for (const char* name : {"", ".", "..", "a/b"}) {
    Leavings left;
    left.add(1, kRegular, 1, name);
    EXPECT_TRUE(left.read().nodes.at(0).names.empty()) << name;
    EXPECT_FALSE(left.read().nodes.at(0).whole);
  }
}

TEST(NodeTable, ChainsThatMeetOrNeverEnd) {
  Leavings left;
  left.add(1, kRegular, 1, "first");
  left.add(2, kRegular, 1, "second");
  left.cell(1).next = 1;
  left.node(2).names = 1;
  const LeftTable table = left.read();
  EXPECT_FALSE(table.nodes.at(0).whole);
  // What is not whole is free for whoever comes, and here another comes to it.
  EXPECT_FALSE(table.nodes.at(1).whole);
  left.cell(1).next = 0;
  left.cell(1).more = 2;
  EXPECT_FALSE(left.read().nodes.at(0).whole) << "there is more than the name";
  left.cell(1).more = kTableNames + 1;
  EXPECT_FALSE(left.read().nodes.at(0).whole);
}

// However many nodes lead to it.
TEST(NodeTable, AChainIsReadOnce) {
  Leavings left;
  constexpr uint32_t kNodes = 50'000, kLong = 6;
  left.add(1, kRegular, 1, "first");
  const uint32_t first = left.node(1).names = 1000;
  for (uint32_t slot = 2; slot < kNodes; ++slot) left.node(slot) = left.node(1), left.node(slot).ino = 100 + slot;
  left.header().nodes = kNodes;
  // One name more than a file has, each over several cells, so that they are read to the last.
  constexpr uint32_t kChain = (core::Limits::kLinks + 2) * kLong;
  left.header().cells = first + kChain;
  for (uint32_t i = 0; i < kChain; ++i) {
    const bool begins = i % kLong == 0;
    left.cell(first + i) = {1, i % kLong == kLong - 1 ? 0 : first + i + 1, begins ? first + i + kLong : 0, 250, {}};
    std::memset(left.cell(first + i).bytes, 'n', sizeof(NameCell::bytes));
  }
  const size_t before = test::allocations();
  const LeftTable table = left.read();
  EXPECT_LT(test::allocations() - before, 1000u);
  ASSERT_EQ(table.nodes.size(), kNodes - 1);
  for (const LeftNode& node : table.nodes) {
    ASSERT_FALSE(node.whole);
    ASSERT_EQ(node.names.capacity(), 0u) << "memory that is not used";
  }
  // And is free for other names.
  for (uint32_t i = 0; i < kChain; ++i) EXPECT_FALSE(table.cells[first + i - 1]);
}

TEST(NodeTable, FacetsThatNoRulesSayAreClosed) {
  Leavings left;
  left.header().facets = 3;
  for (size_t i = 0; i < core::kTerms; ++i) left.facet(1).effects[i] = static_cast<uint64_t>(core::Effect::kReadWrite);
  left.facet(2).effects[0] = 99;
  const LeftTable table = left.read();
  ASSERT_EQ(table.facets.size(), 3u);
  EXPECT_EQ(table.facets[1], core::Terms{});
  EXPECT_EQ(table.facets[2].of(core::Term::kAccess).effect, core::Effect::kDeny);
}

// All rules that are one too many have it.
TEST(NodeTable, TheLastFacetThereIsRoomForIsClosed) {
  Leavings left;
  left.header().facets = kTableFacets;
  for (uint32_t number : {kTableFacets - 2, kTableFacets - 1}) {
    for (size_t i = 0; i < core::kTerms; ++i) left.facet(number).effects[i] = static_cast<uint64_t>(core::Effect::kReadWrite);
  }
  const LeftTable table = left.read();
  ASSERT_EQ(table.facets.size(), kTableFacets);
  EXPECT_EQ(table.facets[kTableFacets - 2], core::Terms{});
  const core::TermValue last = table.facets.back().of(core::Term::kAccess);
  EXPECT_EQ(last.effect, core::Effect::kDeny);
  EXPECT_EQ(last.value, static_cast<uint64_t>(EOVERFLOW));
}

TEST(NodeTable, PlacesFollowOnOneAnother) {
  Leavings left;
  left.header().places = 4;
  left.places(0) = {6, 126, 1, {300}};
  left.places(1) = {6, 0, 126, {1, 2}};
  left.places(2) = {6, 500, 1, {9}};  // after nothing
  left.places(3) = {8, 0, 127, {1}};  // more than there are
  const LeftTable table = left.read();
  EXPECT_EQ(table.listings.at(6).places.size(), 127u);
  EXPECT_EQ(table.listings.at(6).places.back(), 300);
  EXPECT_EQ(table.listings.at(6).records, (std::vector<uint32_t>{1, 0}));
  EXPECT_TRUE(table.listings.at(8).places.empty());
}

// Anything at all is read to an end.
TEST(NodeTable, Noise) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    Leavings left;
    left.header().nodes = 40;
    left.header().cells = 60;
    left.header().facets = 4;
    left.header().places = 5;
    for (uint32_t slot = 1; slot < 40; ++slot) left.add(slot, slot % 3 == 0 ? kRegular : kDirectory, 1 + random() % 42, "n");
    for (int i = 0; i < 40; ++i) {
      const auto which = static_cast<uint32_t>(random() % 40);
      uint8_t* at = random() % 2 == 0 ? reinterpret_cast<uint8_t*>(&left.node(which))
                                      : reinterpret_cast<uint8_t*>(&left.cell(which + 1));
      at[random() % 64] = static_cast<uint8_t>(random());
    }
    const LeftTable table = left.read();
    for (const LeftNode& node : table.nodes) {
      EXPECT_LT(node.slot, 40u);
      EXPECT_LT(node.record.facet, table.facets.size());
      EXPECT_LE(node.names.size(), node.record.type == kDirectory ? 1u : 17u);
    }
  }
}

}  // namespace
}  // namespace sluice::wire
