// The broker's ledger against a map, step by step.
#include "core/ledger.h"

#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "fuzz/target.h"

using namespace sluice;

namespace {

using Key = std::tuple<uint64_t, uint64_t, int, uint64_t, uint64_t, uint32_t>;
Key key_of(const core::FileId& file) {
  return {file.dev,          file.ino,           static_cast<int>(file.access.effect),
          file.access.value, file.access.value2, file.root};
}

// Few files, several in one bucket.
core::FileId file_of(fuzz::Choices& choices) {
  const uint8_t which = choices.byte();
  core::FileId file{which % 2u, (which / 2u) % 24u, {}, (which >> 7) * 3u};
  if (which % 5 == 0) file.access = {core::Effect::kReadOnly, 0, 0};
  if (which % 7 == 0) file.access = {core::Effect::kWindow, which % 3u, 4};
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Choices choices(data, size);
  const uint32_t capacity = 1 + choices.below(20);
  std::vector<core::Grant> memory(capacity);
  auto ledger = std::make_unique<core::Ledger>(capacity, memory.data());
  struct Known {
    core::FileId file;
    uint64_t id;
    int backing_id;
  };
  std::map<Key, Known> model;
  std::vector<uint64_t> closed;
  int next_backing = 1;
  while (choices.more()) {
    const uint8_t step = choices.byte();
    const core::FileId file = file_of(choices);
    const auto known = model.find(key_of(file));
    core::Grant* found = ledger->find(file);
    FUZZ_HOLDS((found != nullptr) == (known != model.end()));
    switch (step % 5) {
      case 4:  // another broker goes on with it
        ledger = std::make_unique<core::Ledger>(capacity, memory.data());
        FUZZ_HOLDS(ledger->last_left() == static_cast<uint32_t>(next_backing - 1));
        break;
      case 0:
      case 1:
        if (found != nullptr) break;
        found = ledger->insert(file);
        FUZZ_HOLDS((found != nullptr) == (model.size() < capacity));
        if (found == nullptr) break;
        FUZZ_HOLDS(found->file == file && found->file_fd == -1 && found->write_fd == -1 &&
                   !found->writable);
        found->backing_id = next_backing++;
        ledger->write_down(found);
        model[key_of(file)] = {file, ledger->id_of(found).packed(), found->backing_id};
        break;
      case 2:
        if (found == nullptr) break;
        closed.push_back(known->second.id);
        found->backing_id = ~found->backing_id;
        ledger->write_down(found);
        model.erase(known);
        ledger->erase(found);
        break;
      default: {  // an id that nobody gave out
        const core::GrantId id = core::GrantId::unpack(choices.number());
        const core::Grant* grant = ledger->get(id);
        const bool is_known = std::any_of(model.begin(), model.end(), [&](const auto& each) {
          return each.second.id == id.packed();
        });
        FUZZ_HOLDS((grant != nullptr) == is_known);
      }
    }
    FUZZ_HOLDS(ledger->size() == model.size() && ledger->size() <= ledger->capacity());
    for (const auto& [key, each] : model) {
      core::Grant* grant = ledger->get(core::GrantId::unpack(each.id));
      FUZZ_HOLDS(grant != nullptr && grant->file == each.file &&
                 grant->backing_id == each.backing_id);
      FUZZ_HOLDS(ledger->find(each.file) == grant);
    }
    // The id of what was closed never names what came later.
    for (const uint64_t id : closed) FUZZ_HOLDS(ledger->get(core::GrantId::unpack(id)) == nullptr);
  }
  return 0;
}
