// What a worker leaves to the one after it, of whatever form, is read to an end, and as node_table.h says it.
#include <set>
#include <tuple>

#include "core/path.h"
#include "fuzz/blank_table.h"
#include "fuzz/target.h"
#include "wire/node_table.h"

using namespace sluice;

namespace {

constexpr uint32_t kRoots = 2;
constexpr size_t kMostRecords = 64;

template <typename T>
void put(std::span<uint8_t> table, size_t at, const T& value) {
  std::memcpy(&table[at], &value, sizeof(value));
}

// Small mostly, so that records lead to each other.
uint64_t number(fuzz::Choices& choices) {
  const uint8_t small = choices.byte();
  return small < 250 ? small % 24 : choices.take<uint64_t>();
}

// Mostly none, as of a table that is young.
uint64_t generation(fuzz::Choices& choices) { return choices.byte() % 4 == 3 ? number(choices) << 32 : 0; }

// at: which it is; its names mostly begin in the cell of the same number.
wire::NodeRecord node(fuzz::Choices& choices, size_t at) {
  constexpr uint32_t kTypes[] = {0040000, 0040000, 0100000, 0120000, 0};
  wire::NodeRecord record{};
  record.state = generation(choices) | (choices.byte() % 8 != 7 ? wire::kNodeUsed : 0);
  record.dev = choices.byte() % 2;
  record.ino = choices.byte() % 8 == 7 ? number(choices) : at;
  record.root = choices.byte() % 8 == 7 ? choices.byte() : 0;
  record.type = kTypes[choices.below(5)];
  record.facet = static_cast<uint32_t>(number(choices)) % 4;
  record.lookups = number(choices);
  if (record.type == 0100000 || choices.byte() % 8 == 7) record.opens = number(choices) << 32 | number(choices);
  record.grant = number(choices);
  record.backing_id = static_cast<int32_t>(number(choices));
  record.names = static_cast<uint32_t>(choices.byte() % 4 == 3 ? number(choices) : at + 1);
  return record;
}

wire::NameCell cell(fuzz::Choices& choices) {
  wire::NameCell made{};
  made.parent = choices.byte() % 4 == 3 ? 1 : generation(choices) | number(choices);
  made.more = choices.byte() % 4 == 0 ? static_cast<uint32_t>(number(choices)) : 0;
  made.next = choices.byte() % 4 == 3 ? static_cast<uint32_t>(number(choices)) : 0;
  made.length = static_cast<uint16_t>(choices.byte() % 4 == 3 ? choices.byte() : 1 + choices.byte() % 46);
  for (char& byte : made.bytes) byte = 'n';
  if (choices.byte() % 8 == 7) made.bytes[choices.below(sizeof(made.bytes))] = static_cast<char>(choices.byte());
  return made;
}

wire::FacetRecord facet(fuzz::Choices& choices) {
  wire::FacetRecord record{};
  for (size_t i = 0; i < core::kTerms; ++i) {
    record.effects[i] = choices.byte() % 16;
    record.values[i] = number(choices);
    record.values2[i] = number(choices);
  }
  return record;
}

wire::PlacesRecord places(fuzz::Choices& choices) {
  wire::PlacesRecord record{};
  record.handle = choices.byte() % 4;
  record.first = choices.flag() ? (choices.byte() % 4) * wire::PlacesRecord::kPlaces : choices.byte();
  record.count = choices.flag() ? wire::PlacesRecord::kPlaces : choices.byte();
  return record;
}

void fill(std::span<uint8_t> table, fuzz::Choices& choices) {
  wire::TableHeader header{};
  header.magic = choices.byte() % 16 == 15 ? choices.byte() : wire::kTableMagic;
  header.nodes = choices.byte() % 4 == 3 ? number(choices) : kMostRecords;
  header.cells = choices.byte() % 4 == 3 ? number(choices) : kMostRecords;
  header.places = number(choices);
  header.facets = number(choices);
  put(table, 0, header);
  for (size_t left = 200; choices.more() && left > 0; --left) {
    const uint8_t what = choices.byte() % 8;
    const size_t at = choices.below(kMostRecords);
    if (what < 3) put(table, wire::kTableNodesAt + at * sizeof(wire::NodeRecord), node(choices, at));
    else if (what < 6) put(table, wire::kTableNamesAt + at * sizeof(wire::NameCell), cell(choices));
    else if (what == 6) put(table, wire::kTableFacetsAt + at * sizeof(wire::FacetRecord), facet(choices));
    else put(table, wire::kTablePlacesAt + at * sizeof(wire::PlacesRecord), places(choices));
  }
}

void check(const wire::LeftTable& left) {
  std::set<std::tuple<uint64_t, uint64_t, int64_t, uint32_t, uint32_t, uint32_t>> files;
  std::map<uint64_t, const wire::LeftNode*> by_id;
  uint32_t last = 0;
  for (const wire::LeftNode& node : left.nodes) {
    const wire::NodeRecord& record = node.record;
    FUZZ_HOLDS(node.slot > last);
    last = node.slot;
    FUZZ_HOLDS(record.root < kRoots && record.facet < left.facets.size() && record.backing_id >= 0);
    FUZZ_HOLDS(node.write_opens() <= node.opens());
    FUZZ_HOLDS(files.emplace(record.dev, record.ino, record.born_seconds, record.born_nanoseconds, record.root,
                             record.facet).second);
    // No number that the kernel may know is given to another node.
    FUZZ_HOLDS(left.generations[node.slot] != record.state >> 32);
    by_id[node.id()] = &node;
  }
  for (const wire::LeftNode& node : left.nodes) {
    FUZZ_HOLDS(node.record.type != 0040000 || node.names.size() <= 1);
    for (const wire::LeftName& name : node.names) {
      FUZZ_HOLDS(core::valid_name(name.name));
      FUZZ_HOLDS(name.parent == 1 || (by_id.contains(name.parent) && by_id[name.parent]->record.type == 0040000));
    }
    // Up from each there is an end.
    const wire::LeftNode* at = &node;
    for (size_t steps = 0; !at->names.empty() && at->names[0].parent != 1; ++steps) {
      FUZZ_HOLDS(steps <= left.nodes.size());
      at = by_id[at->names[0].parent];
    }
  }
  for (const auto& [handle, listing] : left.listings) {
    FUZZ_HOLDS(handle != 0 && listing.places.size() <= listing.records.size() * wire::PlacesRecord::kPlaces);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Choices choices(data, size);
  fuzz::BlankTable table;
  FUZZ_HOLDS(wire::is_blank(table.bytes()));
  wire::begin_table(table.bytes());
  const auto begun = wire::read_table(table.bytes(), kRoots);
  FUZZ_HOLDS(begun.ok() && begun->nodes.empty() && begun->listings.empty() && begun->workers == 0);
  fill(table.bytes(), choices);
  const auto left = wire::read_table(table.bytes(), kRoots);
  if (left.ok()) check(*left);
  return 0;
}
