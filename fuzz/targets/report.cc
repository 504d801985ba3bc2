// What a set-up process, which may have been taken over, asks of the service's main process.
#include "wire/report.h"

#include "fuzz/message.h"
#include "fuzz/target.h"

using namespace sluice;

// Name, view, rules.
FUZZ_MESSAGE(32, {20}, {24}, {28})

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span message(data, size);
  const auto report = wire::decode_report(message);
  if (!report.ok()) return 0;
  FUZZ_HOLDS(report->kind >= wire::ReportKind::kReserve &&
             report->kind <= wire::ReportKind::kMadeResting);
  FUZZ_HOLDS(report->name.empty() || wire::valid_view_name(report->name));
  FUZZ_HOLDS(report->kind == wire::ReportKind::kReload || report->rules.empty());
  FUZZ_HOLDS(std::ranges::equal(wire::encode_report(*report), message));
  return 0;
}
