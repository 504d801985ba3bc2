#include "many_views.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

#include "core/reason_text.h"
#include "memory.h"
#include "os/mount.h"
#include "os/socket.h"
#include "ratio.h"
#include "serving.h"
#include "view.h"
#include "wire/control.h"

namespace sluicebench {
namespace {

constexpr uid_t kFirstUser = 700'000;
// How long a worker does without a request: all views are to be made and looked at before.
int IdleSeconds(int views) { return 15 + views / 15; }
constexpr int kGrants = 250;       // files that were never opened before, each time
constexpr int kWarm = 50;          // likewise, before these: a worker may have just started
constexpr int kWoken = 20;
constexpr int kRestMs = 600'000;

// "": it was given; else what the service says that it lacks.
std::string MakeView(const std::string& socket, const Ground& ground, int number) {
  auto peer = sluice::os::connect_to(socket);
  if (!peer.ok()) throw Failure("the service is not there");
  sluice::wire::Hello hello;
  hello.kind = sluice::wire::HelloKind::kMount;
  hello.named_identity = true;
  hello.uid = hello.gid = kFirstUser + static_cast<uid_t>(number);
  hello.coherence_milliseconds = 1000;
  hello.source = ground.source();
  const Fd source(static_cast<int>(Must(::open(ground.source().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), ground.source())));
  const int handed = source.get();
  if (!sluice::os::send_message(peer->get(), sluice::wire::encode_hello(hello), {&handed, 1}).ok()) throw Failure("no hello");
  std::vector<uint8_t> buffer(4096);
  auto message = sluice::os::receive_message(peer->get(), buffer, 1);
  if (!message.ok()) throw Failure("no answer");
  const auto reply = sluice::wire::decode_reply(std::span(buffer).first(message->length));
  if (!reply.ok()) throw Failure("an answer that is none");
  if (reply->reason != sluice::core::Reason::kNone) return std::string(sluice::core::reason_name(reply->reason));
  const std::string point = ground.base + "/views/" + std::to_string(number);
  Must(::mkdir(point.c_str(), 0755), point);
  const Fd target(static_cast<int>(Must(::open(point.c_str(), O_PATH | O_CLOEXEC), point)));
  if (message->fds.size() != 1 || !sluice::os::attach_mount(message->fds[0].get(), target.get()).ok()) throw Failure("attach");
  return {};
}

// Median microseconds of an open of a file that has no grant yet, with the look-up of its name.
double MicrosecondsOfAGrant(const Ground& ground, int first, const Deadline& deadline) {
  const std::string bytes = InChild(kFirstUser, [&] {
    std::vector<double> all;
    const std::string directory = ground.base + "/views/0" + kThousandDir;
    struct stat stat;
    Must(::stat(directory.c_str(), &stat), directory);
    for (int i = first; i < first + kWarm + kGrants; ++i) {
      const std::string path = directory + FileName(i);
      const double from = Now();
      const Fd file(static_cast<int>(Must(::open(path.c_str(), O_RDONLY | O_CLOEXEC), path)));
      if (i >= first + kWarm) all.push_back((Now() - from) * 1e6);
    }
    const double median = Median(all);
    return std::string(reinterpret_cast<const char*>(&median), sizeof(median));
  }, deadline, "grants");
  double median = 0;
  std::memcpy(&median, bytes.data(), sizeof(median));
  return median;
}

double MillisecondsToWake(const Ground& ground, int view, const Deadline& deadline) {
  const std::string bytes = InChild(kFirstUser + static_cast<uid_t>(view), [&] {
    const std::string path = ground.base + "/views/" + std::to_string(view) + kKnown;
    struct stat stat;
    const double from = Now();
    Must(::stat(path.c_str(), &stat), path);
    const double took = (Now() - from) * 1e3;
    return std::string(reinterpret_cast<const char*>(&took), sizeof(took));
  }, deadline, "wake");
  double took = 0;
  std::memcpy(&took, bytes.data(), sizeof(took));
  return took;
}

constexpr int kLookedAt = 200;  // at the most
struct Sum {
  long private_kib = 0;
  int processes = 0;
};
Sum SumOf(pid_t service, const char* name) {
  Sum sum;
  for (const Process& one : Descendants(service)) {
    if (one.name != name || sum.processes == kLookedAt) continue;
    try {
      sum.private_kib += MemoryOf(one).private_kib;
      ++sum.processes;
    } catch (const Failure&) {
      // It has ended meanwhile.
    }
  }
  return sum;
}
int Workers(pid_t service) {
  const auto all = Descendants(service);
  return static_cast<int>(std::count_if(all.begin(), all.end(), [](const Process& one) { return one.name == "sluice-worker"; }));
}

int DescriptorsOf(pid_t pid) {
  DIR* const directory = ::opendir(("/proc/" + std::to_string(pid) + "/fd").c_str());
  if (directory == nullptr) throw Failure("no descriptors of the service");
  int count = -2;  // . and ..
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

std::string Row(const std::string& what, double value) {
  char text[160];
  std::snprintf(text, sizeof(text), "| %s | %.3g |\n", what.c_str(), value);
  return text;
}

}  // namespace

std::string ManyViews(const Ground& ground, int views, const Deadline& deadline) {
  FillSource(ground, {.thousand = true}, deadline);
  const std::string socket = ground.base + "/many.sock";
  Must(::mkdir((ground.base + "/views").c_str(), 0755), "views");
  const Listener service(socket, deadline, {"--worker-idle", std::to_string(IdleSeconds(views)), "--quiet"});
  const int bare = DescriptorsOf(service.pid());
  const long service_bare = MemoryOf({service.pid(), "sluiced"}).private_kib;
  (void)MakeView(socket, ground, 0);
  const double with_one = MicrosecondsOfAGrant(ground, 0, deadline);
  std::string limit = "none";
  int made = 1;
  const double from = Now();
  for (; made < views; ++made) {
    (void)deadline.Left(1, "views");
    if (const std::string lacks = MakeView(socket, ground, made); !lacks.empty()) {
      limit = lacks;
      break;
    }
  }
  const double seconds = Now() - from;
  const double with_all = MicrosecondsOfAGrant(ground, kWarm + kGrants, deadline);
  const Sum brokers = SumOf(service.pid(), "sluice-broker"), workers = SumOf(service.pid(), "sluice-worker");
  const double service_with = static_cast<double>(MemoryOf({service.pid(), "sluiced"}).private_kib - service_bare) / made;
  const int fds = DescriptorsOf(service.pid());
  while (Workers(service.pid()) > 0) ::usleep(static_cast<useconds_t>(deadline.Left(kRestMs, "rest") > 0 ? 200'000 : 0));
  const Sum resting = SumOf(service.pid(), "sluice-broker");
  const double service_resting = static_cast<double>(MemoryOf({service.pid(), "sluiced"}).private_kib - service_bare) / made;
  const int fds_resting = DescriptorsOf(service.pid());
  std::vector<double> waking;
  for (int i = 0; i < std::min(kWoken, made - 1); ++i) waking.push_back(MillisecondsToWake(ground, 1 + i, deadline));
  const double with_resting = MicrosecondsOfAGrant(ground, 2 * (kWarm + kGrants), deadline);
  for (int i = 0; i < made; ++i) ::umount2((ground.base + "/views/" + std::to_string(i)).c_str(), MNT_DETACH);

  const auto each = [](long sum, int count) { return static_cast<double>(sum) / std::max(count, 1); };
  std::string table = "| of " + std::to_string(made) + " views | |\n| --- | --- |\n";
  table += "| asked for | " + std::to_string(views) + " |\n| what there were no more for | " + limit + " |\n";
  table += Row("seconds to make one, one after the other", seconds / std::max(made - 1, 1));
  table += Row("private KiB of a view's broker and worker", each(brokers.private_kib, brokers.processes) + each(workers.private_kib, workers.processes));
  table += Row("the same, of a view that rests", each(resting.private_kib, resting.processes));
  table += Row("private KiB of the service, a view", service_with);
  table += Row("the same, of a view that rests", service_resting);
  table += Row("descriptors of the service, a view", each(fds - bare, made));
  table += Row("the same, of a view that rests", each(fds_resting - bare, made));
  table += Row("microseconds of a look-up and a first open, beside no other view", with_one);
  table += Row("the same, beside the others", with_all);
  table += Row("the same, beside the others at rest", with_resting);
  if (!waking.empty()) table += Row("milliseconds of the request that wakes a view", Median(waking));
  return table;
}

}  // namespace sluicebench
