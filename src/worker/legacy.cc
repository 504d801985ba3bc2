#include "worker/legacy.h"

#include <algorithm>
#include <cstring>

namespace sluice::worker {
namespace {

uint32_t slot_of(uint64_t nodeid) { return static_cast<uint32_t>(nodeid) - 1; }

}  // namespace

Legacy::Legacy(std::span<uint8_t> table, const wire::LeftTable* left) : table_(table.data()), has_counted_(left != nullptr), intent_(header().intent, left) {
  wire::TableHeader& header = this->header();
  if (left == nullptr) {
    put(header.facets, uint64_t{1});
    put(header.nodes, uint64_t{1});
    put(header.magic, wire::kTableMagic);
    return;
  }
  put(header.workers, left->workers + 1);
  first_generation_ = static_cast<uint32_t>(header.workers & 0xFFF) << 20;
  // What was hostile is as it should be from now on.
  put(header.facets, uint64_t{left->facets.size()});
  put(header.nodes, uint64_t{left->generations.size()});
  put(header.cells, uint64_t{left->cells.size()});
  auto node = left->nodes.begin();
  for (uint32_t slot = 1; slot < left->generations.size(); ++slot) {
    if (node != left->nodes.end() && node->slot == slot) {
      if (!node->whole) put(at(slot).names, uint32_t{0});
      ++node;
      continue;
    }
    const uint64_t free = uint64_t{left->generations[slot]} << 32;
    if (at(slot).state != free) put(at(slot).state, free);
  }
  for (uint32_t number = 1; number <= left->cells.size(); ++number) {
    if (!left->cells[number - 1]) free_cells_.push_back(number);
  }
  take_places(*left);
}

void Legacy::count_by(const core::Rules& rules) {
  uint64_t hash = 0xCBF29CE484222325;  // FNV-1a
  for (const uint8_t byte : rules.bytes()) hash = (hash ^ byte) * 0x100000001B3;
  if (header().rules == hash) return;
  // The first worker has counted nothing, and to look at what is not there makes it (memfd_create(2): it is sparse).
  for (size_t rule = 0; has_counted_ && rule < wire::kTableMade; ++rule) {
    if (made()[rule] != 0) put(made()[rule], uint64_t{0});
  }
  has_counted_ = true;
  put(header().rules, hash);
}

void Legacy::take_places(const wire::LeftTable& left) {
  put(header().places, uint64_t{left.places});
  std::vector<bool> used(left.places);
  for (const auto& [handle, listing] : left.listings) {
    for (const uint32_t record : listing.records) used[record] = true;
  }
  for (uint32_t record = 0; record < left.places; ++record) {
    if (used[record]) continue;
    put(places_at(record).handle, uint64_t{0});
    free_places_.push_back(record);
  }
}

void Legacy::add_place(uint64_t handle, uint32_t index, int64_t place, std::vector<uint32_t>& records) {
  constexpr uint32_t kPlaces = wire::PlacesRecord::kPlaces;
  if (index / kPlaces > records.size()) return;  // there was no room for what comes before
  if (index / kPlaces == records.size()) {
    uint32_t record;
    if (!free_places_.empty()) {
      record = free_places_.back();
      free_places_.pop_back();
    } else if (header().places < wire::kTablePlaces) {
      record = static_cast<uint32_t>(header().places);
      put(header().places, header().places + 1);
    } else {
      return;
    }
    put(places_at(record).first, index);
    put(places_at(record).count, uint32_t{0});
    put(places_at(record).handle, handle);
    records.push_back(record);
  }
  wire::PlacesRecord& into = places_at(records[index / kPlaces]);
  put(into.places[index % kPlaces], place);
  put(into.count, index % kPlaces + 1);
}

void Legacy::drop_places(std::vector<uint32_t>& records) {
  for (const uint32_t record : records) {
    put(places_at(record).handle, uint64_t{0});
    free_places_.push_back(record);
  }
  records.clear();
}

wire::NodeRecord* Legacy::of(const Node& node) {
  const uint32_t slot = slot_of(node.id);
  if (slot == 0 || slot >= wire::kTableNodes) return nullptr;
  wire::NodeRecord& record = at(slot);
  return record.state == ((node.id >> 32) << 32 | wire::kNodeUsed) ? &record : nullptr;
}

void Legacy::made(const Node& node) {
  const uint32_t slot = slot_of(node.id);
  if (slot == 0 || slot >= wire::kTableNodes) return;
  wire::NodeRecord& record = at(slot);
  const uint64_t state = (node.id >> 32) << 32;
  put(record.state, state);
  record.dev = node.key.dev;
  record.ino = node.key.ino;
  record.born_seconds = node.key.born_seconds;
  record.born_nanoseconds = node.key.born_nanoseconds;
  record.root = node.key.root;
  record.type = node.type;
  record.facet = node.facet;
  record.lookups = record.opens = record.grant = 0;
  record.backing_id = 0;
  record.names = 0;
  put(record.state, state | wire::kNodeUsed);
  if (header().nodes <= slot) put(header().nodes, uint64_t{slot} + 1);
}

uint32_t Legacy::take_cell() {
  if (!free_cells_.empty()) {
    const uint32_t number = free_cells_.back();
    free_cells_.pop_back();
    return number;
  }
  wire::TableHeader& header = this->header();
  if (header.cells >= wire::kTableNames) return 0;
  put(header.cells, header.cells + 1);
  return static_cast<uint32_t>(header.cells);
}

uint32_t Legacy::write_name(const Node* parent, std::string_view name, uint32_t next) {
  constexpr size_t kBytes = sizeof(wire::NameCell::bytes);
  // From its end, so that each cell is whole before another leads to it.
  uint32_t more = 0;
  for (size_t piece = (std::max<size_t>(name.size(), 1) - 1) / kBytes + 1; piece-- > 0;) {
    const uint32_t number = take_cell();
    if (number == 0) {
      free_names(more);
      return 0;
    }
    wire::NameCell& into = cell(number);
    const std::string_view text = name.substr(piece * kBytes, kBytes);
    into = {piece == 0 ? parent->id : 0, more, piece == 0 ? next : 0, static_cast<uint16_t>(name.size()), {}};
    std::memcpy(into.bytes, text.data(), text.size());
    more = number;
  }
  return more;
}

void Legacy::free_names(uint32_t first) {
  while (first != 0) {
    const uint32_t next = cell(first).next;
    for (uint32_t number = first; number != 0;) {
      free_cells_.push_back(number);
      number = cell(number).more;
    }
    first = next;
  }
}

// Names that have no room are not recorded: the newest are.
void Legacy::named(const Node& node) {
  wire::NodeRecord* record = of(node);
  if (record == nullptr) return;
  uint32_t first = 0;
  if (node.parent != nullptr) {
    for (const Node::Link& link : node.links) {
      const uint32_t written = write_name(link.parent, link.name, first);
      if (written == 0) break;
      first = written;
    }
    const uint32_t written = write_name(node.parent, node.name, first);
    if (written == 0) free_names(std::exchange(first, 0));
    else first = written;
  }
  const uint32_t before = record->names;
  put(record->names, first);
  free_names(before);
}

void Legacy::granted(wire::NodeRecord& record, const Node& node) {
  if (record.grant == node.grant && record.backing_id == node.backing_id) return;
  put(record.grant, uint64_t{0});
  put(record.backing_id, node.backing_id);
  put(record.grant, node.grant);
}

void Legacy::settled(const Node& node) {
  wire::NodeRecord* record = of(node);
  if (record == nullptr) return;
  granted(*record, node);
  put(record->opens, uint64_t{node.opens} << 32 | node.write_opens);
}

void Legacy::opened(const Node& node) {
  wire::NodeRecord* record = of(node);
  if (record == nullptr) return;
  granted(*record, node);
  const uint64_t opens = uint64_t{node.opens} << 32 | node.write_opens;
  if (record->opens == opens) return;
  intent_.count(node.id, record->opens);
  put(record->opens, opens);
}

void Legacy::gone(const Node& node, uint32_t generation) {
  wire::NodeRecord* record = of(node);
  if (record == nullptr) return;
  const uint32_t names = record->names;
  put(record->state, uint64_t{generation} << 32);
  free_names(names);
}

void Legacy::means(Facet facet, const core::Terms& terms) {
  if (facet == 0 || facet >= wire::kTableFacets) return;
  auto& record = reinterpret_cast<wire::FacetRecord*>(table_ + wire::kTableFacetsAt)[facet];
  for (size_t i = 0; i < core::kTerms; ++i) {
    record.effects[i] = static_cast<uint64_t>(terms.values[i].effect);
    record.values[i] = terms.values[i].value;
    record.values2[i] = terms.values[i].value2;
  }
  if (header().facets <= facet) put(header().facets, uint64_t{facet} + 1);
}

}  // namespace sluice::worker
