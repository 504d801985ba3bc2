#include "crowd.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "view.h"

namespace sluicebench {
namespace {

constexpr size_t kViewsOfOne = 16;
constexpr rlim_t kFilesOfView = 40;  // more than a service takes for one

rlim_t HardLimitOfFiles() {
  struct rlimit files {};
  Must(::getrlimit(RLIMIT_NOFILE, &files), "limit of open files");
  return files.rlim_max;
}

// The others are there, and have been used: each has looked up a name and opened a file.
class Others {
 public:
  Others(const Ground& ground, const std::string& socket, const Deadline& deadline)
      : ground_(ground), socket_(socket), deadline_(deadline) {}

  void GrowTo(size_t count) {
    while (views_.size() < count) {
      Ground& its = grounds_.emplace_back(ground_);
      its.view = "/other" + std::to_string(grounds_.size());
      MakeOwned(its.target());
      // A user's views share out how many files they may have open, which is enough for some twenty.
      const auto user = static_cast<uid_t>(kIdentity + 1 + views_.size() / kViewsOfOne);
      views_.push_back(std::make_unique<View>(its, deadline_, socket_, BinDirectory(), user));
    }
  }

 private:
  Ground ground_;
  std::string socket_;
  const Deadline& deadline_;
  std::vector<Ground> grounds_;
  std::vector<std::unique_ptr<View>> views_;
};

}  // namespace

std::vector<Result> ViewsCurve(const Ground& ground, int most, int rounds, double loop_seconds,
                               const Deadline& deadline) {
  const std::vector<Measure> measures = NameMeasures();
  const auto open_close = std::find_if(measures.begin(), measures.end(),
                                       [](const Measure& one) { return one.name == kOpenClose; });
  const Listener service(ground.base + "/crowd.sock", deadline);
  Others others(ground, ground.base + "/crowd.sock", deadline);
  Rounds one(ground, {kView}, deadline, loop_seconds);
  std::vector<Result> results;
  // A service has fewer views where it may have few files open.
  most = static_cast<int>(std::min(static_cast<rlim_t>(most), HardLimitOfFiles() / kFilesOfView));
  std::vector<int> points;
  for (int views = 1; views < most; views *= 10) points.push_back(views);
  points.push_back(most);
  for (const int views : points) {
    others.GrowTo(static_cast<size_t>(views - 1));
    Measure measure = *open_close;
    measure.name = "open + close, views: " + std::to_string(views);
    measure.curve = "open + close over views";
    measure.at = views;
    measure.goal = {};
    results.push_back(one.RunOne(measure, kView, rounds));
  }
  return results;
}

std::vector<Growth> MemoryGrowth(const Ground& ground, const std::vector<std::string>& sides,
                                 const Deadline& deadline) {
  FillSource(ground, {.sized = kInodes}, deadline);
  std::vector<Growth> all;
  for (const std::string& name : sides) {
    const auto side = MakeSide(name, ground, deadline);
    if (side->server() == 0) continue;
    const std::string directory = side->directory() + kSizedDir + std::to_string(kInodes);
    const long before = ServersKib(side->server());
    const auto look = [&] {
      struct stat stat;
      for (int i = 0; i < kInodes; ++i)
        Must(::stat((directory + FileName(i)).c_str(), &stat), "stat");
      return std::string();
    };
    (void)InChild(kIdentity, look, deadline, "looking at many files");
    all.push_back({name, ground.name, ServersKib(side->server()) - before});
  }
  return all;
}

std::string GrowthText(const std::vector<Growth>& all) {
  std::string text = "\nKiB more of the servers' own memory when 100,000 inodes are known:\n";
  for (const Growth& one : all) {
    text += one.side + ", " + one.filesystem + ": " + std::to_string(one.kib) + "\n";
  }
  return text;
}

}  // namespace sluicebench
