// Hello, reply and view: what a client and the service say to each other.
#include "wire/control.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "core/compiler.h"
#include "core/limits.h"
#include "tests/unit/decoder_checks.h"

namespace sluice::wire {
namespace {

using core::Limits;
using core::Reason;
using test::Bytes;
using test::with;

// Where the fields of a hello's header lie.
enum HelloOffset : size_t {
  kMagicAt = 0, kVersionAt = 4, kKindAt = 8, kFlagsAt = 12, kCoherenceAt = 24, kGroupsAt = 28,
  kNameLengthAt = 32, kSourceLengthAt = 36, kTargetLengthAt = 40, kRulesLengthAt = 44,
  kHelloHeader = 48
};

core::Rules rules_of(std::initializer_list<std::string_view> patterns) {
  const std::vector<std::string_view> list(patterns);
  auto compiled = core::compile(list);
  EXPECT_TRUE(std::holds_alternative<core::Rules>(compiled));
  return std::get<core::Rules>(std::move(compiled));
}

Hello full_hello() {
  Hello hello;
  hello.kind = HelloKind::kMount;
  hello.read_only = true;
  hello.named_identity = true;
  hello.tied = true;
  hello.uid = 61234;
  hello.gid = 61235;
  hello.coherence_milliseconds = 500;
  hello.groups = {61235, 7};
  hello.name = "a.view-1_X";
  hello.source = "/srv/\xff tree";
  hello.target = "/mnt/view";
  hello.rules = rules_of({".env", "*.key", "!public.key"});
  hello.grafts = {{"a/b", true}, {"lib", false}};
  hello.no_source = true;
  hello.record = true;
  return hello;
}

void expect_equal(const Hello& a, const Hello& b) {
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.read_only, b.read_only);
  EXPECT_EQ(a.preserve, b.preserve);
  EXPECT_EQ(a.device_nodes, b.device_nodes);
  EXPECT_EQ(a.named_identity, b.named_identity);
  EXPECT_EQ(a.tied, b.tied);
  EXPECT_EQ(a.uid, b.uid);
  EXPECT_EQ(a.gid, b.gid);
  EXPECT_EQ(a.coherence_milliseconds, b.coherence_milliseconds);
  EXPECT_EQ(a.groups, b.groups);
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.source, b.source);
  EXPECT_EQ(a.target, b.target);
  EXPECT_EQ(a.rules, b.rules);
  EXPECT_EQ(a.grafts, b.grafts);
  EXPECT_EQ(a.no_source, b.no_source);
  EXPECT_EQ(a.record, b.record);
}

void expect_refused(const Bytes& message, Reason reason = Reason::kProtocol) {
  const test::ExactBlock block(message);
  const auto decoded = decode_hello(block.bytes());
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.failure().reason, reason);
  EXPECT_NE(decoded.failure().error, 0);
}

TEST(Hello, RoundTrip) {
  const Hello hello = full_hello();
  const auto decoded = decode_hello(encode_hello(hello));
  ASSERT_TRUE(decoded.ok());
  expect_equal(hello, *decoded);
}

TEST(Hello, RoundTripOfEachKindAndFlag) {
  for (const HelloKind kind : {HelloKind::kMount, HelloKind::kList, HelloKind::kEnd, HelloKind::kReload,
                               HelloKind::kTotals}) {
    for (unsigned flags = 0; flags < 16; ++flags) {
      Hello hello;
      hello.kind = kind;
      hello.read_only = (flags & 1) != 0;
      hello.preserve = (flags & 2) != 0;
      hello.named_identity = (flags & 4) != 0;
      hello.tied = (flags & 8) != 0;
      hello.device_nodes = hello.preserve && !hello.read_only;
      const auto decoded = decode_hello(encode_hello(hello));
      ASSERT_TRUE(decoded.ok());
      expect_equal(hello, *decoded);
    }
  }
}

TEST(Hello, TruncatedTrailingAndMutated) {
  const Bytes message = encode_hello(full_hello());
  test::expect_truncations_refused(message, decode_hello);
  test::expect_trailing_bytes_refused(message, decode_hello);
  test::expect_mutations_survived(message, decode_hello,
                                  [](const Hello& hello) { return encode_hello(hello); });
  test::expect_noise_survived(300, decode_hello);
}

TEST(Hello, HeaderOutOfRange) {
  const Bytes good = encode_hello(full_hello());
  ASSERT_TRUE(decode_hello(good).ok());
  expect_refused(with<uint32_t>(good, kMagicAt, 0));
  expect_refused(with<uint32_t>(good, kVersionAt, 0), Reason::kVersion);
  expect_refused(with<uint32_t>(good, kVersionAt, 2), Reason::kVersion);
  for (const uint32_t kind : {0u, 6u, ~0u}) expect_refused(with(good, kKindAt, kind));
  for (unsigned bit = 6; bit < 32; ++bit) expect_refused(with(good, kFlagsAt, 1u << bit));
  expect_refused(with(good, kFlagsAt, 2u | 64u));
  expect_refused(with(good, kCoherenceAt, Limits::kCoherenceMillisecondsMost + 1));
  EXPECT_TRUE(decode_hello(with(good, kCoherenceAt, Limits::kCoherenceMillisecondsMost)).ok());
}

// It would have a broker that may make devices, for nothing.
TEST(Hello, DeviceNodesOfAnotherView) {
  Hello hello;
  hello.device_nodes = true;
  expect_refused(encode_hello(hello));
  hello.preserve = true;
  EXPECT_TRUE(decode_hello(encode_hello(hello)).ok());
  hello.read_only = true;
  expect_refused(encode_hello(hello));
}

TEST(Hello, LengthsThatLie) {
  const Bytes good = encode_hello(full_hello());
  for (const size_t at : {kGroupsAt, kNameLengthAt, kSourceLengthAt, kTargetLengthAt, kRulesLengthAt}) {
    uint32_t right;
    std::memcpy(&right, good.data() + at, sizeof(right));
    for (const uint32_t wrong : {right + 1, right - 1, 0u, 0x7fffffffu, 0x80000000u, ~0u - 3, ~0u}) {
      if (wrong == right) continue;
      const test::ExactBlock block(with(good, at, wrong));
      EXPECT_FALSE(decode_hello(block.bytes()).ok()) << "field at " << at << " says " << wrong;
    }
  }
}

TEST(Hello, GroupsUpToTheMost) {
  Hello hello;
  hello.groups.assign(kMostGroups, 5);
  EXPECT_TRUE(decode_hello(encode_hello(hello)).ok());
  hello.groups.push_back(5);
  expect_refused(encode_hello(hello));
}

TEST(Hello, PathsUpToTheMostAndWithoutNul) {
  for (std::string Hello::*path : {&Hello::source, &Hello::target}) {
    Hello hello;
    hello.*path = std::string(Limits::kHostPathBytes, 'p');
    EXPECT_TRUE(decode_hello(encode_hello(hello)).ok());
    (hello.*path) += 'p';
    expect_refused(encode_hello(hello));
    hello.*path = std::string("/a\0b", 4);
    expect_refused(encode_hello(hello));
  }
}

TEST(Hello, Names) {
  Hello hello;
  for (const char* bad : {".", ".hidden", "-n", "a b", "a/b", "a\n", "\x1b[31m", "\xc3\xa9", "a\"", "*"}) {
    hello.name = bad;
    expect_refused(encode_hello(hello));
    EXPECT_FALSE(valid_view_name(bad)) << bad;
  }
  hello.name = std::string("a\0b", 3);
  expect_refused(encode_hello(hello));
  hello.name.assign(kMostNameBytes, 'n');
  EXPECT_TRUE(decode_hello(encode_hello(hello)).ok());
  hello.name += 'n';
  expect_refused(encode_hello(hello));
  EXPECT_FALSE(valid_view_name(""));  // on the wire: the service chooses
}

TEST(Hello, EveryByteAsAName) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '.' || c == '-';
    EXPECT_EQ(valid_view_name(std::string("x") + c), fits) << byte;
  }
}

TEST(Hello, RulesAreCheckedAgain) {
  Hello hello;
  hello.rules = rules_of({"ab"});
  Bytes message = encode_hello(hello);
  // Behind the rules stands the number of grafts.
  message[message.size() - 4 - 2] = 1;  // the pattern is that of a second rule
  expect_refused(message, Reason::kRuleSyntax);
}

TEST(Hello, TheLargestFits) {
  Hello hello = full_hello();
  hello.groups.assign(kMostGroups, 1);
  hello.name.assign(kMostNameBytes, 'n');
  hello.source.assign(Limits::kHostPathBytes, 's');
  hello.target.assign(Limits::kHostPathBytes, 't');
  EXPECT_LE(encode_hello(hello).size() + core::kMaxRulesBytes, kHelloMost);
}

TEST(Reply, RoundTrip) {
  const auto decoded = decode_reply(encode_reply({EACCES, Reason::kNotPermitted, 7, "view-1"}));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->error, EACCES);
  EXPECT_EQ(decoded->reason, Reason::kNotPermitted);
  EXPECT_EQ(decoded->count, 7u);
  EXPECT_EQ(decoded->text, "view-1");
}

TEST(Reply, TruncatedTrailingAndMutated) {
  const Bytes message = encode_reply({EACCES, Reason::kNotPermitted, 7, "view-1"});
  test::expect_truncations_refused(message, decode_reply);
  test::expect_trailing_bytes_refused(message, decode_reply);
  test::expect_mutations_survived(message, decode_reply,
                                  [](const Reply& reply) { return encode_reply(reply); });
  test::expect_noise_survived(100, decode_reply);
}

TEST(Reply, OutOfRange) {
  const Bytes good = encode_reply({0, Reason::kNone, 0, {}});
  const auto reason_of = [](const Bytes& message) {
    const auto decoded = decode_reply(message);
    return decoded.ok() ? Reason::kNone : decoded.failure().reason;
  };
  EXPECT_EQ(reason_of(with<uint32_t>(good, 0, 1)), Reason::kProtocol);
  EXPECT_EQ(reason_of(with<uint32_t>(good, 4, 2)), Reason::kVersion);
  EXPECT_EQ(reason_of(with(good, 12, static_cast<uint32_t>(Reason::kCount))), Reason::kProtocol);
  EXPECT_EQ(reason_of(with(good, 12, ~0u)), Reason::kProtocol);
  EXPECT_TRUE(decode_reply(with(good, 12, static_cast<uint32_t>(Reason::kCount) - 1)).ok());
}

ViewInfo full_view() {
  ViewInfo view;
  view.id = 0x1122334455667788;
  view.started = 1700000000;
  view.uid = 61234;
  view.gid = 61235;
  view.owner = 61236;
  view.rules = 3;
  view.most_grants = 9;
  view.missing = 2;
  view.broker_pid = 4711;
  view.worker_pid = 4712;
  view.coherence_milliseconds = 1000;
  view.read_only = true;
  view.tied = true;
  view.resting = true;
  for (size_t i = 0; i < Counters::kOpcodes; ++i) view.requests[i] = i * i + 1;
  view.nodes = 5;
  view.grants = 6;
  view.grants_asked = 7;
  view.grants_kept = 8;
  view.times[5].count[6] = 13;
  view.times[5].nanoseconds = 14;
  view.granted = 10;
  view.dropped = 11;
  for (size_t i = 0; i < std::size(view.refused); ++i) view.refused[i] = i + 12;
  view.connection = 77;
  view.name = "view-1";
  view.source = "/srv/tree";
  view.target = "/mnt/view";
  view.unit = "backup.service";
  return view;
}

TEST(View, RoundTrip) {
  const ViewInfo view = full_view();
  const Bytes message = encode_view(view);
  const auto decoded = decode_view(message);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(encode_view(*decoded), message);
  EXPECT_EQ(decoded->id, view.id);
  EXPECT_EQ(decoded->started, view.started);
  EXPECT_EQ(decoded->uid, view.uid);
  EXPECT_EQ(decoded->gid, view.gid);
  EXPECT_EQ(decoded->owner, view.owner);
  EXPECT_EQ(decoded->rules, view.rules);
  EXPECT_EQ(decoded->most_grants, 9u);
  EXPECT_EQ(decoded->missing, 2u);
  EXPECT_EQ(decoded->broker_pid, view.broker_pid);
  EXPECT_EQ(decoded->worker_pid, view.worker_pid);
  EXPECT_EQ(decoded->coherence_milliseconds, view.coherence_milliseconds);
  EXPECT_TRUE(decoded->read_only);
  EXPECT_FALSE(decoded->preserve);
  EXPECT_TRUE(decoded->tied);
  EXPECT_TRUE(decoded->resting);
  EXPECT_EQ(decoded->requests[63], 63u * 63 + 1);
  EXPECT_EQ(decoded->nodes, 5u);
  EXPECT_EQ(decoded->grants, 6u);
  EXPECT_EQ(decoded->grants_asked, 7u);
  EXPECT_EQ(decoded->grants_kept, 8u);
  EXPECT_EQ(decoded->times[5].count[6], 13u);
  EXPECT_EQ(decoded->times[5].nanoseconds, 14u);
  EXPECT_EQ(decoded->granted, 10u);
  EXPECT_EQ(decoded->dropped, 11u);
  EXPECT_EQ(decoded->refused[5], 17u);
  EXPECT_EQ(decoded->connection, 77u);
  EXPECT_EQ(decoded->unit, "backup.service");
  EXPECT_EQ(decoded->name, view.name);
  EXPECT_EQ(decoded->source, view.source);
  EXPECT_EQ(decoded->target, view.target);
}

TEST(View, TruncatedTrailingAndMutated) {
  const Bytes message = encode_view(full_view());
  test::expect_truncations_refused(message, decode_view);
  test::expect_trailing_bytes_refused(message, decode_view);
  test::expect_mutations_survived(message, decode_view,
                                  [](const ViewInfo& view) { return encode_view(view); });
  test::expect_noise_survived(800, decode_view);
}

TEST(View, OfAnotherVersionOrNoView) {
  const Bytes good = encode_view(full_view());
  EXPECT_FALSE(decode_view(with<uint32_t>(good, 0, 1)).ok());
  EXPECT_FALSE(decode_view(with<uint32_t>(good, 4, 2)).ok());
  EXPECT_FALSE(decode_view(encode_hello(full_hello())).ok());
  EXPECT_FALSE(decode_view(encode_reply({0, Reason::kNone, 0, {}})).ok());
}

// What is printed as it stands must be what the service may have chosen.
TEST(View, NameIsPrintable) {
  ViewInfo view = full_view();
  view.name = "\x1b[31m";
  EXPECT_FALSE(decode_view(encode_view(view)).ok());
}

TEST(View, TheLargestFits) {
  ViewInfo view = full_view();
  view.name.assign(kMostNameBytes, 'n');
  view.source.assign(Limits::kHostPathBytes, 's');
  view.target.assign(Limits::kHostPathBytes, 't');
  view.unit.assign(kMostUnitBytes, 'u');
  EXPECT_LE(encode_view(view).size(), kViewInfoMost);
  EXPECT_TRUE(decode_view(encode_view(view)).ok());
  view.unit += 'u';
  EXPECT_FALSE(decode_view(encode_view(view)).ok());
}

}  // namespace
}  // namespace sluice::wire
