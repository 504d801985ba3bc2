// The service's table of views against a model: who has which, and how many.
#include "core/limits.h"
#include "service/view_table.h"

#include <map>

#include "fuzz/target.h"

using namespace sluice;

namespace {

constexpr uint32_t kUsers[] = {0, 1000, 1001, 65534};
constexpr std::string_view kNames[] = {"", "a", "b", "view-1", "view-2", "view-3"};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Choices choices(data, size);
  const uint32_t most = 1 + choices.below(40);
  const uint32_t each = core::Limits::kGrantsLeast * (1 + choices.below(64));
  const uint32_t most_connections = 1 + choices.below(40);
  service::ViewTable table(each, most, most_connections);
  struct Known {
    uint32_t owner, uid, grants;
    std::string name;
  };
  std::map<uint64_t, Known> model;
  struct Connection {
    uint32_t owner, connection, grants;
  };
  std::map<uint64_t, Connection> connections;
  for (int steps = 0; choices.more() && steps < 120; ++steps) {
    const uint8_t step = choices.byte();
    const uint64_t id = 1 + choices.below(16);
    const uint32_t owner = choices.one_of(kUsers), uid = choices.one_of(kUsers);
    const std::string_view name = choices.one_of(kNames);
    if (step % 16 == 15) {
      // Connections are counted by themselves, and are one owner's.
      const uint32_t connection = choices.below(12);
      size_t of_owner = 0;
      uint64_t given = 0;
      bool taken = false;
      for (const auto& [other, known] : connections) {
        taken = taken || (known.owner == owner && known.connection == connection);
        of_owner += known.owner == owner;
        if (known.owner == owner) given += known.grants;
      }
      const auto entry = table.reserve_connection(id, owner, connection, {});
      if (entry.ok()) {
        FUZZ_HOLDS(connection != 0 && !taken && !model.contains(id) && !connections.contains(id));
        FUZZ_HOLDS((*entry)->owner == owner && (*entry)->uid == owner && (*entry)->connection == connection);
        FUZZ_HOLDS((*entry)->grants > 0 && (*entry)->grants <= each);
        FUZZ_HOLDS(given + (*entry)->grants <= core::ConnectionLimits::kGrantsPerUser);
        connections[id] = {owner, connection, (*entry)->grants};
      } else if (connection != 0 && !taken && !model.contains(id) && !connections.contains(id)) {
        FUZZ_HOLDS(of_owner >= std::max(most_connections / 4, 1u) || connections.size() >= most_connections);
      }
    } else if (connections.contains(id)) {
      table.release(id);
      connections.erase(id);
    } else if (step % 3 == 2) {
      table.release(id);
      model.erase(id);
    } else {
      const auto entry = table.reserve(id, owner, uid, name);
      // Without a name of the peer's there is always one.
      const std::string chosen = name.empty() && entry.ok() ? (*entry)->name : std::string(name);
      size_t of_owner = 0;
      uint64_t given = 0;
      bool taken = false;
      for (const auto& [other, known] : model) {
        of_owner += known.owner == owner;
        if (known.uid == uid) given += known.grants;
        taken = taken || known.name == chosen;
      }
      const bool may = owner == 0 || owner == uid;
      const bool room = model.size() < most && (owner == 0 || of_owner < std::max(most / 4, 1u));
      if (entry.ok()) {
        FUZZ_HOLDS(may && room && !taken && !model.contains(id));
        FUZZ_HOLDS((*entry)->owner == owner && (*entry)->uid == uid && (*entry)->name == chosen);
        FUZZ_HOLDS((*entry)->grants >= core::Limits::kGrantsLeast && (*entry)->grants <= each);
        // All views of one user together have no more than there is.
        FUZZ_HOLDS(uid == 0 || given + (*entry)->grants <= core::Limits::kGrantsPerUser);
        model[id] = {owner, uid, (*entry)->grants, chosen};
      } else if (may && room && !taken && !model.contains(id)) {
        FUZZ_HOLDS(entry.failure().reason == core::Reason::kLimitGrantsOfUser);
        FUZZ_HOLDS(given + core::Limits::kGrantsLeast > core::Limits::kGrantsPerUser);
      }
    }
    FUZZ_HOLDS(table.size() == model.size() + connections.size() && model.size() <= most);
    if (connections.contains(id)) continue;
    for (const uint64_t any : {id, 1 + choices.below(16) + uint64_t{0}}) {
      if (connections.contains(any)) continue;
      const auto known = model.find(any);
      const auto* found = table.find(any);
      FUZZ_HOLDS((found != nullptr) == (known != model.end()));
      for (const uint32_t peer : kUsers) {
        const bool may_see = known != model.end() && (peer == 0 || peer == known->second.owner ||
                                                      peer == known->second.uid);
        FUZZ_HOLDS(table.may_see(any, peer) == may_see);
        if (known != model.end())
          FUZZ_HOLDS(table.id_of(known->second.name, peer) == (may_see ? any : 0));
      }
    }
  }
  return 0;
}
