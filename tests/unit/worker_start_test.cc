// What a view's workers are started with, each of them.
#include "wire/worker_start.h"

#include <gtest/gtest.h>

#include "core/view_limits.h"
#include "tests/unit/decoder_checks.h"
#include "wire/view_config_writer.h"

namespace sluice::wire {
namespace {

WorkerStart example() {
  WorkerStart start;
  start.gid = 1000;
  start.groups = {1000, 4, 27};
  start.connection = 57;
  start.roots = {{8, 2}, {9, 130}};
  start.config.read_only = true;
  start.config.most_grants = 7;
  start.config.private_uid = core::ViewLimits::kFirstPrivateUid;
  start.config.uid = 1000;
  start.config.init.assign(80, 1);
  return start;
}

TEST(WorkerStart, RoundTrip) {
  const auto decoded = decode_worker_start(encode_worker_start(example()));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->gid, 1000u);
  EXPECT_EQ(decoded->groups, example().groups);
  EXPECT_EQ(decoded->connection, 57u);
  EXPECT_EQ(decoded->roots, example().roots);
  EXPECT_EQ(encode_view_config(decoded->config), encode_view_config(example().config));
}

TEST(WorkerStart, TruncatedTrailingAndMutated) {
  const test::Bytes message = encode_worker_start(example());
  test::expect_truncations_refused(message, decode_worker_start);
  test::expect_trailing_bytes_refused(message, decode_worker_start);
  test::expect_mutations_survived(message, decode_worker_start,
                                  [](const WorkerStart& start) { return encode_worker_start(start); });
}

}  // namespace
}  // namespace sluice::wire
