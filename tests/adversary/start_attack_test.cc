// Who starts the service hands over an environment, descriptors, limits and signals. Invariant: it
// starts and serves as ever, or it refuses, or refuses views, with a line that says why; broker and
// worker have their own environment and descriptors, exactly, whatever the service was given
// (src/os/process.cc, SECURITY.md).
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "core/reason_text.h"
#include "hostile_worker.h"
#include "running_service.h"

namespace sluice::adversary {
namespace {

pid_t process_named(const std::string& name) {
  for (const Found& process : processes()) {
    if (process.name == name && process.state != 'Z') return process.pid;
  }
  return -1;
}

std::string descriptor(pid_t pid, int number) {
  std::error_code none;
  std::string link =
      std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/fd/" + std::to_string(number), none);
  if (const size_t colon = link.find(":["); colon != std::string::npos) link.resize(colon);
  return link.substr(0, link.find(" (deleted)"));
}

void expect_exact_tables(const std::string& what) {
  const std::string log = work_dir() + "/service.log";
  for (const char* name : {"sluice-broker", "sluice-worker"}) {
    const pid_t pid = process_named(name);
    ASSERT_GT(pid, 0) << what << ": " << name;
    const bool broker = std::string(name) == "sluice-broker";
    EXPECT_EQ(descriptor(pid, 0), "/dev/null") << what << ": " << name;
    EXPECT_EQ(descriptor(pid, 1), "/dev/null") << what << ": " << name;
    const std::string errors = descriptor(pid, 2);
    EXPECT_TRUE(errors == log || errors == "/dev/null") << what << ": " << name << " logs to " << errors;
    EXPECT_EQ(descriptor(pid, 3), "/dev/fuse") << what << ": " << name;
    EXPECT_EQ(descriptor(pid, 4), "/") << what << ": " << name;
    for (int number = 6; number <= 9; ++number) {
      EXPECT_EQ(descriptor(pid, number), "socket") << what << ": " << name << " " << number;
    }
    // No file is open yet: the worker may have the root as a directory, and that is all.
    for (int number = 10; number < 300; ++number) {
      const std::string got = descriptor(pid, number);
      EXPECT_TRUE(got.empty() || (!broker && got == "/")) << what << ": " << name << " has " << number << ": " << got;
    }
    EXPECT_EQ(read_all("/proc/" + std::to_string(pid) + "/environ").find_first_not_of('\0'), std::string::npos)
        << what << ": " << name << " has an environment";
  }
}

bool says_why(const std::string& log) {
  return log.find("event=cannot-start") != std::string::npos || log.find("event=protection-missing") != std::string::npos ||
         log.find("error while loading shared libraries") != std::string::npos;
}

// kServes: must serve. kMayRefuse: or say why not. Whatever happens, it ends when it is told to, and
// leaves nothing.
enum Wanted { kServes, kMayRefuse };
void start_with(const std::string& what, Wanted wanted, const Body& before) {
  SCOPED_TRACE(what);
  static const std::string source = make_source("source", kUser);
  Program service({kSluiced, "--listen", kSocket, "--mode", "0666"}, work_dir() + "/service.log", before);
  struct stat socket;
  ASSERT_TRUE(eventually(5000, [&] {
    return service.ended(0) || (::stat(kSocket, &socket) == 0 && (socket.st_mode & 07777) == 0666);
  })) << "neither listens nor ends: " << service.output();
  if (!service.ended(100)) {
    const os::Fd directory(::open(source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    os::Fd connection;
    const Heard heard = ask(view_hello(kUser), {directory.get()}, &connection);
    EXPECT_FALSE(heard.nothing) << "no answer";
    if (heard.mount) {
      expect_exact_tables(what);
      in_process(kUser, 5, [&] {
        char content[16] = {};
        const os::Fd file(::openat(heard.mount.get(), "file", O_RDWR | O_CLOEXEC));
        EXPECT_EQ(::read(file.get(), content, sizeof(content)), 8) << "a view that does not serve";
      });
    } else {
      EXPECT_EQ(wanted, kMayRefuse) << core::reason_name(heard.reason) << "; " << service.output();
      EXPECT_NE(core::reason_name(heard.reason), "none") << "refused without a reason";
      EXPECT_NE(service.output().find("event=refused"), std::string::npos) << service.output();
    }
    connection.reset();
    EXPECT_TRUE(eventually(3000, [] { return process_named("sluice-worker") < 0; })) << "the view does not end";
    service.signal(SIGTERM);
    EXPECT_TRUE(service.ended(4000)) << "does not end when told to";
    EXPECT_EQ(service.status(), 0) << service.output();
    EXPECT_NE(::stat(kSocket, &socket), 0) << "leaves its socket";
  } else {
    EXPECT_EQ(wanted, kMayRefuse) << service.output();
    EXPECT_TRUE(service.status() == 1 || service.status() == 127) << service.status();
    EXPECT_TRUE(says_why(service.output())) << "ends without a word: " << service.output();
    ::unlink(kSocket);
  }
  EXPECT_TRUE(eventually(3000, [] {
    for (const Found& process : processes()) {
      if (process.name.rfind("sluice", 0) == 0 && process.state != 'Z') return false;
    }
    return true;
  })) << "a process is left";
}

void limit_files(rlim_t soft, rlim_t hard) {
  const struct rlimit limit {soft, hard};
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

ATTACK(StartAttack, Environment) {
  const std::string canary = work_dir() + "/canary";
  write_all(canary, "canary", 0, 0600);
  start_with("LD_* that name nothing", kServes, [] {
    for (const char* name : {"LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "GCONV_PATH", "LOCPATH", "TMPDIR"}) {
      ::setenv(name, "/nonexistent/library.so", 1);
    }
    ::setenv("LD_BIND_NOT", "1", 1);
    ::setenv("MALLOC_CHECK_", "3", 1);
  });
  start_with("a forged journal", kServes, [] { ::setenv("JOURNAL_STREAM", "0:0\n<0>forged", 1); });
  start_with("forged socket activation", kServes, [&] {
    ::setenv("LISTEN_FDS", "5", 1);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDNAMES", "a:b:connection:../..:e", 1);
    ::setenv("NOTIFY_SOCKET", "/run/none", 1);
    for (int number = 3; number < 8; ++number) ::dup2(::open(canary.c_str(), O_RDWR), number);
  });
  start_with("64 KiB variables", kServes, [] {
    for (int i = 0; i < 20; ++i) ::setenv(("V" + std::to_string(i)).c_str(), std::string(65536, 'x').c_str(), 1);
  });
  start_with("no environment", kServes, [] { ::clearenv(); });
}

// What the service opens must never become its standard error or that of its children: what it logs
// would go to a peer, and a worker would hold a socket that it should not.
ATTACK(StartAttack, ClosedStandardDescriptors) {
  for (int closed = 1; closed < 8; ++closed) {
    std::string what = "closed:";
    for (int number = 0; number < 3; ++number) {
      if ((closed & 1 << number) != 0) what += " " + std::to_string(number);
    }
    start_with(what, kServes, [&] {
      for (int number = 0; number < 3; ++number) {
        if ((closed & 1 << number) != 0) ::close(number);
      }
    });
  }
}

ATTACK(StartAttack, InheritedDescriptors) {
  const std::string canary = work_dir() + "/canary";
  write_all(canary, "canary", 0, 0600);
  start_with("descriptors 3 to 99 and 250", kServes, [&] {
    const int fd = ::open(canary.c_str(), O_RDWR);
    for (int number = 3; number < 100; ++number) {
      if (number != fd) ::dup2(fd, number);
    }
    ::dup2(fd, 250);
  });
}

ATTACK(StartAttack, FileLimits) {
  for (const rlim_t most : {0u, 3u, 8u, 16u, 64u, 70u, 80u}) {
    start_with(std::to_string(most) + " descriptors", kMayRefuse, [&] { limit_files(most, most); });
  }
  // What may be raised is.
  start_with("64 descriptors, and 4096 for the asking", kServes, [] { limit_files(64, 4096); });
}

// Invariant: what one user opens is bounded by limits of its own, before the service's descriptors
// are used up: others are served beside it.
ATTACK(StartAttack, ViewsUntilTheDescriptorsAreUsedUp) {
  const std::string source = make_source("source", kUser);
  RunningService service({}, [] { limit_files(512, 512); });
  service.note();
  {
    Program attacker([&] {
      if (::setresgid(kUser, kUser, kUser) != 0 || ::setresuid(kUser, kUser, kUser) != 0) ::_exit(1);
      const os::Fd directory(::open(source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      std::vector<os::Fd> kept;
      for (int i = 0; i < 60; ++i) {
        os::Fd connection;
        kept.push_back(ask(view_hello(kUser), {directory.get()}, &connection).mount);
        kept.push_back(std::move(connection));
      }
      write_all(work_dir() + "/view-of-all", "", kUser);
      ::pause();
    });
    ::chmod(work_dir().c_str(), 0777);
    EXPECT_TRUE(eventually(10000, [] { return ::access((work_dir() + "/view-of-all").c_str(), F_OK) == 0; }));
    service.expect_serves_others("beside as many views as one user gets");
  }
  service.expect_as_noted("many views");
}

ATTACK(StartAttack, UmaskAndDirectory) {
  start_with("umask 0777", kServes, [] { ::umask(0777); });
  start_with("umask 0", kServes, [] { ::umask(0); });
  start_with("a working directory that is gone", kServes, [] {
    const std::string gone = work_dir() + "/gone";
    ::mkdir(gone.c_str(), 0755);
    if (::chdir(gone.c_str()) != 0 || ::rmdir(gone.c_str()) != 0) ::_exit(3);
  });
}

ATTACK(StartAttack, Signals) {
  start_with("all blocked", kServes, [] {
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
  });
  start_with("all ignored", kServes, [] {
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_IGN);
  });
}

// Ignored, the kernel reaps children by itself: the service must not wait for them for ever.
ATTACK(StartAttack, IgnoredEndOfChildren) {
  const std::string source = make_source("source", kUser);
  RunningService service({}, [] { ::signal(SIGCHLD, SIG_IGN); });
  service.note();
  const os::Fd directory(::open(source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < 10; ++i) {
    os::Fd connection;
    (void)ask(view_hello(kUser), {directory.get()}, &connection);
  }
  service.expect_as_noted("ten views, with SIGCHLD ignored");
}

}  // namespace
}  // namespace sluice::adversary
