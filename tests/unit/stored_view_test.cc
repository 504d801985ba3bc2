// What one service leaves of a view to the next.
#include "wire/stored_view.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "core/compiler.h"
#include "tests/unit/decoder_checks.h"

namespace sluice::wire {
namespace {

StoredView example() {
  StoredView view;
  view.info.id = 17;
  view.info.started = 1700000000;
  view.info.uid = view.info.owner = 1000;
  view.info.gid = 100;
  view.info.rules = 3;
  view.info.most_grants = 4096;
  view.info.broker_pid = 4711;
  view.info.worker_pid = 4712;
  view.info.coherence_milliseconds = 1000;
  view.info.connection = 93;
  view.info.read_only = view.info.tied = true;
  view.info.name = "view-17";
  view.info.source = "/srv/data";
  view.info.target = "/home/alice/data";
  view.info.unit = "a.service";
  view.trees = 3;
  return view;
}
StoredView with_device_nodes() {
  StoredView view = example();
  view.info.preserve = view.info.device_nodes = true;
  return view;
}
StoredView connection() {
  StoredView view;
  view.info.id = 18;
  view.info.started = 1700000000;
  view.info.uid = view.info.owner = 1000;
  view.info.gid = 100;
  view.info.most_grants = 1024;
  view.info.broker_pid = 4713;
  view.info.connection = 94;
  view.info.foreign = true;
  view.info.name = "connection-18";
  view.info.target = "/home/alice/other";
  return view;
}
StoredView with_other_rules(const std::vector<std::string_view>& patterns) {
  StoredView view = example();
  view.other_rules = std::get<core::Rules>(core::compile(patterns));
  return view;
}
StoredView resting() {
  StoredView view = example();
  view.info.worker_pid = 0;
  view.info.resting = true;
  return view;
}
StoredView not_begun() {
  StoredView view = resting();
  view.info.broker_pid = 0;
  view.info.tied = false;
  view.trees = 1;
  return view;
}
StoredView without_rest() {
  StoredView view = example();
  view.knows_rest = false;
  return view;
}

TEST(StoredView, RoundTrip) {
  for (const StoredView& view : {example(), with_device_nodes(), with_other_rules({}), with_other_rules({"*.key", "/secrets/"}), resting(),
                                 not_begun(), without_rest()}) {
    const auto decoded = decode_stored_view(encode_stored_view(view));
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(encode_view(decoded->info), encode_view(view.info));
    EXPECT_EQ(decoded->trees, view.trees);
    EXPECT_EQ(decoded->version, kStoredViewVersion);
    EXPECT_EQ(decoded->knows_rest, view.knows_rest);
    ASSERT_EQ(decoded->other_rules.has_value(), view.other_rules.has_value());
    if (view.other_rules) {
      EXPECT_EQ(decoded->other_rules->bytes(), view.other_rules->bytes());
    }
  }
}

TEST(StoredView, AConnectionOfAnotherServer) {
  const auto decoded = decode_stored_view(encode_stored_view(connection()));
  ASSERT_TRUE(decoded.ok());
  EXPECT_TRUE(decoded->info.foreign);
  EXPECT_EQ(encode_view(decoded->info), encode_view(connection().info));
  // It has nothing of what a view has besides.
  for (const auto& change : std::vector<std::function<void(StoredView&)>>{
           [](StoredView& view) { view.trees = 1; },
           [](StoredView& view) { view.info.worker_pid = 1; },
           [](StoredView& view) { view.info.rules = 1; },
           [](StoredView& view) { view.info.coherence_milliseconds = 1; },
           [](StoredView& view) { view.info.source = "/"; },
           [](StoredView& view) { view.info.read_only = true; },
           [](StoredView& view) { view.info.preserve = true; },
           [](StoredView& view) { view.info.tied = true; },
           [](StoredView& view) { view.other_rules = core::Rules(); },
           [](StoredView& view) { view.info.owner = 0; },
           [](StoredView& view) { view.info.connection = 0; },
           [](StoredView& view) { view.info.most_grants = 4097; },
       }) {
    StoredView view = connection();
    change(view);
    EXPECT_FALSE(decode_stored_view(encode_stored_view(view)).ok());
  }
}

TEST(StoredView, TruncatedTrailingAndMutated) {
  for (const StoredView& view : {example(), connection(), with_other_rules({"*.key"})}) {
    const test::Bytes record = encode_stored_view(view);
    test::expect_truncations_refused(record, decode_stored_view);
    test::expect_trailing_bytes_refused(record, decode_stored_view);
    test::expect_mutations_survived(record, decode_stored_view,
                                    [](const StoredView& again) { return encode_stored_view(again); });
  }
  test::expect_noise_survived(400, decode_stored_view);
}

// As the service wrote it that was there before the flags that are new.
TEST(StoredView, OfTheFirstVersion) {
  const test::Bytes old = test::with(encode_stored_view(without_rest()), 4, kStoredViewOfFirst);
  const auto decoded = decode_stored_view(old);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->version, kStoredViewOfFirst);
  EXPECT_FALSE(decoded->knows_rest);
  EXPECT_FALSE(decode_stored_view(test::with(encode_stored_view(example()), 4, kStoredViewOfFirst)).ok());
}

// A service that was there before this one wrote no other; a later one may.
TEST(StoredView, AnotherVersionIsRefusedByName) {
  for (const uint32_t version : {0u, kStoredViewVersion + 1, ~0u}) {
    const auto decoded = decode_stored_view(test::with(encode_stored_view(example()), 4, version));
    ASSERT_FALSE(decoded.ok());
    EXPECT_EQ(decoded.failure().reason, core::Reason::kVersion);
  }
  // Of whatever form.
  const test::Bytes begin = encode_stored_view(example());
  const auto decoded = decode_stored_view(test::with(test::Bytes(begin.begin(), begin.begin() + 8), 4, kStoredViewVersion + 1));
  EXPECT_EQ(decoded.failure().reason, core::Reason::kVersion);
}

TEST(StoredView, WhatNoServiceWritesIsRefused) {
  const auto refused = [](const std::function<void(StoredView&)>& change) {
    StoredView view = example();
    change(view);
    const auto decoded = decode_stored_view(encode_stored_view(view));
    return !decoded.ok() && decoded.failure().reason == core::Reason::kProtocol;
  };
  EXPECT_TRUE(refused([](StoredView& view) { view.info.id = 0; }));
  EXPECT_TRUE(refused([](StoredView& view) { view.info.broker_pid = 0; }));
  EXPECT_TRUE(refused([](StoredView& view) { view.info.worker_pid = -1; }));
  EXPECT_TRUE(refused([](StoredView& view) { view.info.most_grants = 0; }));
  EXPECT_TRUE(refused([](StoredView& view) { view.info.most_grants = ~0u; }));
  EXPECT_TRUE(refused([](StoredView& view) { view.info.missing = ~0u; }));
  EXPECT_TRUE(refused([](StoredView& view) { view.info.coherence_milliseconds = ~0u; }));
  EXPECT_TRUE(refused([](StoredView& view) { view.info.name = ""; }));
  EXPECT_TRUE(refused([](StoredView& view) { view.info.name = "../x"; }));
  EXPECT_TRUE(refused([](StoredView& view) { view.info.source = std::string("/a\0b", 4); }));
  EXPECT_TRUE(refused([](StoredView& view) { view.info.target = std::string(5000, 'x'); }));
  EXPECT_TRUE(refused([](StoredView& view) { view.info.unit = std::string(kMostUnitBytes + 1, 'x'); }));
  EXPECT_TRUE(refused([](StoredView& view) { view.info.resting = true; })) << "beside a worker";
  EXPECT_TRUE(refused([](StoredView& view) { view = resting(), view.trees = 0; })) << "where no other can be started";
  EXPECT_TRUE(refused([](StoredView& view) { view = resting(), view.knows_rest = false; }));
  EXPECT_TRUE(refused([](StoredView& view) { view = not_begun(), view.info.resting = false; })) << "without a broker";
  EXPECT_TRUE(refused([](StoredView& view) { view = not_begun(), view.info.broker_pid = -1; }));
  EXPECT_TRUE(refused([](StoredView& view) { view = not_begun(), view.info.tied = true; }));
  EXPECT_TRUE(refused([](StoredView& view) { view = not_begun(), view.trees = 2; }));
  EXPECT_TRUE(refused([](StoredView& view) { view.trees = 17; }));
  EXPECT_FALSE(refused([](StoredView& view) { view.trees = 16; }));
  EXPECT_FALSE(refused([](StoredView& view) { view.trees = 0; }));
}

}  // namespace
}  // namespace sluice::wire
