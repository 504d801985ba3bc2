// The table that a worker leaves to the one after it: how it lies in memory that the service keeps. PURE.
//
// One worker at a time maps it and writes it (worker/legacy.h); it may be killed between any two stores, and it
// may have been hostile. Who comes next reads it with wire/node_table.h, which believes nothing of it. All zero: nobody has
// written anything yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/rules.h"

namespace sluice::wire {

// More nodes, or longer names, are not recorded: their files are looked up again by a later worker. Of more places, those
// who go on with their listing hear EINVAL.
inline constexpr uint32_t kTableNodes = 1u << 20;
inline constexpr uint32_t kTableNames = 1u << 21;
inline constexpr uint32_t kTableFacets = 4096;
inline constexpr uint32_t kTablePlaces = 1u << 14;

// A node, at the place that the lower half of its nodeid says.
struct NodeRecord {
  uint64_t state;  // generation in the upper half; kNodeUsed: the rest holds, and is stored before
  uint64_t dev;
  uint64_t ino;
  int64_t born_seconds;
  uint32_t born_nanoseconds;
  uint32_t root;
  uint32_t type;
  uint32_t facet;  // a place in the table of facets
  uint64_t lookups;
  uint64_t opens;  // in the upper half; in the lower those to write
  uint64_t grant;  // stored after backing_id
  int32_t backing_id;
  uint32_t names;  // cell of its first name + 1; 0: it has none
};
static_assert(sizeof(NodeRecord) == 80);
inline constexpr uint64_t kNodeUsed = 1;

// A name of a node, or what of it has no room in one cell. A cell that a record leads to is never changed: others are filled, and
// then the record leads to those.
struct NameCell {
  uint64_t parent;  // nodeid
  uint32_t more;    // cell with the rest of this name + 1
  uint32_t next;    // first cell of the next name + 1
  uint16_t length;  // of the whole name
  char bytes[46];
};
static_assert(sizeof(NameCell) == 64);

// Places in a directory that is open, in the order of their numbers: what cookies of listings stand for where names may be
// hidden. The others need nothing: their cookies are the filesystem's own.
struct PlacesRecord {
  static constexpr uint32_t kPlaces = 126;
  uint64_t handle;  // of the open directory; 0: free. Stored last
  uint32_t first;   // number of the first place, a multiple of kPlaces
  uint32_t count;   // stored after the place
  int64_t places[kPlaces];
};
static_assert(sizeof(PlacesRecord) == 1024);

// What the rules say of nodes, by their facet: the first is that no rule says anything, and is not stored.
struct FacetRecord {
  uint64_t effects[core::kTerms];
  uint64_t values[core::kTerms];
  uint64_t values2[core::kTerms];
};

// A file that a request is about.
struct FileRecord {
  uint64_t dev;
  uint64_t ino;
  int64_t born_seconds;
  uint32_t born_nanoseconds;
  uint32_t root;
};

// The request that is being served, and how far it is: worker/intent.h.
struct IntentRecord {
  uint64_t unique;    // 0: none
  uint64_t stage;     // worker::Intent::Stage
  uint64_t asked;     // the wire::BrokerOp that the broker was asked for last; 0: none
  uint64_t answered;  // that it has carried out
  int64_t begun;      // nanoseconds since 1970
  FileRecord there[2];
  uint32_t facets[2];
  // Whose opens it has changed, as NodeRecord has them.
  uint64_t node;
  uint64_t opens_before;
};

struct TableHeader {
  uint64_t magic;     // of this layout; stored last by the first worker
  uint64_t workers;   // that have begun to write
  uint64_t nodes;     // places from here on were never used
  uint64_t cells;     // likewise
  uint64_t places;    // likewise
  uint64_t facets;    // in use, the first one included
  uint64_t rules;     // which ones names were counted by: their hash
  IntentRecord intent;
};
inline constexpr size_t kTablePage = 4096;  // what it lies in alone
static_assert(std::is_trivially_copyable_v<TableHeader> && sizeof(TableHeader) <= kTablePage);
inline constexpr uint64_t kTableMagic = 0x31'65'63'69'75'6C'73;  // another layout has another

inline constexpr size_t kTableFacetsAt = kTablePage;
inline constexpr size_t kTableNodesAt = size_t{1024} * 1024;
inline constexpr size_t kTableNamesAt = kTableNodesAt + kTableNodes * sizeof(NodeRecord);
inline constexpr size_t kTablePlacesAt = kTableNamesAt + kTableNames * sizeof(NameCell);
// How many names were made, by the number of the rule that bounds them: uint64_t each.
inline constexpr size_t kTableMadeAt = kTablePlacesAt + kTablePlaces * sizeof(PlacesRecord);
inline constexpr size_t kTableMade = core::kMaxRules + 1;
// Sparse: a page that nobody wrote to is none.
inline constexpr size_t kTableBytes = (kTableMadeAt + kTableMade * sizeof(uint64_t) + 4095) / 4096 * 4096;
static_assert(kTableFacetsAt + kTableFacets * sizeof(FacetRecord) <= kTableNodesAt);

}  // namespace sluice::wire
