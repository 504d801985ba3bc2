// What a worker left behind, read by the one after it. PURE.
//
// Whoever wrote it may have been hostile, or killed in the middle: every number is checked before it is used, what makes no sense is left
// out, and no chain is followed for longer than an honest one can be. Of a node that is left out the kernel
// hears ESTALE, and looks its name up again. Nobody writes meanwhile.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/rule.h"
#include "wire/node_record.h"

namespace sluice::wire {

// How many directories may lie above one another: the way up from any node is bounded. Far more than a path has room for, since
// who goes down step by step comes deeper.
inline constexpr uint32_t kTableDepth = 1u << 15;

struct LeftName {
  uint64_t parent;   // nodeid: the root, or of a directory that is left too
  std::string name;  // core::valid_name
};

struct LeftNode {
  uint32_t slot;  // > 0: the root is not recorded
  NodeRecord record;  // used; opens and lookups are no more than anybody has
  // The last learned first. Of a directory one at the most, by which it is not below itself and at most kTableDepth
  // deep.
  std::vector<LeftName> names;
  // Its cells are a chain as an honest worker writes it, whatever is in them; otherwise they are free.
  bool whole = true;
  uint64_t id() const { return (record.state >> 32) << 32 | (slot + 1); }
  uint32_t opens() const { return static_cast<uint32_t>(record.opens >> 32); }
  uint32_t write_opens() const { return static_cast<uint32_t>(record.opens); }
};

// Places of an open directory: the first one's number is 1.
struct LeftListing {
  std::vector<int64_t> places;
  std::vector<uint32_t> records;  // in which they are
};

struct LeftTable {
  std::vector<core::Terms> facets;     // the first: no rule says anything; of kTableFacets the last: nothing may be done
  std::vector<LeftNode> nodes;         // by slot; no two are the same file by the same facet
  std::vector<uint32_t> generations;   // by slot, of what is to be at each that is free, or becomes free
  std::vector<bool> cells;             // whose names are in use, by their number
  std::map<uint64_t, LeftListing> listings;  // by the handle of the open directory
  uint32_t places;                     // records of places that are in use or were
  IntentRecord intent;                 // as it is
  uint64_t workers;
};

// table: kTableBytes. roots: how many trees the view has. kProtocol where it is of another layout.
core::Result<LeftTable> read_table(std::span<const uint8_t> table, uint32_t roots);

// As a worker leaves it that nobody has asked for anything. table: blank; its first page suffices.
void begin_table(std::span<uint8_t> table);

// Nobody has written to it.
bool is_blank(std::span<const uint8_t> table);

}  // namespace sluice::wire
