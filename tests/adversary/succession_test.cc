// What a worker under the attacker's control leaves behind for the one after it.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kernel/contained.h"
#include "../kernel/process.h"
#include "../kernel/sys.h"
#include "service_stage.h"

namespace sluice::adversary {
namespace {

using kerneltest::As;
using kerneltest::RunContained;
using kerneltest::Sys;

IN_EACH_MODE(TakenOverSuccession);

size_t count(const std::string& text, const std::string& what) {
  size_t found = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

// The next worker believes nothing of the table: it neither ends nor shows another file by a name.
TEST_P(TakenOverSuccession, AForgedTable) {
  RunContained([] {
    const Service service(GetParam());
    for (int seed = 1; seed <= 12; ++seed) {
      const AttackedView view(service, "table " + std::to_string(seed));
      // The one after it is honest.
      ASSERT_EQ(Sys(::truncate((view.source() + "/.order").c_str(), 0)), 0);
      const long found = As({kViewer}, [&] { return Sys(::access(view.path("plain").c_str(), R_OK)); });
      EXPECT_TRUE(view.says("forged")) << seed;
      if (seed % 8 == 4) {
        // That this is a table at all, it does not say: rather than guess, the view ends.
        EXPECT_LT(found, 0) << seed;
        EXPECT_TRUE(view.ended()) << seed;
        continue;
      }
      EXPECT_EQ(found, 0) << seed;
      for (const char* name : {"plain", "dir", "link", "fifo"}) {
        struct stat through, real;
        ASSERT_EQ(::lstat((view.source() + "/" + name).c_str(), &real), 0);
        EXPECT_EQ(As({kViewer}, [&] {
          if (const long result = Sys(::lstat(view.path(name).c_str(), &through)); result < 0) return result;
          return through.st_ino == real.st_ino && through.st_mode == real.st_mode ? 0L : -EIO;
        }), 0) << name << ", seed " << seed;
      }
      EXPECT_EQ(As({kViewer}, [&] { return kerneltest::ReadFile(view.path("plain")) == "plain" ? 0L : -EIO; }), 0);
      EXPECT_EQ(As({kViewer}, [&] { return Sys(::mkdir(view.path("dir/made").c_str(), 0700)); }), 0) << seed;
      EXPECT_EQ(As({kViewer}, [&] { return Sys(::rename(view.path("dir/made").c_str(), view.path("made").c_str())); }), 0) << seed;
      EXPECT_EQ(count(service.log(), "event=worker-ended view=\"" + view.name() + "\""), 1u) << "the next ended as well, seed " << seed;
    }
  });
}

// Who did what no worker does gets no second try.
TEST_P(TakenOverSuccession, NoneAfterAViolation) {
  RunContained([] {
    const Service service(GetParam());
    const AttackedView view(service, "call socket");
    view.begin();
    EXPECT_TRUE(view.ended());
    EXPECT_TRUE(service.logs("event=view-ended view=\"" + view.name() + "\"")) << service.log();
    EXPECT_NE(service.log().find("why=\"worker violated its confinement\""), std::string::npos) << service.log();
    EXPECT_EQ(service.log().find("worker-replaced"), std::string::npos) << service.log();
  });
}

// One that always ends is replaced for a limited time, and its clients are free then.
TEST_P(TakenOverSuccession, OneThatAlwaysEnds) {
  RunContained([] {
    const Service service(GetParam());
    const AttackedView view(service, "serve die 1");
    EXPECT_LT(As({kViewer}, [&] { return Sys(::access(view.path("plain").c_str(), R_OK)); }), 0);
    EXPECT_TRUE(view.ended());
    EXPECT_TRUE(service.logs("why=\"worker keeps ending\"")) << service.log();
  });
}

}  // namespace
}  // namespace sluice::adversary
