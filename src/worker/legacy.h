// What this worker leaves to the one after it: each change of a node is written down in memory that the service keeps.
//
// Killed between any two stores it leaves what the next one can use or drop: a record says that it is used after all of it is
// there, names are written where none are and then replace the others with one store, and what is told to the
// kernel is counted before. The processor keeps the order of one thread's stores for who comes after it.
//
// Used by the main thread only.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/rules.h"
#include "wire/node_record.h"
#include "wire/node_table.h"
#include "worker/intent.h"
#include "worker/node.h"
#include "worker/store.h"

namespace sluice::worker {

class Legacy {
 public:
  // table: wire::kTableBytes, for life. Of nobody, or what left says of it.
  explicit Legacy(std::span<uint8_t> table, const wire::LeftTable* left);

  // What a node that was never recorded has as its generation: none of what the kernel may know from before.
  uint32_t first_generation() const { return first_generation_; }

  void made(const Node& node);
  void named(const Node& node);
  void counted(const Node& node) { if (auto* record = of(node)) put(record->lookups, node.lookups); }
  // Its opens and its grant.
  void opened(const Node& node);
  // The same, as this worker found it: of no request, and so nothing that one would take back.
  void settled(const Node& node);
  // Its place is free, for a node of that generation.
  void gone(const Node& node, uint32_t generation);
  void means(Facet facet, const core::Terms& terms);

  Intent& intent() { return intent_; }

  // Names are counted by these rules from now on; what was counted by others is forgotten.
  void count_by(const core::Rules& rules);
  // Names that were made under a rule, by its number.
  uint64_t made_by(uint16_t rule) { return rule < wire::kTableMade ? made()[rule] : 0; }
  void count_made(uint16_t rule) {
    if (rule < wire::kTableMade) put(made()[rule], made()[rule] + 1);
  }

  // A handle of an open directory, which no worker before has given.
  uint64_t new_handle() { return (header().workers + 1) << 40 | ++handles_; }
  // Its next place. records: where its places are; grows.
  void add_place(uint64_t handle, uint32_t index, int64_t place, std::vector<uint32_t>& records);
  void drop_places(std::vector<uint32_t>& records);

 private:
  wire::TableHeader& header() { return *reinterpret_cast<wire::TableHeader*>(table_); }
  wire::NodeRecord& at(uint32_t slot) { return reinterpret_cast<wire::NodeRecord*>(table_ + wire::kTableNodesAt)[slot]; }
  wire::NameCell& cell(uint32_t number) {
    return reinterpret_cast<wire::NameCell*>(table_ + wire::kTableNamesAt)[number - 1];
  }
  // nullptr: it is not recorded.
  wire::NodeRecord* of(const Node& node);
  void granted(wire::NodeRecord& record, const Node& node);
  uint64_t* made() { return reinterpret_cast<uint64_t*>(table_ + wire::kTableMadeAt); }
  uint32_t take_cell();
  void take_places(const wire::LeftTable& left);
  // The first cell + 1; 0: there is no room.
  uint32_t write_name(const Node* parent, std::string_view name, uint32_t next);
  void free_names(uint32_t first);

  uint8_t* const table_;
  bool has_counted_;  // this worker or one before it, whatever the table says
  uint32_t first_generation_ = 0;
  wire::PlacesRecord& places_at(uint32_t record) {
    return reinterpret_cast<wire::PlacesRecord*>(table_ + wire::kTablePlacesAt)[record];
  }

  std::vector<uint32_t> free_cells_;  // numbers
  std::vector<uint32_t> free_places_;
  uint64_t handles_ = 0;
  Intent intent_;
};

}  // namespace sluice::worker
