#include "wire/node_table.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <tuple>
#include <utility>

#include "core/limits.h"
#include "core/path.h"
#include "core/rules.h"

namespace sluice::wire {
namespace {

constexpr uint64_t kRootId = 1;
// As stat(2) numbers types; the language has no name for them.
constexpr uint32_t kDirectory = 0040000;
constexpr uint32_t kRegular = 0100000;
constexpr uint32_t kTypes[] = {kDirectory, kRegular, 0120000, 0010000, 0140000, 0020000, 0060000};
// Far more than an honest worker counts, and far from where counting would start again.
constexpr uint64_t kMostLookups = uint64_t{1} << 48;
constexpr uint32_t kMostOpens = 1u << 24;
// A depth that none has: of a directory above which one is just now on its way to the root.
constexpr uint32_t kOnTheWay = ~0u;

template <typename T>
T take(std::span<const uint8_t> table, size_t at) {
  T value;
  std::memcpy(&value, table.data() + at, sizeof(T));
  return value;
}

bool is_sane(const NodeRecord& record, uint32_t roots, size_t facets) {
  const auto opens = static_cast<uint32_t>(record.opens >> 32);
  const auto write_opens = static_cast<uint32_t>(record.opens);
  return std::find(std::begin(kTypes), std::end(kTypes), record.type) != std::end(kTypes) &&
         record.root < roots && record.facet < facets && record.lookups < kMostLookups && opens <= kMostOpens &&
         write_opens <= opens && (opens == 0 || record.type == kRegular) && record.backing_id >= 0;
}

// A facet that no rules can say: nothing may be done with what has it.
core::Terms closed() {
  core::Terms terms;
  terms.values[static_cast<size_t>(core::Term::kAccess)] = {core::Effect::kDeny, EOVERFLOW, 0};
  return terms;
}

core::Terms terms_of(const FacetRecord& record) {
  core::Terms terms;
  for (size_t i = 0; i < core::kTerms; ++i) {
    if (record.effects[i] == 0 || record.effects[i] > static_cast<uint64_t>(core::kLastEffect)) return closed();
    core::TermValue& value = terms.values[i];
    value = {static_cast<core::Effect>(record.effects[i]), record.values[i], record.values2[i]};
    if (value == core::TermValue{}) continue;
    const auto term = static_cast<core::Term>(i);
    core::Rule rule{.effect = value.effect, .value = value.value, .value2 = value.value2};
    if (term == core::Term::kNames) rule.value2 = 0;  // the number of a rule
    const bool fits = !core::is_about_sight(value.effect) && core::term_of(value.effect) == term;
    if (!fits || value.value2 > INT64_MAX || !core::rule_error(rule).empty()) return closed();
  }
  return terms;
}

class TableReader {
 public:
  TableReader(std::span<const uint8_t> table, uint32_t roots) : table_(table), roots_(roots) {}

  LeftTable read() {
    const auto header = take<TableHeader>(table_, 0);
    left_.intent = header.intent;
    left_.workers = header.workers;
    read_facets(std::min<uint64_t>(header.facets, kTableFacets));
    cells_ = static_cast<uint32_t>(std::min<uint64_t>(header.cells, kTableNames));
    left_.cells.resize(cells_);
    read_nodes(static_cast<uint32_t>(std::min<uint64_t>(header.nodes, kTableNodes)));
    drop_doubles();
    settle_parents();
    read_places(static_cast<uint32_t>(std::min<uint64_t>(header.places, kTablePlaces)));
    return std::move(left_);
  }

 private:
  void read_facets(uint64_t count) {
    left_.facets.emplace_back();
    for (uint64_t i = 1; i < count; ++i) {
      left_.facets.push_back(terms_of(take<FacetRecord>(table_, kTableFacetsAt + i * sizeof(FacetRecord))));
    }
    // What all further rules are answered with.
    if (count == kTableFacets) left_.facets.back() = closed();
  }

  // Each page that is touched costs who waits for the next worker some microseconds: no memory is taken twice.
  size_t count_used(uint32_t count) const {
    size_t used = 0;
    for (uint32_t slot = 1; slot < count; ++slot) {
      used += take<uint64_t>(table_, kTableNodesAt + slot * sizeof(NodeRecord)) & kNodeUsed;
    }
    return used;
  }

  void read_nodes(uint32_t count) {
    left_.generations.resize(std::max(count, 1u));
    left_.nodes.reserve(count_used(count));
    for (uint32_t slot = 1; slot < count; ++slot) {
      const auto record = take<NodeRecord>(table_, kTableNodesAt + slot * sizeof(NodeRecord));
      const auto generation = static_cast<uint32_t>(record.state >> 32);
      const bool used = (record.state & kNodeUsed) != 0;
      // What the kernel knows by the number of a node that is left out must never be another's.
      left_.generations[slot] = used ? generation + 1 : generation;
      if (!used || !is_sane(record, roots_, left_.facets.size())) continue;
      LeftNode& node = left_.nodes.emplace_back(LeftNode{slot, record, {}});
      read_names(node);
    }
    // Only now: what leads to no end is not followed again for each node that names it.
    for (const uint32_t number : broken_) left_.cells[number - 1] = false;
  }

  void read_names(LeftNode& node) {
    taken_.clear();
    std::vector<LeftName> names;
    const size_t most = node.record.type == kDirectory ? 1 : 1 + size_t{core::Limits::kLinks};
    uint32_t next = node.record.names;
    while (next != 0 && names.size() < most && read_name(next, names)) {
    }
    node.whole = next == 0;
    if (node.whole) node.names = std::move(names);
    else broken_.insert(broken_.end(), taken_.begin(), taken_.end());
  }

  // *next: where the one behind it is.
  bool read_name(uint32_t& next, std::vector<LeftName>& names) {
    NameCell cell;
    if (!take_cell(next, cell)) return false;
    LeftName left{cell.parent, {}};
    const uint32_t behind = cell.next;
    const size_t length = cell.length;
    if (length > core::kMaxNameBytes) return false;
    for (;;) {
      left.name.append(cell.bytes, std::min(sizeof(cell.bytes), length - left.name.size()));
      if (left.name.size() == length) break;
      if (!take_cell(cell.more, cell)) return false;
    }
    if (cell.more != 0 || !core::valid_name(left.name)) return false;
    names.push_back(std::move(left));
    next = behind;
    return true;
  }

  // Each only once: no chain ends in another, or in itself.
  bool take_cell(uint32_t number, NameCell& cell) {
    if (number == 0 || number > cells_ || left_.cells[number - 1]) return false;
    left_.cells[number - 1] = true;
    taken_.push_back(number);
    cell = take<NameCell>(table_, kTableNamesAt + (number - 1) * sizeof(NameCell));
    return true;
  }

  // What does not follow on what comes before it is left out, and all behind it.
  void read_places(uint32_t count) {
    left_.places = count;
    std::map<std::pair<uint64_t, uint32_t>, uint32_t> order;
    for (uint32_t i = 0; i < count; ++i) {
      const auto record = take<PlacesRecord>(table_, kTablePlacesAt + i * sizeof(PlacesRecord));
      if (record.handle != 0) order.try_emplace({record.handle, record.first}, i);
    }
    for (const auto& [key, i] : order) {
      LeftListing& listing = left_.listings[key.first];
      const auto record = take<PlacesRecord>(table_, kTablePlacesAt + i * sizeof(PlacesRecord));
      if (record.first != listing.places.size() || record.count > PlacesRecord::kPlaces) continue;
      listing.places.insert(listing.places.end(), record.places, record.places + record.count);
      listing.records.push_back(i);
    }
  }

  // Of each file by each facet the first stays.
  void drop_doubles() {
    const auto key = [](const LeftNode& node) {
      const NodeRecord& of = node.record;
      return std::make_tuple(of.dev, of.born_seconds, of.born_nanoseconds, of.root, of.facet);
    };
    // What nearly always tells them apart lies together: who waits for the next worker waits for this, too.
    struct Entry {
      uint64_t ino;
      uint32_t index;
    };
    std::vector<Entry> sorted;
    sorted.reserve(left_.nodes.size());
    for (const LeftNode& node : left_.nodes) sorted.push_back({node.record.ino, static_cast<uint32_t>(sorted.size())});
    std::sort(sorted.begin(), sorted.end(), [&](const Entry& a, const Entry& b) {
      if (a.ino != b.ino) return a.ino < b.ino;
      const auto one = key(left_.nodes[a.index]), other = key(left_.nodes[b.index]);
      return one != other ? one < other : a.index < b.index;
    });
    std::vector<bool> dropped(left_.nodes.size());
    for (size_t i = 1; i < sorted.size(); ++i) {
      const Entry &a = sorted[i - 1], &b = sorted[i];
      if (a.ino != b.ino || key(left_.nodes[a.index]) != key(left_.nodes[b.index])) continue;
      dropped[b.index] = true;
    }
    size_t index = 0;
    std::erase_if(left_.nodes, [&](const LeftNode&) { return dropped[index++]; });
  }

  // Names in what is no directory that is left go, and those by which a directory is below itself or too deep.
  void settle_parents() {
    by_slot_.assign(left_.generations.size(), nullptr);
    for (LeftNode& node : left_.nodes) by_slot_[node.slot] = &node;
    for (LeftNode& node : left_.nodes) {
      std::erase_if(node.names, [this](const LeftName& name) {
        return name.parent != kRootId && directory_at(name.parent) == nullptr;
      });
    }
    std::vector<uint32_t> depth(left_.generations.size());  // of a directory, from 1 on; 0: not known yet
    std::vector<LeftNode*> way;
    for (LeftNode& start : left_.nodes) {
      if (start.record.type != kDirectory) continue;
      LeftNode* up = &start;
      for (; up != nullptr && depth[up->slot] == 0; up = parent_of(*up)) {
        depth[up->slot] = kOnTheWay;
        way.push_back(up);
      }
      for (uint32_t above = up == nullptr ? 0 : depth[up->slot]; !way.empty(); way.pop_back()) {
        if (above >= kTableDepth) {
          way.back()->names.clear();
          above = 0;
        }
        depth[way.back()->slot] = ++above;
      }
    }
  }
  LeftNode* parent_of(const LeftNode& node) const {
    return node.names.empty() || node.names[0].parent == kRootId ? nullptr : directory_at(node.names[0].parent);
  }
  LeftNode* directory_at(uint64_t nodeid) const {
    const uint64_t slot = (nodeid & 0xFFFFFFFF) - 1;
    if (slot >= by_slot_.size() || by_slot_[slot] == nullptr) return nullptr;
    LeftNode* node = by_slot_[slot];
    return node->id() == nodeid && node->record.type == kDirectory ? node : nullptr;
  }

  std::span<const uint8_t> table_;
  uint32_t roots_;
  uint32_t cells_ = 0;
  std::vector<uint32_t> taken_;   // cells of the node that is read
  std::vector<uint32_t> broken_;  // of those whose chains are not whole
  LeftTable left_{};
  std::vector<LeftNode*> by_slot_;
};

}  // namespace

core::Result<LeftTable> read_table(std::span<const uint8_t> table, uint32_t roots) {
  if (table.size() < kTableBytes || take<TableHeader>(table, 0).magic != kTableMagic) {
    return core::Failure{EPROTO, core::Reason::kProtocol};
  }
  return TableReader(table, roots).read();
}

void begin_table(std::span<uint8_t> table) {
  TableHeader header{};
  header.magic = kTableMagic;
  header.nodes = header.facets = 1;
  std::memcpy(table.data(), &header, sizeof(header));
}

bool is_blank(std::span<const uint8_t> table) {
  return table.size() >= kTableBytes && take<TableHeader>(table, 0).magic == 0;
}

}  // namespace sluice::wire
