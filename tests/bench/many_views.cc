#include "many_views.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
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
int IdleSeconds(int views) { return 15 + views / 20; }
// Who makes and uses them at the same time: so many for each processor.
constexpr int kMakersEach = 3;
constexpr const char* kTooManyAtOnce = "limit-setups";
constexpr useconds_t kMicrosecondsOfATurn = 2000;
// Of the descriptors that a service may have, it takes no more views than for which there are so many each.
constexpr int kDescriptorsOfAView = 15;
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
  const auto sent = sluice::os::send_message(peer->get(), sluice::wire::encode_hello(hello), {&handed, 1});
  if (!sent.ok() && sent.failure().error != EPIPE) throw Failure("no hello");  // EPIPE: refused before it came
  std::vector<uint8_t> buffer(4096);
  auto message = sluice::os::receive_message(peer->get(), buffer, 1);
  // Who is refused before anything of it was read hears of that first, and then gets the answer.
  if (!message.ok()) message = sluice::os::receive_message(peer->get(), buffer, 1);
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
int CountOf(pid_t service, const char* name) {
  const auto all = Descendants(service);
  return static_cast<int>(std::count_if(all.begin(), all.end(), [name](const Process& one) { return one.name == name; }));
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
  std::snprintf(text, sizeof(text), "| %s | %.4g |\n", what.c_str(), value);
  return text;
}

// The services of one host, and which view is whose: as many as it takes where a process may have only so many descriptors.
class Services {
 public:
  Services(const Ground& ground, int views, const Deadline& deadline) {
    struct rlimit files {};
    Must(::getrlimit(RLIMIT_NOFILE, &files), "RLIMIT_NOFILE");
    files.rlim_cur = files.rlim_max;
    Must(::setrlimit(RLIMIT_NOFILE, &files), "RLIMIT_NOFILE");
    each_ = std::max(1, static_cast<int>(std::min<rlim_t>(files.rlim_max, 1'000'000)) / kDescriptorsOfAView);
    for (int first = 0; first < views; first += each_) {
      sockets_.push_back(ground.base + "/many" + std::to_string(first) + ".sock");
      listeners_.push_back(std::make_unique<Listener>(
          sockets_.back(), deadline, std::vector<std::string>{"--worker-idle", std::to_string(IdleSeconds(views)), "--quiet"}));
    }
    for (const auto& one : listeners_) {
      bare_kib_ += MemoryOf({one->pid(), "sluiced"}).private_kib;
      bare_descriptors_ += DescriptorsOf(one->pid());
    }
  }
  size_t count() const { return listeners_.size(); }
  const std::string& socket_of(int view) const { return sockets_[static_cast<size_t>(view / each_)]; }
  // Of all views together.
  long private_kib() const {
    long sum = -bare_kib_;
    for (const auto& one : listeners_) sum += MemoryOf({one->pid(), "sluiced"}).private_kib;
    return sum;
  }
  long descriptors() const {
    long sum = -bare_descriptors_;
    for (const auto& one : listeners_) sum += DescriptorsOf(one->pid());
    return sum;
  }
  Sum sum_of(const char* name) const {
    Sum sum;
    for (const auto& one : listeners_) {
      const Sum more = SumOf(one->pid(), name);
      sum.private_kib += more.private_kib;
      sum.processes += more.processes;
    }
    return sum;
  }
  int count_of(const char* name) const {
    int count = 0;
    for (const auto& one : listeners_) count += CountOf(one->pid(), name);
    return count;
  }

 private:
  int each_ = 1;
  std::vector<std::string> sockets_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  long bare_kib_ = 0, bare_descriptors_ = 0;
};

// Does something with each view from `first` on, several at a time; seconds.
double WithEach(int first, int views, const Deadline& deadline, const std::function<void(int view)>& what) {
  const double from = Now();
  const int makers = kMakersEach * static_cast<int>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  std::vector<std::unique_ptr<Child>> children;
  for (int maker = 0; maker < makers; ++maker) {
    children.push_back(std::make_unique<Child>([&, maker] {
      for (int view = first + maker; view < views; view += makers) {
        (void)deadline.Left(1, "views");
        what(view);
      }
    }));
  }
  for (const auto& child : children) {
    while (!child->Ended(deadline.Left(1000, "views"))) {
    }
    if (child->exit_status() != 0) throw Failure("too many for this host: what the first of them lacked is written above");
  }
  return Now() - from;
}

void MakeOneOfMany(const Services& services, const Ground& ground, int view) {
  std::string lacks;
  // The one before has its view, and is counted until its helper has ended.
  while ((lacks = MakeView(services.socket_of(view), ground, view)) == kTooManyAtOnce) ::usleep(kMicrosecondsOfATurn);
  if (!lacks.empty()) throw Failure("view " + std::to_string(view) + ": " + lacks);
}

double MedianToWake(const Ground& ground, int first, int views, const Deadline& deadline) {
  std::vector<double> took;
  for (int view = first; view < std::min(first + kWoken, views); ++view) took.push_back(MillisecondsToWake(ground, view, deadline));
  return took.empty() ? 0 : Median(took);
}

}  // namespace

std::string ManyViews(const Ground& ground, int views, const Deadline& deadline) {
  FillSource(ground, {.thousand = true}, deadline);
  Must(::mkdir((ground.base + "/views").c_str(), 0755), "views");
  const Services services(ground, views, deadline);
  if (const std::string lacks = MakeView(services.socket_of(0), ground, 0); !lacks.empty()) throw Failure("the first view: " + lacks);
  const double with_one = MicrosecondsOfAGrant(ground, 0, deadline);
  const double made = WithEach(1, views, deadline, [&](int view) { MakeOneOfMany(services, ground, view); });
  const int brokers_at_first = services.count_of("sluice-broker"), workers_at_first = services.count_of("sluice-worker");
  const double first_request = MedianToWake(ground, views / 2, views, deadline);
  const double begun = WithEach(1, views, deadline, [&](int view) { (void)MillisecondsToWake(ground, view, deadline); });
  const double with_all = MicrosecondsOfAGrant(ground, kWarm + kGrants, deadline);
  const Sum brokers = services.sum_of("sluice-broker"), workers = services.sum_of("sluice-worker");
  const long service_kib = services.private_kib(), descriptors = services.descriptors();
  const int running = services.count_of("sluice-worker");
  while (services.count_of("sluice-worker") > 0) ::usleep(static_cast<useconds_t>(deadline.Left(kRestMs, "rest") > 0 ? 1'000'000 : 0));
  const Sum resting = services.sum_of("sluice-broker");
  const long service_resting_kib = services.private_kib(), descriptors_resting = services.descriptors();
  const double waking = MedianToWake(ground, 1, views, deadline);
  const double with_resting = MicrosecondsOfAGrant(ground, 2 * (kWarm + kGrants), deadline);
  for (int i = 0; i < views; ++i) ::umount2((ground.base + "/views/" + std::to_string(i)).c_str(), MNT_DETACH);

  const auto each = [](long sum, int count) { return static_cast<double>(sum) / std::max(count, 1); };
  std::string table = "| of " + std::to_string(views) + " views | |\n| --- | --- |\n";
  table += Row("services that they are of", static_cast<double>(services.count()));
  table += Row("seconds to make all, several at a time", made);
  table += Row("brokers that ran when all were made", brokers_at_first);
  table += Row("workers that ran when all were made", workers_at_first);
  table += Row("milliseconds of the first request of a view", first_request);
  table += Row("seconds of the first request of every view, several at a time", begun);
  table += Row("workers that ran then", running);
  table += Row("private KiB of a view's broker and worker", each(brokers.private_kib, brokers.processes) + each(workers.private_kib, workers.processes));
  table += Row("the same, of a view that rests", each(resting.private_kib, resting.processes));
  table += Row("private KiB of the service, a view", each(service_kib, views));
  table += Row("the same, of a view that rests", each(service_resting_kib, views));
  table += Row("descriptors of the service, a view", each(descriptors, views));
  table += Row("the same, of a view that rests", each(descriptors_resting, views));
  table += Row("microseconds of a look-up and a first open, beside no other view", with_one);
  table += Row("the same, beside the others", with_all);
  table += Row("the same, beside the others at rest", with_resting);
  table += Row("milliseconds of the request that wakes a view", waking);
  return table;
}

}  // namespace sluicebench
