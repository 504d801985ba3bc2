// The service's totals on their way to a client.
#include "wire/totals.h"

#include <gtest/gtest.h>

#include "decoder_checks.h"

namespace sluice::wire {
namespace {

TEST(Totals, RoundTripAndWhatIsNone) {
  Totals totals;
  totals.started = 1700000000;
  totals.service_pid = 1;
  totals.maker_pid = 2;
  totals.peers = 3;
  totals.views_started = 4;
  totals.views_ended = 5;
  totals.connections_started = 11;
  totals.connections_ended = 12;
  totals.granted = 6;
  totals.dropped = 7;
  totals.lines_left_out = 8;
  totals.refused_peers[kReasons - 1] = 9;
  totals.refused_requests[0] = 10;
  const auto message = encode_totals(totals);
  const auto decoded = decode_totals(message);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(encode_totals(*decoded), message);
  EXPECT_EQ(decoded->started, 1700000000);
  EXPECT_EQ(decoded->connections_started, 11u);
  EXPECT_EQ(decoded->connections_ended, 12u);
  EXPECT_EQ(decoded->lines_left_out, 8u);
  EXPECT_EQ(decoded->refused_peers[kReasons - 1], 9u);
  EXPECT_EQ(decoded->refused_requests[0], 10u);
  test::expect_truncations_refused(message, decode_totals);
  test::expect_trailing_bytes_refused(message, decode_totals);
  auto other = message;
  other[0] ^= 1;
  EXPECT_FALSE(decode_totals(other).ok());
}

}  // namespace
}  // namespace sluice::wire
