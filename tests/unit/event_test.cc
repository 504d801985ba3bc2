// What brokers and workers tell the service.
#include "wire/event.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "tests/unit/decoder_checks.h"

namespace sluice::wire {
namespace {

using core::Reason;
using test::Bytes;
using test::with;

Bytes encode(const Event& header, std::string_view text, size_t space = kEventMost) {
  Bytes message(space);
  message.resize(encode_event(header, text, message));
  return message;
}

Event refused() {
  return {EventKind::kRefused, static_cast<uint32_t>(Reason::kHidden), EACCES, 1, 9, 0, 0};
}

TEST(Event, RoundTrip) {
  for (const EventKind kind :
       {EventKind::kReady, EventKind::kGranted, EventKind::kRefused, EventKind::kFailed}) {
    Event header = refused();
    header.kind = kind;
    const Bytes message = encode(header, "dir/\x1b[31m\n");
    const auto decoded = decode_event(message);
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(decoded->header.kind, kind);
    EXPECT_EQ(decoded->header.reason, static_cast<uint32_t>(Reason::kHidden));
    EXPECT_EQ(decoded->header.error, EACCES);
    EXPECT_EQ(decoded->header.op, 1u);
    EXPECT_EQ(decoded->header.dropped, 9u);
    EXPECT_EQ(decoded->text, "dir/\x1b[31m\n");
  }
}

TEST(Event, LongTextIsCut) {
  const std::string text(kEventMost, 't');
  EXPECT_EQ(encode(refused(), text).size(), kEventMost);
  for (const size_t space : {sizeof(Event), sizeof(Event) + 1, sizeof(Event) + 10}) {
    const Bytes message = encode(refused(), text, space);
    ASSERT_EQ(message.size(), space);
    const auto decoded = decode_event(message);
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(decoded->text.size(), space - sizeof(Event));
  }
}

TEST(Event, TruncatedTrailingAndMutated) {
  const Bytes message = encode(refused(), "a path");
  test::expect_truncations_refused(message, decode_event);
  test::expect_trailing_bytes_refused(message, decode_event);
  test::expect_mutations_survived(message, decode_event, [](const DecodedEvent& event) {
    return encode(event.header, event.text);
  });
  test::expect_noise_survived(100, decode_event);
}

TEST(Event, OutOfRange) {
  const Bytes good = encode(refused(), "");
  for (const uint32_t kind : {0u, static_cast<uint32_t>(kEventKinds), ~0u}) {
    EXPECT_FALSE(decode_event(with(good, offsetof(Event, kind), kind)).ok()) << kind;
  }
  for (const uint32_t reason : {static_cast<uint32_t>(Reason::kCount), ~0u}) {
    EXPECT_FALSE(decode_event(with(good, offsetof(Event, reason), reason)).ok()) << reason;
  }
  EXPECT_TRUE(decode_event(with(good, offsetof(Event, reason),
                                static_cast<uint32_t>(Reason::kCount) - 1)).ok());
}

}  // namespace
}  // namespace sluice::wire
