// What a main process that was taken over could put together of two views: its set-up processes start nothing with that.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "hostile_worker.h"
#include "service/together.h"

namespace sluice::adversary {
namespace {

class Parts : public ::testing::Test {
 protected:
  Parts() : own_(open_directory(own_tree.path())), other_(open_directory(other_tree.path())) {
    const int trees[] = {own_.get()};
    EXPECT_TRUE(service::note_parts(start, own.connection().device.get(), trees).ok());
  }
  static os::Fd open_directory(const std::string& path) { return os::Fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)); }
  bool go_together(int device, const std::vector<int>& trees) { return service::check_parts(start, device, trees).ok(); }

  Tree own_tree, other_tree;
  HostileWorker own{own_tree, false}, other{other_tree, false};
  os::Fd own_, other_;
  wire::WorkerStart start;
};

TEST_F(Parts, OfOneViewGoTogether) { EXPECT_TRUE(go_together(own.connection().device.get(), {own_.get()})); }

TEST_F(Parts, AnotherConnection) { EXPECT_FALSE(go_together(other.connection().device.get(), {own_.get()})); }

TEST_F(Parts, AnotherTree) {
  const int device = own.connection().device.get();
  EXPECT_FALSE(go_together(device, {other_.get()}));
  EXPECT_FALSE(go_together(device, {own_.get(), other_.get()}));
  EXPECT_FALSE(go_together(device, {}));
}

}  // namespace
}  // namespace sluice::adversary
