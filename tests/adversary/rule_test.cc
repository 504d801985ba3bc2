// What a worker under an attacker's control does not get of files for which there are rules: denied,
// masked, shown in part, made read-only.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <fstream>
#include <iterator>

#include "core/compiler.h"
#include "core/reason_text.h"
#include "hostile_worker.h"
#include "lying_worker.h"
#include "os/file.h"

namespace sluice::adversary {
namespace {

using core::Effect;
using core::Reason;
using core::Rule;
using wire::BrokerOp;
using wire::kOpenRead;
using wire::kOpenTruncate;
using wire::kOpenWrite;
using enum HostileWorker::Channel;

Rule with(Effect effect, uint64_t value = 0, uint64_t value2 = 0) { return {effect, false, value, value2}; }

class RuleAttack : public ::testing::Test {
 protected:
  RuleAttack() {
    for (const char* name : {"closed", "veiled", "fixed-directory", "plain-directory"}) {
      EXPECT_EQ(::mkdir(tree.path(name).c_str(), 0755), 0);
      EXPECT_EQ(::chown(tree.path(name).c_str(), kUser, kUser), 0);
      tree.write(tree.path(name) + std::string("/inner"), "inner");
    }
    for (const char* name : {"plain", "denied", "masked", "window", "fixed"}) tree.write(tree.path(name), "12345");
    start({{"denied", with(Effect::kDeny, EDOM)},
           {"/closed/", with(Effect::kDeny, EDOM)},
           {"masked", with(Effect::kMask)},
           {"/veiled", with(Effect::kMask)},
           {"window", with(Effect::kWindow, 1, 2)},
           {"fixed*", with(Effect::kReadOnly)},
           {"*-inner", with(Effect::kReadWrite)}});
  }
  void start(std::initializer_list<core::WrittenRule> written) {
    auto rules = core::compile(std::span(written.begin(), written.size()));
    ASSERT_TRUE(std::holds_alternative<core::Rules>(rules));
    worker = std::make_unique<HostileWorker>(tree.path(), false, std::get<core::Rules>(rules), 64);
  }
  void not_granted(const std::string& path, uint32_t flags, Reason reason) {
    for (const auto channel : {kReadWrite, kReadOnly}) {
      const Reply reply = worker->open(channel, path, flags, tree.path(path));
      EXPECT_EQ(reply.body.backing_id, 0) << path;
      // A thread may leave the answer to the other.
      if (reply.error == 0 && channel == kReadWrite && reply.body.use_read_only == 1) continue;
      EXPECT_GT(reply.error, 0) << path;
      const Reason expected = channel == kReadOnly && flags != kOpenRead ? Reason::kReadOnlyView : reason;
      EXPECT_EQ(core::reason_name(reply.reason), core::reason_name(expected)) << path;
    }
    content(path);
  }
  // Nothing was written.
  void content(const std::string& path) {
    std::ifstream file(tree.path(path));
    const std::string found{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(found, path.find('/') == std::string::npos ? "12345" : "inner") << path;
  }
  Reply truncate(const std::string& path) {
    wire::BrokerRequest request{};
    request.op = BrokerOp::kTruncatePath;
    const os::Fd fd(::open(tree.path(path).c_str(), O_PATH | O_CLOEXEC));
    const auto stat = os::stat_held(fd.get());
    EXPECT_TRUE(stat.ok());
    request.dev = os::dev_of(*stat);
    request.ino = stat->stx_ino;
    return worker->ask(kReadWrite, request, path);
  }
  Reply make_nameless(const std::string& directory) {
    wire::BrokerRequest request{};
    request.op = BrokerOp::kOpenTemp;
    request.mode = 0600;
    return worker->ask(kReadWrite, request, directory);
  }
  Reply link(uint64_t grant, const std::string& path) {
    wire::BrokerRequest request{};
    request.op = BrokerOp::kLinkNameless;
    request.grant = grant;
    tree.mean_directory(request, path);
    return worker->ask(kReadWrite, request, path);
  }
  bool exists(const std::string& path) { return ::access(tree.path(path).c_str(), F_OK) == 0; }

  Tree tree;
  std::unique_ptr<HostileWorker> worker;
};

TEST_F(RuleAttack, WhatNoRuleNamesIsGranted) {
  const Reply reply = worker->open(kReadWrite, "plain", kOpenRead | kOpenWrite, tree.path("plain"));
  EXPECT_EQ(reply.error, 0);
  EXPECT_GT(reply.body.backing_id, 0);
  EXPECT_EQ(worker->open(kReadWrite, "plain-directory/inner", kOpenRead, tree.path("plain-directory/inner")).error, 0);
  EXPECT_EQ(truncate("plain").error, 0);
}

TEST_F(RuleAttack, DeniedFiles) {
  not_granted("denied", kOpenRead, Reason::kDenied);
  not_granted("denied", kOpenRead | kOpenWrite, Reason::kDenied);
  not_granted("denied", kOpenWrite | kOpenTruncate, Reason::kDenied);
  EXPECT_EQ(worker->open(kReadOnly, "denied", kOpenRead, tree.path("denied")).error, EDOM);
  EXPECT_EQ(truncate("denied").error, EDOM);
  content("denied");
}
TEST_F(RuleAttack, BelowADeniedDirectory) {
  not_granted("closed/inner", kOpenRead, Reason::kDenied);
  not_granted("closed/inner", kOpenWrite | kOpenTruncate, Reason::kDenied);
  EXPECT_EQ(truncate("closed/inner").error, EDOM);
  content("closed/inner");
}
// Nothing below it is other than it, whatever a later rule says.
TEST_F(RuleAttack, ALaterRuleBelowADeniedDirectory) {
  ASSERT_EQ(::rename(tree.path("closed/inner").c_str(), tree.path("closed/an-inner").c_str()), 0);
  not_granted("closed/an-inner", kOpenRead, Reason::kDenied);
  ASSERT_EQ(::rename(tree.path("veiled/inner").c_str(), tree.path("veiled/an-inner").c_str()), 0);
  not_granted("veiled/an-inner", kOpenRead, Reason::kNotPassedThrough);
}

TEST_F(RuleAttack, MaskedFiles) {
  not_granted("masked", kOpenRead, Reason::kNotPassedThrough);
  not_granted("masked", kOpenWrite | kOpenTruncate, Reason::kReadOnlyRule);
  EXPECT_EQ(truncate("masked").error, EROFS);
  content("masked");
}
TEST_F(RuleAttack, BelowAMaskedDirectory) {
  not_granted("veiled/inner", kOpenRead, Reason::kNotPassedThrough);
  EXPECT_EQ(truncate("veiled/inner").error, EROFS);
  content("veiled/inner");
}
TEST_F(RuleAttack, FilesOfWhichAPartIsShown) {
  // It has a grant, by which the broker serves its reads, but the kernel is not told of it; and nothing
  // else can be done by that.
  EXPECT_EQ(worker->open(kReadWrite, "window", kOpenRead, tree.path("window")).body.backing_id, 0);
  const Reply part = worker->open(kReadOnly, "window", kOpenRead, tree.path("window"));
  EXPECT_EQ(part.error, 0);
  EXPECT_EQ(part.body.backing_id, 0);
  const Reply plain = worker->open(kReadWrite, "plain", kOpenRead | kOpenWrite, tree.path("plain"));
  wire::BrokerRequest request{};
  request.op = BrokerOp::kCopy;
  request.grant = part.body.grant;
  request.grant2 = plain.body.grant;
  request.offset2 = 5;
  request.length = 5;
  EXPECT_EQ(worker->ask(kData, request).error, EBADF);
  content("plain");
  for (const BrokerOp op : {BrokerOp::kSeek, BrokerOp::kSync, BrokerOp::kStat}) {
    request.op = op;
    EXPECT_EQ(worker->ask(kData, request).error, EBADF) << static_cast<uint32_t>(op);
  }
  not_granted("window", kOpenWrite | kOpenTruncate, Reason::kReadOnlyRule);
  EXPECT_EQ(truncate("window").error, EROFS);
  content("window");
}

// Whatever the worker says of the file's length, and whatever it asks for.
TEST_F(RuleAttack, WhatIsOutsideThePart) {
  const Reply part = worker->open(kReadOnly, "window", kOpenRead, tree.path("window"));
  ASSERT_EQ(part.error, 0);
  const std::vector<int64_t> offsets = {0, 1, 2, 3, 4, 100, int64_t{1} << 40};
  EXPECT_EQ(reads_of_a_part(*worker, part.body.grant, offsets, tree.outside("point")), "23|3||||||");
}

// ---- What a rule makes read-only ----

TEST_F(RuleAttack, AFixedFileIsNotOpenedForWriting) {
  not_granted("fixed", kOpenWrite, Reason::kReadOnlyRule);
  not_granted("fixed", kOpenRead | kOpenWrite | kOpenTruncate, Reason::kReadOnlyRule);
  not_granted("fixed-directory/inner", kOpenWrite | kOpenTruncate, Reason::kReadOnlyRule);
}
TEST_F(RuleAttack, AFixedFileIsNotTruncated) {
  EXPECT_EQ(truncate("fixed").error, EROFS);
  content("fixed");
  EXPECT_EQ(truncate("fixed-directory/inner").error, EROFS);
  content("fixed-directory/inner");
}
TEST_F(RuleAttack, AFixedFileIsGrantedByTheReadOnlyThreadOnly) {
  const Reply writing = worker->open(kReadWrite, "fixed", kOpenRead, tree.path("fixed"));
  EXPECT_EQ(writing.body.backing_id, 0);
  EXPECT_EQ(writing.body.use_read_only, 1u);
  const Reply reading = worker->open(kReadOnly, "fixed", kOpenRead, tree.path("fixed"));
  EXPECT_EQ(reading.error, 0);
  EXPECT_GT(reading.body.backing_id, 0);
}
// The file is its user's and may be written, so that it is the kernel's way of holding the rule that counts:
// whatever thread was asked for it, and whatever the worker then says of it.
TEST_F(RuleAttack, TheKernelWritesNoFixedFile) {
  for (const auto channel : {kReadWrite, kReadOnly}) {
    const Reply reply = worker->open(channel, "fixed", kOpenRead, tree.path("fixed"));
    if (reply.body.backing_id == 0) continue;
    EXPECT_FALSE(writes_through(*worker, reply.body.backing_id, tree.outside("point")));
    break;
  }
  content("fixed");
}
// The control of the one above: it does write what may be written.
TEST_F(RuleAttack, TheKernelWritesWhatNoRuleNames) {
  const Reply reply = worker->open(kReadWrite, "plain", kOpenRead | kOpenWrite, tree.path("plain"));
  ASSERT_EQ(reply.error, 0);
  EXPECT_TRUE(writes_through(*worker, reply.body.backing_id, tree.outside("point")));
}

// One inode by two names, of which a rule makes one read-only.
TEST_F(RuleAttack, ByAnotherNameItIsAnotherGrant) {
  ASSERT_EQ(::link(tree.path("plain").c_str(), tree.path("fixed-name").c_str()), 0);
  const Reply writing = worker->open(kReadWrite, "plain", kOpenRead | kOpenWrite, tree.path("plain"));
  ASSERT_EQ(writing.error, 0);
  const Reply reading = worker->open(kReadOnly, "fixed-name", kOpenRead, tree.path("plain"));
  ASSERT_EQ(reading.error, 0);
  EXPECT_NE(reading.body.backing_id, writing.body.backing_id);
  EXPECT_NE(reading.body.grant, writing.body.grant);
  EXPECT_FALSE(writes_through(*worker, reading.body.backing_id, tree.outside("point")));
  content("plain");
}

TEST_F(RuleAttack, NoNamelessFileWhereNothingCanBeMade) {
  EXPECT_EQ(make_nameless("plain-directory").error, 0);
  EXPECT_EQ(make_nameless("closed").error, EDOM);
  EXPECT_EQ(make_nameless("veiled").error, EROFS);
  EXPECT_EQ(make_nameless("fixed-directory").error, EROFS);
}
TEST_F(RuleAttack, ANamelessFileGetsNoNameThere) {
  const Reply made = make_nameless("plain-directory");
  ASSERT_EQ(made.error, 0);
  for (const char* path : {"closed/new", "veiled/new", "fixed-directory/new", "fixed-new"}) {
    EXPECT_GT(link(made.body.grant, path).error, 0) << path;
    EXPECT_FALSE(exists(path)) << path;
  }
  EXPECT_EQ(link(made.body.grant, "plain-directory/new").error, 0);
  EXPECT_TRUE(exists("plain-directory/new"));
}

// ---- Rules that hold for a time ----

TEST_F(RuleAttack, ARuleThatBegins) {
  Rule soon = with(Effect::kDeny, EDOM);
  soon.from = ::time(nullptr) + 2;
  start({{"plain", soon}});
  EXPECT_GT(worker->open(kReadWrite, "plain", kOpenRead, tree.path("plain")).body.backing_id, 0);
  for (int i = 0; i < 400 && ::time(nullptr) < soon.from; ++i) ::usleep(10000);
  not_granted("plain", kOpenRead, Reason::kDenied);
  not_granted("plain", kOpenWrite, Reason::kDenied);
}
TEST_F(RuleAttack, ARuleThatEnded) {
  Rule past = with(Effect::kDeny, EDOM);
  past.until = ::time(nullptr) - 1;
  start({{"plain", past}});
  EXPECT_GT(worker->open(kReadWrite, "plain", kOpenRead, tree.path("plain")).body.backing_id, 0);
}

}  // namespace
}  // namespace sluice::adversary
