#include "wire/totals.h"

#include <cerrno>

#include "wire/cursor.h"
#include "wire/writer.h"

namespace sluice::wire {
namespace {

constexpr uint64_t kMagic = 0x54554C53;  // "SLUT"

}  // namespace

std::vector<uint8_t> encode_totals(const Totals& totals) {
  Writer writer;
  writer.put(kMagic);
  writer.put(totals);
  return writer.finish();
}

core::Result<Totals> decode_totals(std::span<const uint8_t> message) {
  Reader reader(message);
  const auto magic = reader.take<uint64_t>();
  const auto totals = reader.take<Totals>();
  if (!reader.finished() || magic != kMagic) return core::Failure{EPROTO, core::Reason::kProtocol};
  return totals;
}

}  // namespace sluice::wire
