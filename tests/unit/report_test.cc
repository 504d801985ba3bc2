// What a set-up process asks of the main process.
#include "wire/report.h"

#include <gtest/gtest.h>

#include "core/compiler.h"
#include "tests/unit/decoder_checks.h"

namespace sluice::wire {
namespace {

using test::Bytes;
using test::with;

Report of_kind(ReportKind kind) {
  Report report;
  report.kind = kind;
  report.uid = 61234;
  report.after = 0x1122334455667788;
  report.name = "view-1";
  if (kind == ReportKind::kMade || kind == ReportKind::kMadeConnection || kind == ReportKind::kMadeResting) {
    report.view.id = 12;
    report.view.foreign = kind == ReportKind::kMadeConnection;
    report.view.name = "view-1";
    report.view.source = "/srv/tree";
  }
  if (kind == ReportKind::kReload) {
    const std::string_view hide[] = {"*.key"};
    report.rules = std::get<core::Rules>(core::compile(hide));
  }
  return report;
}

constexpr ReportKind kKinds[] = {ReportKind::kReserve, ReportKind::kMade, ReportKind::kNext,
                                 ReportKind::kEnd, ReportKind::kReload,
                                 ReportKind::kTotals, ReportKind::kRefused,
                                 ReportKind::kReserveConnection, ReportKind::kMadeConnection,
                                 ReportKind::kMadeWorker, ReportKind::kMadeBoth,
                                 ReportKind::kMadeResting};

TEST(Report, RoundTrip) {
  for (const ReportKind kind : kKinds) {
    const Report report = of_kind(kind);
    const auto decoded = decode_report(encode_report(report));
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(decoded->kind, kind);
    EXPECT_EQ(decoded->uid, report.uid);
    EXPECT_EQ(decoded->after, report.after);
    EXPECT_EQ(decoded->name, report.name);
    EXPECT_EQ(decoded->rules, report.rules);
    EXPECT_EQ(encode_view(decoded->view), encode_view(report.view));
  }
}

TEST(Report, TruncatedTrailingAndMutated) {
  for (const ReportKind kind : kKinds) {
    const Bytes message = encode_report(of_kind(kind));
    test::expect_truncations_refused(message, decode_report);
    test::expect_trailing_bytes_refused(message, decode_report);
    test::expect_mutations_survived(message, decode_report,
                                    [](const Report& report) { return encode_report(report); });
  }
  test::expect_noise_survived(800, decode_report);
}

TEST(Report, KindsAndNames) {
  const Bytes next = encode_report(of_kind(ReportKind::kNext));
  EXPECT_FALSE(decode_report(with<uint32_t>(next, 0, 1)).ok());
  EXPECT_FALSE(decode_report(with<uint32_t>(next, 4, 0)).ok());
  EXPECT_FALSE(decode_report(with<uint32_t>(next, 4, 12)).ok());
  // Rules where none belong; malformed ones; a view where none belongs, and none where one does.
  const Bytes reload = encode_report(of_kind(ReportKind::kReload));
  EXPECT_FALSE(decode_report(with(reload, 4, ReportKind::kNext)).ok());
  Bytes cut = reload;
  cut.back() = 7;
  EXPECT_EQ(decode_report(cut).failure().reason, core::Reason::kRuleSyntax);
  EXPECT_FALSE(decode_report(with(next, 4, ReportKind::kMade)).ok());
  const Bytes made = encode_report(of_kind(ReportKind::kMade));
  EXPECT_FALSE(decode_report(with(made, 4, ReportKind::kNext)).ok());
  EXPECT_FALSE(decode_report(with(next, 4, ReportKind::kMadeConnection)).ok());
  EXPECT_FALSE(decode_report(with(made, 4, ReportKind::kReserveConnection)).ok());
  Report odd = of_kind(ReportKind::kReserve);
  odd.name = "../etc";
  EXPECT_FALSE(decode_report(encode_report(odd)).ok());
}

}  // namespace
}  // namespace sluice::wire
