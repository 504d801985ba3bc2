// What a textfile collector is given.
#include "cli/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "open_metrics.h"

namespace sluice::cli {
namespace {

std::vector<ListedView> two_views() {
  ListedView one;
  one.socket = "/run/sluice/sluice.sock";
  one.info.name = "one";
  one.info.source = "/srv/a \"quoted\" \\ name\nsluice_views 99\n\xff";
  one.info.target = "/mnt";
  one.info.uid = 61234;
  one.info.started = 1700000000;
  one.info.requests[1] = 12;
  one.info.requests[60] = 3;
  one.info.requests[61] = 4;
  one.info.grants = 5;
  one.info.times[1].count[0] = 20;
  one.info.times[1].count[2] = 1;
  one.info.times[1].nanoseconds = 1'000'000'020;
  one.info.granted = 6;
  one.info.refused[static_cast<size_t>(core::Reason::kHidden)] = 7;
  one.info.broker_pid = 100;
  one.info.worker_pid = 101;
  ListedView two = one;
  two.socket = "/run/sluice/private-1.sock";  // the same name, of another service
  two.info.requests[1] = ~uint64_t{0};
  for (auto& times : two.info.times) {  // a worker's, which may write anything
    std::fill(std::begin(times.count), std::end(times.count), ~uint64_t{0} - 3);
    times.nanoseconds = ~uint64_t{0};
  }
  return {one, two};
}

TEST(Metrics, AreValidAndExact) {
  wire::Totals totals;
  totals.started = 1700000001;
  totals.service_pid = 50;
  totals.maker_pid = 51;
  totals.refused_peers[static_cast<size_t>(core::Reason::kNotPermitted)] = 8;
  totals.refused_requests[static_cast<size_t>(core::Reason::kHidden)] = 9;
  totals.dropped = 10;
  const auto read = test::read_open_metrics(
      metrics_text({{"/run/sluice/sluice.sock", totals}, {"/run/sluice/private-1.sock", std::nullopt}}, two_views(),
                   {{50, 4096}, {100, 8192}}));
  for (const std::string& complaint : read.complaints) ADD_FAILURE() << complaint;
  const auto value = [&](const std::string& key) {
    const auto found = read.samples.find(key);
    return found == read.samples.end() ? -1 : found->second;
  };
  const std::string view = "{service=\"/run/sluice/sluice.sock\",view=\"one\"";
  EXPECT_EQ(value("sluice_services"), 2);
  EXPECT_EQ(value("sluice_views"), 2);
  EXPECT_EQ(value("sluice_view_requests_total" + view + ",kind=\"LOOKUP\"}"), 12);
  EXPECT_EQ(value("sluice_view_requests_total" + view + ",kind=\"READ\"}"), 0);
  EXPECT_EQ(value("sluice_view_requests_total" + view + ",kind=\"OTHER\"}"), 7);
  const std::string of = view + ",about=\"look-up\"";
  EXPECT_EQ(value("sluice_view_request_seconds_bucket" + of + ",le=\"1e-05\"}"), 20);
  EXPECT_EQ(value("sluice_view_request_seconds_bucket" + of + ",le=\"0.001\"}"), 21);
  EXPECT_EQ(value("sluice_view_request_seconds_bucket" + of + ",le=\"+Inf\"}"), 21);
  EXPECT_EQ(value("sluice_view_request_seconds_count" + of + "}"), 21);
  EXPECT_NEAR(value("sluice_view_request_seconds_sum" + of + "}"), 1.00000002, 1e-12);
  EXPECT_EQ(value("sluice_view_open_grants" + view + "}"), 5);
  EXPECT_EQ(value("sluice_view_grants_total" + view + "}"), 6);
  EXPECT_EQ(value("sluice_view_refused_requests_total" + view + ",reason=\"hidden\"}"), 7);
  EXPECT_EQ(value("sluice_view_memory_bytes" + view + ",process=\"broker\"}"), 8192);
  EXPECT_EQ(value("sluice_view_memory_bytes" + view + ",process=\"worker\"}"), -1) << "it is not known";
  const std::string service = "{service=\"/run/sluice/sluice.sock\"";
  EXPECT_EQ(value("sluice_service_start_time_seconds" + service + "}"), 1700000001);
  EXPECT_EQ(value("sluice_service_refused_clients_total" + service + ",reason=\"not-permitted\"}"), 8);
  EXPECT_EQ(value("sluice_service_refused_requests_total" + service + ",reason=\"hidden\"}"), 9);
  EXPECT_EQ(value("sluice_service_unreported_events_total" + service + "}"), 10);
  EXPECT_EQ(value("sluice_service_memory_bytes" + service + ",process=\"sluiced\"}"), 4096);
}

// A connection of another server is no view, and has no worker.
TEST(Metrics, OfConnections) {
  std::vector<ListedView> listed = two_views();
  ListedView other;
  other.socket = "/run/sluice/sluice.sock";
  other.info.name = "connection-9";
  other.info.foreign = true;
  other.info.target = "/home/ann/mnt\nsluice_views 99";
  other.info.connection = 72;
  other.info.uid = 1001;
  other.info.started = 1700000002;
  other.info.most_grants = 4096;
  other.info.granted = 11;
  other.info.dropped = 12;
  other.info.refused[static_cast<size_t>(core::Reason::kFileMode)] = 13;
  other.info.broker_pid = 200;
  listed.insert(listed.begin() + 1, other);
  wire::Totals totals;
  totals.connections_started = 14;
  totals.connections_ended = 15;
  const std::string text = metrics_text({{"/run/sluice/sluice.sock", totals}}, listed, {{200, 4096}, {0, 1}});
  const auto read = test::read_open_metrics(text);
  for (const std::string& complaint : read.complaints) ADD_FAILURE() << complaint;
  const auto value = [&](const std::string& key) {
    const auto found = read.samples.find(key);
    return found == read.samples.end() ? -1 : found->second;
  };
  EXPECT_EQ(value("sluice_views"), 2);
  EXPECT_EQ(value("sluice_connections"), 1);
  EXPECT_EQ(text.find("view=\"connection-9\""), text.npos) << "it is counted as a view";
  const std::string service = "{service=\"/run/sluice/sluice.sock\"", of = service + ",connection=\"connection-9\"";
  EXPECT_EQ(value("sluice_service_connections_started_total" + service + "}"), 14);
  EXPECT_EQ(value("sluice_service_connections_ended_total" + service + "}"), 15);
  EXPECT_EQ(value("sluice_connection_start_time_seconds" + of + "}"), 1700000002);
  EXPECT_EQ(value("sluice_connection_open_grants_limit" + of + "}"), 4096);
  EXPECT_EQ(value("sluice_connection_grants_total" + of + "}"), 11);
  EXPECT_EQ(value("sluice_connection_unreported_events_total" + of + "}"), 12);
  EXPECT_EQ(value("sluice_connection_refused_requests_total" + of + ",reason=\"file-mode\"}"), 13);
  EXPECT_EQ(value("sluice_connection_memory_bytes" + of + ",process=\"broker\"}"), 4096);
}

TEST(Metrics, OfNothing) {
  const auto read = test::read_open_metrics(metrics_text({}, {}, {}));
  for (const std::string& complaint : read.complaints) ADD_FAILURE() << complaint;
  EXPECT_EQ(read.samples.size(), 3u);
}

// The reader that the tests rest on finds what is wrong.
TEST(Metrics, WhatIsMalformedIsFound) {
  for (const char* text : {
           "", "# EOF", "a 1\n# EOF\n", "# TYPE a gauge\na 1\n", "# TYPE a gauge\na 1\n# EOF\nb 1\n",
           "# TYPE a counter\na 1\n# EOF\n", "# TYPE a_total counter\na_total_total 1\n# EOF\n",
           "# TYPE a gauge\na{b=\"x} 1\n# EOF\n", "# TYPE a gauge\na{b=\"\\x\"} 1\n# EOF\n",
           "# TYPE a gauge\na{b=\"x\",b=\"y\"} 1\n# EOF\n", "# TYPE a gauge\na{b=\"x\"} 1\na{b=\"x\"} 2\n# EOF\n",
           "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# TYPE a gauge\n# EOF\n", "# TYPE a gauge\na x\n# EOF\n",
           "# TYPE a gauge\n# TYPE a gauge\n# EOF\n", "# TYPE a gauge\na{1b=\"x\"} 1\n# EOF\n", "# TYPE a gauge\n\n# EOF\n",
           "# TYPE a gauge\na  1\n# EOF\n", "# TYPE a counter\na_total -1\n# EOF\n",
           "# TYPE a histogram\na_bucket{le=\"1.0\"} 1\na_count 1\n# EOF\n",
           "# TYPE a histogram\na_bucket{le=\"1.0\"} 2\na_bucket{le=\"+Inf\"} 1\na_count 1\n# EOF\n",
           "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_count 2\n# EOF\n", "# hello\n# EOF\n"}) {
    EXPECT_FALSE(test::read_open_metrics(text).complaints.empty()) << text;
  }
}

}  // namespace
}  // namespace sluice::cli
