// request_counts: how often an operation makes the kernel ask the worker, and the worker its
// broker. Unlike time it is the same on every machine and under every load, so that the table
// beside this file is exact.
//
//   request_counts TABLE            fails where a line of the table is not what is counted
//   request_counts --record TABLE   writes it anew
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include "ground.h"
#include "process.h"
#include "serving.h"
#include "view.h"

namespace sluicebench {
namespace {

constexpr double kDeadlineSeconds = 100;
constexpr int kOperations = 100;
constexpr int kListed = 30;  // files of a directory that is listed
// What was forgotten, since the machine stood still for a second, is no other way to serve: whole
// numbers, and another try.
constexpr int kTries = 3;
constexpr int kSettleMs = 30;
constexpr const char* kBroker = "broker";
constexpr const char* kService = "service";
// When the kernel gives up what it knows is its own affair.
const std::set<std::string> kNotCounted = {"FORGET", "BATCH_FORGET"};

struct Operation {
  const char* name;
  std::function<void(const std::string& directory)>
      prepare;  // before anything is counted, in the view
  std::function<void(const std::string& directory, int number)> once;
};

std::string File(const std::string& directory, int number) { return directory + FileName(number); }

Fd Open(const std::string& path, int flags) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC, 0644));
  Must(fd.get(), path);
  return fd;
}

void Stat(const std::string& path) {
  struct stat stat;
  Must(::stat(path.c_str(), &stat), path);
}

void Absent(const std::string& path) {
  struct stat stat;
  if (::stat(path.c_str(), &stat) == 0 || errno != ENOENT) throw Failure(path + " is there");
}

void Write(const std::string& path) {
  const Fd fd = Open(path, O_WRONLY);
  Must(::write(fd.get(), "x", 1), "write");
}

// As ls(1) of coreutils 9.1 with -l: what the first file says that there is no such thing of, the others are not asked for.
class LongLook {
 public:
  void operator()(const std::string& path) {
    Stat(path);
    char label[256];
    if (labels_ && ::lgetxattr(path.c_str(), "security.selinux", label, sizeof(label)) < 0) labels_ = errno != EOPNOTSUPP;
    if (acls_ && ::getxattr(path.c_str(), "system.posix_acl_access", nullptr, 0) < 0) acls_ = errno != EOPNOTSUPP;
  }

 private:
  bool labels_ = true, acls_ = true;
};

// look: at each file.
template <typename Look>
void List(const std::string& directory, Look look) {
  DIR* const stream = ::opendir(directory.c_str());
  if (stream == nullptr) Must(-1, directory);
  while (const struct dirent* entry = ::readdir(stream)) {
    if (entry->d_name[0] != '.') look(directory + "/" + entry->d_name);
  }
  ::closedir(stream);
}

// A listing of its own for each number, below one that is known.
std::string Listed(const std::string& directory, int number) {
  return directory + "/list" + std::to_string(number);
}

void Nothing(const std::string&) {}

void LookAtAll(const std::string& directory) {
  for (int i = 0; i < kOperations; ++i) Stat(File(directory, i));
}

void MakeSymlink(const std::string& directory) {
  Must(::symlink("known", (directory + "/symlink").c_str()), "symlink");
  char target[64];
  Must(::readlink((directory + "/symlink").c_str(), target, sizeof(target)), "readlink");
}

// What is open while it is counted.
template <typename Body>
auto OnOpenFile(int flags, Body body) {
  auto fd = std::make_shared<Fd>();
  return [=](const std::string& directory, int) {
    if (!*fd) *fd = Open(File(directory, 0), flags);
    body(fd->get());
  };
}

std::vector<Operation> Operations() {
  return {
      {"stat, first", Nothing, [](const auto& d, int i) { Stat(File(d, i)); }},
      {"stat, again", LookAtAll, [](const auto& d, int i) { Stat(File(d, i)); }},
      {"absent name, first", Nothing,
       [](const auto& d, int i) { Absent(File(d, kOperations + i)); }},
      {"absent name, again", [](const auto& d) { Absent(d + "/no"); },
       [](const auto& d, int) { Absent(d + "/no"); }},
      {"open + close, first", LookAtAll,
       [](const auto& d, int i) { (void)Open(File(d, i), O_RDONLY); }},
      {"open + close, again", [](const auto& d) { (void)Open(File(d, 0), O_RDONLY); },
       [](const auto& d, int) { (void)Open(File(d, 0), O_RDONLY); }},
      {"open, write, close", [](const auto& d) { Write(File(d, 0)); },
       [](const auto& d, int) { Write(File(d, 0)); }},
      {"read of an open file", Nothing,
       OnOpenFile(O_RDONLY,
                  [](int fd) {
                    char byte;
                    Must(::pread(fd, &byte, 1, 0), "read");
                  })},
      {"write of an open file", Nothing,
       OnOpenFile(O_RDWR, [](int fd) { Must(::pwrite(fd, "x", 1, 0), "write"); })},
      {"fsync of an open file", Nothing,
       OnOpenFile(O_RDWR, [](int fd) { Must(::fsync(fd), "fsync"); })},
      {"map, touch, unmap of an open file", [](const auto& d) { Write(File(d, 0)); },
       OnOpenFile(O_RDONLY,
                  [](int fd) {
                    void* const at = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0);
                    if (at == MAP_FAILED) Must(-1, "mmap");
                    const volatile char byte = *static_cast<const char*>(at);
                    (void)byte;
                    ::munmap(at, 4096);
                  })},
      {"create + close", Nothing,
       [](const auto& d, int i) {
         (void)Open(File(d, kOperations + i), O_WRONLY | O_CREAT | O_EXCL);
       }},
      {"unlink", LookAtAll,
       [](const auto& d, int i) { Must(::unlink(File(d, i).c_str()), "unlink"); }},
      {"rename", LookAtAll,
       [](const auto& d, int i) {
         Must(::rename(File(d, i).c_str(), File(d, kOperations + i).c_str()), "rename");
       }},
      {"mkdir", Nothing,
       [](const auto& d, int i) {
         Must(::mkdir(File(d, kOperations + i).c_str(), 0755), "mkdir");
       }},
      {"link", LookAtAll,
       [](const auto& d, int i) {
         Must(::link(File(d, i).c_str(), File(d, kOperations + i).c_str()), "link");
       }},
      {"chmod", LookAtAll,
       [](const auto& d, int i) { Must(::chmod(File(d, i).c_str(), 0600), "chmod"); }},
      {"readlink, again", MakeSymlink,
       [](const auto& d, int) {
         char target[64];
         Must(::readlink((d + "/symlink").c_str(), target, sizeof(target)), "readlink");
       }},
      {"getxattr that is not there", LookAtAll,
       [](const auto& d, int i) {
         char value[16];
         if (::getxattr(File(d, i).c_str(), "user.none", value, sizeof(value)) >= 0 ||
             errno != ENODATA) {
           throw Failure("an extended attribute is there");
         }
       }},
      {"listing of 30 files", Nothing, [](const auto& d, int i) { List(Listed(d, i), Nothing); }},
      {"listing of 30 files, again",
       [](const auto& d) {
         for (int i = 0; i < 2; ++i) List(Listed(d, 0), Nothing);
       },
       [](const auto& d, int) { List(Listed(d, 0), Nothing); }},
      {"listing of 30 files, each looked at", Nothing,
       [](const auto& d, int i) { List(Listed(d, i), Stat); }},
      {"listing of 30 files as ls -l does", Nothing,
       [](const auto& d, int i) { List(Listed(d, i), LongLook()); }},
  };
}

// Requests that the broker has read: it reads nothing else.
double BrokerReads(const View& view) {
  for (const Process& process : Descendants(view.command_pid())) {
    if (process.name != "sluice-broker") continue;
    std::ifstream file("/proc/" + std::to_string(process.pid) + "/io");
    std::string key;
    for (double value = 0; file >> key >> value;) {
      if (key == "syscr:") return value;
    }
    throw Missing("needs the kernel's count of reads in /proc/PID/io");
  }
  throw Failure("a view without a broker");
}

// How often the service has slept.
double ServiceSleeps(const View& view) {
  double sleeps = 0;
  for (const Process& process : Descendants(view.command_pid())) {
    if (process.name != "sluiced") continue;
    std::ifstream status("/proc/" + std::to_string(process.pid) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("voluntary_ctxt_switches:", 0) == 0) sleeps += std::stod(line.substr(24));
    }
  }
  return sleeps;
}

using Each = std::map<std::string, double>;  // of one operation

// Once nothing more comes: RELEASE waits for nobody, and nobody for it.
Each Settled(const View& view, const Deadline& deadline) {
  Each last;
  for (double end = Now() + 5; Now() < end;) {
    Each now;
    for (const auto& [name, count] : view.Requests(deadline)) {
      if (count > 0 && kNotCounted.count(name) == 0) now[name] = static_cast<double>(count);
    }
    now[kBroker] = BrokerReads(view);
    if (now == last) return now;
    last = std::move(now);
    ::usleep(kSettleMs * 1000);
  }
  throw Failure("requests do not end");
}

Each Count(const Operation& operation, const Ground& ground, const Deadline& deadline) {
  const std::string name = "/work";
  const std::string source = ground.source() + name;
  RunCommand({"rm", "-rf", source});
  MakeFiles(source, kOperations);
  for (int i = 0; std::strncmp(operation.name, "listing", 7) == 0 && i < kOperations; ++i) {
    MakeFiles(Listed(source, i), kListed);
  }
  const View view(ground, deadline);
  const std::string directory = ground.target() + name;
  Fd go_on[2], ready[2];
  for (Fd* ends : {go_on, ready}) {
    int pair[2];
    Must(::pipe2(pair, O_CLOEXEC), "pipe");
    ends[0] = Fd(pair[0]);
    ends[1] = Fd(pair[1]);
  }
  Each before;
  char byte = 0;
  const auto work = [&] {
    Stat(directory);
    operation.prepare(directory);
    operation.once(directory, 0);
    Must(::write(ready[1].get(), "r", 1), "ready");
    ready[1].reset();
    char go = 0;
    Must(::read(go_on[0].get(), &go, 1), "go on");
    for (int i = 1; i < kOperations; ++i) operation.once(directory, i);
    return std::string();
  };
  const auto between = [&] {
    ready[1].reset();
    if (Must(::read(ready[0].get(), &byte, 1), "ready") != 1) return;  // it failed, and says so
    before = Settled(view, deadline);
    before[kService] = ServiceSleeps(view);
    Must(::write(go_on[1].get(), "g", 1), "go on");
  };
  (void)InChild(kIdentity, work, deadline, operation.name, between);
  const double sleeps = ServiceSleeps(view);
  Each each, after = Settled(view, deadline);
  after[kService] = sleeps;
  for (const auto& [what, count] : after) {
    const double more = (count - before[what]) / (kOperations - 1);
    // What is open is closed at the end, once; and of grants the service is told some twenty times
    // a second, for its log.
    const double whole = std::round(more);
    if (whole > 0 || what == kBroker || what == kService) each[what] = whole;
  }
  return each;
}

std::string LineOf(const std::string& name, const Each& each) {
  std::string line = name + ":";
  for (const auto& [what, count] : each) {
    char text[64];
    std::snprintf(text, sizeof(text), " %s %.0f", what.c_str(), count);
    line += text;
  }
  return line;
}

Each EachOf(const std::string& line) {
  Each each;
  std::istringstream words(line.substr(line.rfind(": ") + 2));
  std::string what;
  for (double count = 0; words >> what >> count;) each[what] = count;
  return each;
}

int Run(const std::string& table, bool record) {
  PrepareProcess();
  NeedRootAndFuse();
  const Deadline deadline(kDeadlineSeconds);
  const Grounds grounds;
  const Ground& ground = grounds.all().back();  // the tmpfs
  std::map<std::string, std::string> known;
  if (std::ifstream file(table); !record) {
    for (std::string line; std::getline(file, line);) {
      if (!line.empty() && line[0] != '#') known[line.substr(0, line.rfind(": "))] = line;
    }
  }
  std::string lines =
      "# Requests of one operation, which request_counts --record writes. broker: of the worker to "
      "it. service: how often it woke.\n";
  int differ = 0;
  for (const Operation& operation : Operations()) {
    const auto found = known.find(operation.name);
    Each each;
    bool same = false;
    for (int tries = 0; !same && tries < kTries; ++tries) {
      each = Count(operation, ground, deadline);
      same = record || (found != known.end() && each == EachOf(found->second));
    }
    const std::string line = LineOf(operation.name, each);
    lines += line + "\n";
    if (!same) ++differ;
    std::printf("%-5s %s\n", same ? "ok" : "FAIL", line.c_str());
    if (!same && found != known.end()) std::printf("      %s\n", found->second.c_str());
    std::fflush(stdout);
    known.erase(operation.name);
  }
  for (const auto& [name, line] : known) std::printf("FAIL  no operation: %s\n", line.c_str());
  if (record) {
    std::ofstream file(table);
    file << lines;
    file.close();
    if (!file) throw Failure("cannot write " + table);
  }
  return differ == 0 && known.empty() ? 0 : 1;
}

}  // namespace
}  // namespace sluicebench

int main(int argc, char** argv) {
  const bool record = argc == 3 && std::strcmp(argv[1], "--record") == 0;
  if (argc != 2 && !record) {
    std::fputs("usage: request_counts [--record] TABLE\n", stderr);
    return 2;
  }
  int status = 1;
  try {
    status = sluicebench::Run(argv[argc - 1], record);
  } catch (const sluicebench::Missing& missing) {
    return sluicebench::SkipStatus("request_counts", missing.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "request_counts: %s\n", error.what());
  }
  sluicebench::EndDescendants();
  return status;
}
