// What a worker leaves to the one after it, forged: everything at random, or what looks right and leads astray.
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <random>

#include "os/memory_file.h"
#include "sandbox/fds.h"
#include "wire/node_record.h"
#include "worker.h"

namespace sluice::adversary {
namespace {

constexpr uint32_t kRecords = 200;

uint8_t* table = nullptr;

template <typename Record>
Record* at(size_t offset) {
  return reinterpret_cast<Record*>(table + offset);
}

// Of the right layout, so that all of it is read: parents and names in circles, numbers out of range and just in it, one file
// under many nodeids.
void lead_astray(std::mt19937_64& random) {
  const auto some = [&](uint64_t most) { return random() % 8 == 0 ? random() : random() % most; };
  for (uint32_t i = 0; i < kRecords; ++i) {
    auto& node = at<wire::NodeRecord>(wire::kTableNodesAt)[i];
    node = {some(4) << 32 | wire::kNodeUsed, some(3), some(20), 0, 0, static_cast<uint32_t>(some(2)),
            static_cast<uint32_t>(random() % 2 == 0 ? 0040000 : 0100000), static_cast<uint32_t>(some(3)), some(5), some(3) << 32 | some(3),
            some(5), static_cast<int32_t>(some(10)), static_cast<uint32_t>(some(kRecords))};
    auto& cell = at<wire::NameCell>(wire::kTableNamesAt)[i];
    cell.parent = some(4) << 32 | some(kRecords);
    cell.more = static_cast<uint32_t>(some(kRecords));
    cell.next = static_cast<uint32_t>(some(kRecords));
    cell.length = static_cast<uint16_t>(some(60));
    for (char& byte : cell.bytes) byte = static_cast<char>(random() % 4 == 0 ? random() : 'a' + random() % 3);
    auto& places = at<wire::PlacesRecord>(wire::kTablePlacesAt)[i];
    places = {some(9), static_cast<uint32_t>(some(200)), static_cast<uint32_t>(some(130)), {}};
  }
  auto& header = *at<wire::TableHeader>(0);
  header = {wire::kTableMagic, some(3), some(2 * kRecords), some(2 * kRecords), some(2 * kRecords), some(4), some(3), {}};
  for (size_t i = 0; i < sizeof(header.intent) / sizeof(uint64_t); ++i) {
    reinterpret_cast<uint64_t*>(&header.intent)[i] = some(50);
  }
}

}  // namespace

void map_table() {
  for (const int number : {sandbox::kFdTable, sandbox::kFdLeftTable}) {
    if (table == nullptr) table = static_cast<uint8_t*>(os::map_counters(number, wire::kTableBytes, true));
    ::close(number);
  }
  if (table == nullptr) return;
  // Until it is forged: of a worker that has told the kernel of no file.
  auto& header = *at<wire::TableHeader>(0);
  header.nodes = header.facets = 1;
  header.magic = wire::kTableMagic;
}

void forge_table(uint64_t seed) {
  std::mt19937_64 random(seed);
  if (table == nullptr) return say("no table");
  if (seed % 4 == 0) {
    for (const size_t part : {size_t{0}, wire::kTableFacetsAt, wire::kTableNodesAt, wire::kTableNamesAt, wire::kTablePlacesAt}) {
      for (size_t i = 0; i < 4096; i += sizeof(uint64_t)) *at<uint64_t>(part + i) = random();
    }
    if (seed % 8 == 0) at<wire::TableHeader>(0)->magic = wire::kTableMagic;
    if (seed % 16 == 12) at<wire::TableHeader>(0)->magic = 0;  // as if there had been nobody
  } else {
    lead_astray(random);
  }
  say("forged");
  ::_exit(0);
}

}  // namespace sluice::adversary
