// What a broker finds that comes after another: the ids that the kernel has, none of which may be lost or stay behind, and what
// is written down of them, which others can write.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "core/ledger.h"
#include "hostile_worker.h"
#include "os/file.h"
#include "os/kernel_abi.h"

namespace sluice::adversary {
namespace {

using wire::kOpenRead;
using wire::kOpenWrite;
using enum HostileWorker::Channel;

constexpr uint32_t kMostGrants = 16;

class BrokerSuccession : public ::testing::Test {
 protected:
  BrokerSuccession() {
    for (const char* name : {"one", "two", "three"}) tree.write(tree.path(name), name);
  }
  // What is written down, as somebody sees and changes it who has the memory, too.
  core::Grant* written(const HostileWorker& worker) {
    void* memory = ::mmap(nullptr, kMostGrants * sizeof(core::Grant), PROT_READ | PROT_WRITE, MAP_SHARED, worker.ledger(), 0);
    EXPECT_NE(memory, MAP_FAILED);
    return static_cast<core::Grant*>(memory);
  }
  // As the broker does it: this test has the capability, too.
  static int open_id(const HostileWorker& worker, const std::string& path) {
    const os::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const os::abi::FuseBackingMap map{file.get(), 0, 0};
    return ::ioctl(worker.connection().device.get(), os::abi::kFuseBackingOpen, &map);
  }
  // Whether the kernel had it; it has not any more.
  static bool close_id(const HostileWorker& worker, int id) {
    const auto number = static_cast<uint32_t>(id);
    return ::ioctl(worker.connection().device.get(), os::abi::kFuseBackingClose, &number) == 0;
  }
  static std::vector<wire::GrantedFile> all_of(HostileWorker& worker) {
    std::vector<wire::GrantedFile> all;
    wire::BrokerRequest request{};
    request.op = wire::BrokerOp::kNextGrants;
    for (;;) {
      const Reply reply = worker.ask(kReadWrite, request);
      EXPECT_EQ(reply.error, 0);
      for (const wire::GrantedFile& each : reply.body.listed) {
        if (reply.error != 0 || each.grant == 0) return all;
        all.push_back(each);
        request.grant = (each.grant & 0xFFFFFFFF) + 1;
      }
    }
  }
  static int sync(HostileWorker& worker, uint64_t grant) {
    wire::BrokerRequest request{};
    request.op = wire::BrokerOp::kSync;
    request.grant = grant;
    return worker.ask(kData, request).error;
  }
  Tree tree;
};

TEST_F(BrokerSuccession, GrantsAndIdsGoOn) {
  HostileWorker worker(tree, false, {}, kMostGrants);
  const Reply one = worker.open(kReadWrite, "one", kOpenRead | kOpenWrite, tree.path("one"));
  const Reply two = worker.open(kReadWrite, "two", kOpenRead, tree.path("two"));
  ASSERT_EQ(one.error, 0);
  ASSERT_EQ(two.error, 0);
  for (int i = 0; i < 3; ++i) {
    worker.next_broker();
    const auto all = all_of(worker);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].grant, one.body.grant);
    EXPECT_EQ(all[0].backing_id, one.body.backing_id);
    EXPECT_EQ(all[1].grant, two.body.grant);
    for (const auto& each : all) EXPECT_EQ(each.bare, 1u);
    // It has no descriptor of it before it has opened it by a name, and then the grant is the same.
    EXPECT_EQ(sync(worker, one.body.grant), EIO);
    const Reply again = worker.open(kReadWrite, "one", kOpenRead, tree.path("one"));
    EXPECT_EQ(again.body.grant, one.body.grant);
    EXPECT_EQ(again.body.backing_id, one.body.backing_id);
    EXPECT_EQ(sync(worker, one.body.grant), 0);
    EXPECT_EQ(all_of(worker)[0].bare, 0u);
  }
  // One inode, one id: what is granted anew has a new one.
  const Reply three = worker.open(kReadWrite, "three", kOpenRead, tree.path("three"));
  EXPECT_GT(three.body.backing_id, two.body.backing_id);
  EXPECT_TRUE(close_id(worker, one.body.backing_id));
  EXPECT_TRUE(close_id(worker, two.body.backing_id));
}

TEST_F(BrokerSuccession, WhatWasOnlyToBeReadIsNotWritten) {
  HostileWorker worker(tree, false, {}, kMostGrants);
  tree.write(tree.path("fixed"), "fixed", 0444);
  ASSERT_EQ(::chown(tree.path("fixed").c_str(), 0, 0), 0);
  const Reply first = worker.open(kReadWrite, "fixed", kOpenRead, tree.path("fixed"));
  EXPECT_EQ(first.body.use_read_only, 1u);
  const Reply granted = worker.open(kReadOnly, "fixed", kOpenRead, tree.path("fixed"));
  ASSERT_EQ(granted.error, 0);
  worker.next_broker();
  ASSERT_EQ(::chmod(tree.path("fixed").c_str(), 0666), 0);
  EXPECT_NE(worker.open(kReadWrite, "fixed", kOpenWrite, tree.path("fixed")).error, 0) << "by an id of the read-only tree";
}

// Wherever it is killed: an id that was about to be given back, or was got and not written down, is given back by the next.
TEST_F(BrokerSuccession, WhatItWasAtIsGivenBack) {
  HostileWorker worker(tree, false, {}, kMostGrants);
  const int one = worker.open(kReadWrite, "one", kOpenRead, tree.path("one")).body.backing_id;
  const int two = worker.open(kReadWrite, "two", kOpenRead, tree.path("two")).body.backing_id;
  core::Grant* left = written(worker);
  ASSERT_EQ(left[0].backing_id, one);
  ASSERT_EQ(left[1].backing_id, two);
  left[0].backing_id = ~one;  // about to be given back
  left[1].used = 0;           // not quite written down
  const int three = open_id(worker, tree.path("three"));
  ASSERT_EQ(three, two + 1) << "the kernel numbers them in turn";
  worker.next_broker();
  EXPECT_TRUE(all_of(worker).empty());
  EXPECT_FALSE(close_id(worker, one)) << "about to be given back, and still there";
  EXPECT_FALSE(close_id(worker, two)) << "not quite written down, and still there";
  EXPECT_FALSE(close_id(worker, three)) << "not written down, and still there";
  // Nor is any of them given back again, when another file may have the number.
  const int four = worker.open(kReadWrite, "one", kOpenRead, tree.path("one")).body.backing_id;
  worker.next_broker();
  EXPECT_TRUE(close_id(worker, four));
}

TEST_F(BrokerSuccession, TheFirstOfAllIsGivenBackToo) {
  HostileWorker worker(tree, false, {}, kMostGrants);
  const int one = open_id(worker, tree.path("one"));
  ASSERT_EQ(one, 1);
  worker.next_broker();
  EXPECT_FALSE(close_id(worker, one)) << "not written down, where nothing was, and still there";
}

TEST_F(BrokerSuccession, WhatIsGivenBackIsNotThereForTheNext) {
  HostileWorker worker(tree, false, {}, kMostGrants);
  wire::BrokerRequest close{};
  close.op = wire::BrokerOp::kClose;
  close.grant = worker.open(kReadWrite, "one", kOpenRead, tree.path("one")).body.grant;
  std::vector<uint8_t> bytes(sizeof(close));
  std::memcpy(bytes.data(), &close, sizeof(close));
  const Reply two = worker.open(kReadWrite, "two", kOpenRead, tree.path("two"));
  EXPECT_TRUE(worker.send(kReadWrite, bytes));
  EXPECT_EQ(all_of(worker).size(), 1u);
  // The number that was given back is another file's, as it may be when the kernel has begun anew.
  core::Grant* left = written(worker);
  ASSERT_LT(left[0].backing_id, 0);
  left[0].backing_id = ~two.body.backing_id;
  worker.next_broker();
  const auto all = all_of(worker);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].grant, two.body.grant);
  EXPECT_TRUE(close_id(worker, two.body.backing_id)) << "given back a second time";
}

// A broker does not look again at what others can write, and starts by whatever they had written.
TEST_F(BrokerSuccession, LiesAboutGrants) {
  HostileWorker worker(tree, false, {}, kMostGrants);
  const Reply one = worker.open(kReadWrite, "one", kOpenRead, tree.path("one"));
  core::Grant* left = written(worker);
  left[0].file_fd = left[0].write_fd = 3;  // /dev/fuse, in the broker
  left[0].next = 0xFFFFFFF0;
  left[0].file.ino = 1;
  EXPECT_EQ(sync(worker, one.body.grant), 0);
  EXPECT_EQ(worker.open(kReadWrite, "one", kOpenRead, tree.path("one")).body.grant, one.body.grant);
  worker.next_broker();
  EXPECT_EQ(sync(worker, one.body.grant), EIO) << "a number in the place of a descriptor";
  for (uint32_t i = 0; i < kMostGrants; ++i) std::memset(static_cast<void*>(&left[i]), static_cast<int>(0x41 + i), sizeof(left[i]));
  worker.next_broker();
  EXPECT_TRUE(worker.broker_lives());
  for (const auto& each : all_of(worker)) EXPECT_EQ(sync(worker, each.grant), EIO);
  EXPECT_TRUE(worker.broker_lives());
}

}  // namespace
}  // namespace sluice::adversary
