// The inode table as the worker before this one left it.
#include <memory>
#include <string>
#include <utility>

#include "worker/table.h"

namespace sluice::worker {

void Table::take_over(const wire::LeftTable& left) {
  slots_.resize(left.generations.size());
  by_key_.reserve(1 + left.nodes.size());
  for (size_t slot = 1; slot < slots_.size(); ++slot) slots_[slot].generation = left.generations[slot];
  for (const wire::LeftNode& each : left.nodes) {
    const wire::NodeRecord& record = each.record;
    auto node = std::make_unique<Node>();
    node->id = each.id();
    node->key = {record.dev, record.ino, record.born_seconds, record.born_nanoseconds, record.root};
    node->facet = record.facet;
    node->type = record.type;
    node->lookups = record.lookups;
    node->opens = each.opens();
    node->write_opens = each.write_opens();
    node->grant = record.grant;
    node->backing_id = record.backing_id;
    by_key_[{node->key, node->facet}] = node.get();
    slots_[each.slot] = {std::move(node), static_cast<uint32_t>(each.id() >> 32)};
  }
  for (size_t slot = slots_.size(); slot-- > 1;) {
    if (slots_[slot].node == nullptr) free_.push_back(static_cast<uint32_t>(slot));
  }
  for (const wire::LeftNode& each : left.nodes) {
    Node* node = slots_[each.slot].node.get();
    for (auto name = each.names.rbegin(); name != each.names.rend(); ++name) {
      Node* parent = get(name->parent);
      if (parent == nullptr) continue;
      ++parent->children;
      if (node->parent != nullptr) node->links.push_back({node->parent, std::move(node->name)});
      node->parent = parent;
      node->name = name->name;
    }
    if (!each.whole || each.names.size() < 1) legacy_.named(*node);
  }
  // What nobody refers to was about to go.
  for (const wire::LeftNode& each : left.nodes) {
    if (Node* node = get(each.id()); node != nullptr) release_if_unused(node);
  }
}

void Table::find_again(Node* node) {
  if (node->parent == nullptr) return;
  const auto held = keep_held(node);
  if (held.ok() || held.failure().error != ESTALE) return;
  while (node->parent != nullptr) lose_name(node, node->parent, std::string(node->name));
}

}  // namespace sluice::worker
