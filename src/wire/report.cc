#include "wire/report.h"

#include <cerrno>

#include "wire/cursor.h"
#include "wire/writer.h"

namespace sluice::wire {
namespace {

constexpr uint32_t kMagic = 0x52554C53;  // "SLUR"
constexpr core::Failure kMalformed{EPROTO, core::Reason::kProtocol};

struct Header {
  uint32_t magic;
  ReportKind kind;
  uint64_t after;
  uint32_t uid, name_length, view_length, rules_length;
};

bool has_view(ReportKind kind) {
  return kind == ReportKind::kMade || kind == ReportKind::kMadeConnection || kind == ReportKind::kMadeResting;
}

}  // namespace

std::vector<uint8_t> encode_report(const Report& report) {
  const bool made = has_view(report.kind);
  const std::vector<uint8_t> view = made ? encode_view(report.view) : std::vector<uint8_t>();
  Writer writer;
  writer.put(Header{kMagic, report.kind, report.after, report.uid,
                    static_cast<uint32_t>(report.name.size()), static_cast<uint32_t>(view.size()),
                    static_cast<uint32_t>(report.rules.bytes().size())});
  writer.put_text(report.name);
  writer.put_bytes(view);
  writer.put_bytes(report.rules.bytes());
  return writer.finish();
}

core::Result<Report> decode_report(std::span<const uint8_t> message) {
  Reader reader(message);
  const auto header = reader.take<Header>();
  const auto name = reader.take_text(header.name_length);
  const auto view = reader.take_bytes(header.view_length);
  const auto rules = reader.take_bytes(header.rules_length);
  if (!reader.finished() || header.magic != kMagic || header.kind < ReportKind::kReserve ||
      header.kind > ReportKind::kMadeResting || (!rules.empty() && header.kind != ReportKind::kReload) ||
      (!name.empty() && !valid_view_name(name)) ||
      view.empty() == has_view(header.kind)) {
    return kMalformed;
  }
  auto decoded_rules = core::Rules::decode(rules);
  if (!decoded_rules.ok()) return decoded_rules.failure();
  Report report{header.kind, header.uid, header.after, std::string(name), {}, *std::move(decoded_rules)};
  if (has_view(header.kind)) {
    auto decoded = decode_view(view);
    if (!decoded.ok()) return decoded.failure();
    report.view = *std::move(decoded);
  }
  return report;
}

}  // namespace sluice::wire
