// The service's log in the journal's own protocol. Invariants: what others chose is a value and never
// a field (src/service/log.cc); the journal is the one that standard error is a stream of, whatever the
// environment says; one that does not read holds nothing up; and of what could not be said, the number is.
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>

#include "core/limits.h"
#include "running_service.h"

namespace sluice::adversary {
namespace {

constexpr char kJournal[] = "/run/systemd/journal/socket";

using Entry = std::multimap<std::string, std::string>;

// By the letter of the native protocol; complains of what is not.
Entry parsed(const std::string& datagram) {
  Entry entry;
  size_t at = 0;
  while (at < datagram.size()) {
    const size_t end = datagram.find('\n', at);
    EXPECT_NE(end, std::string::npos) << "no line feed";
    if (end == std::string::npos) break;
    std::string name = datagram.substr(at, end - at);
    std::string value;
    if (const size_t equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
      at = end + 1;
    } else {
      uint64_t length = 0;
      EXPECT_LE(end + 9, datagram.size());
      for (size_t i = 0; i < 8; ++i) {
        length |= static_cast<uint64_t>(static_cast<unsigned char>(datagram[end + 1 + i])) << (8 * i);
      }
      EXPECT_LT(length, datagram.size() - end - 9) << name;
      if (length >= datagram.size() - end - 9) break;
      value = datagram.substr(end + 9, length);
      at = end + 9 + length;
      EXPECT_EQ(datagram[at], '\n') << name;
      ++at;
    }
    EXPECT_EQ(name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"), std::string::npos) << name;
    EXPECT_LE(name.size(), 64u) << name;
    EXPECT_NE(name[0], '_') << "the journal's own: " << name;
    EXPECT_EQ(entry.count(name), 0u) << name << " twice";
    entry.emplace(name, value);
  }
  return entry;
}

class Journal {
 public:
  Journal() {
    ::mkdir("/run/systemd", 0755);
    ::mkdir("/run/systemd/journal", 0755);
    struct sockaddr_un address {};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, kJournal);
    socket_ = os::Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<struct sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream_), 0);
  }
  // Before the exec: standard error is its stream, and the environment says which.
  Body stream() {
    return [this] {
      struct stat stat;
      ::fstat(stream_[0], &stat);
      ::dup2(stream_[0], STDERR_FILENO);
      ::setenv("JOURNAL_STREAM", (std::to_string(stat.st_dev) + ":" + std::to_string(stat.st_ino)).c_str(), 1);
    };
  }
  void take() {
    char buffer[65536];
    for (ssize_t length; (length = ::recv(socket_.get(), buffer, sizeof(buffer), MSG_DONTWAIT)) > 0;) {
      entries.push_back(parsed({buffer, static_cast<size_t>(length)}));
    }
  }
  // The entry of that event that has this in the field.
  const Entry* find(const std::string& event, const std::string& field, const std::string& value) {
    const Entry* found = nullptr;
    (void)eventually(4000, [&] {
      take();
      for (const Entry& entry : entries) {
        const auto has = [&entry](const std::string& name, const std::string& wanted) {
          const auto at = entry.find(name);
          return at != entry.end() && at->second == wanted;
        };
        if (has("SLUICE_EVENT", event) && has(field, value)) found = &entry;
      }
      return found != nullptr;
    });
    return found;
  }
  std::vector<Entry> entries;

 private:
  os::Fd socket_;
  int stream_[2];
};

std::string value(const Entry* entry, const std::string& name) {
  if (entry == nullptr) return "no such entry";
  const auto at = entry->find(name);
  return at == entry->end() ? "no such field" : at->second;
}

// Opens it in a view of this user, and tells it by another name that a rule hides.
void open_in_view(const std::string& source, const std::string& name) {
  in_process(kVictim, 8, [&] {
    const os::Fd directory(::open(source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    os::Fd connection;
    wire::Hello hello = view_hello(kVictim);
    hello.name = "journalled";
    const Heard view = ask(hello, {directory.get()}, &connection);
    const os::Fd file(::openat(view.mount.get(), name.c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_TRUE(file) << name;
    ::usleep(100'000);
  });
}

ATTACK(JournalAttack, FieldsOfAGrantAndNoneThatANameForged) {
  const std::string source = make_source("source", kVictim);
  const std::string forged = "x\nPRIORITY=0\nSLUICE_PEER_UID=0\nMESSAGE=all is well\n\x01\xff";
  write_all(source + "/" + forged, "content\n", kVictim);
  Journal journal;
  RunningService service({}, journal.stream());
  open_in_view(source, forged);
  const std::string escaped =
      "x\\x0aPRIORITY=0\\x0aSLUICE_PEER_UID=0\\x0aMESSAGE=all is well\\x0a\\x01\\xff";
  const Entry* granted = journal.find("granted", "SLUICE_PATH", escaped);
  ASSERT_NE(granted, nullptr) << journal.entries.size() << " entries";
  EXPECT_EQ(value(granted, "SLUICE_VIEW"), "journalled");
  EXPECT_EQ(value(granted, "SLUICE_PEER_UID"), std::to_string(kVictim));
  EXPECT_EQ(value(granted, "SLUICE_VERDICT"), "granted");
  EXPECT_EQ(value(granted, "SLUICE_REASON"), "none");
  EXPECT_EQ(value(granted, "SLUICE_PROCESS"), "broker");
  EXPECT_EQ(value(granted, "SLUICE_DROPPED"), "0");
  EXPECT_EQ(value(granted, "PRIORITY"), "6");
  EXPECT_EQ(value(granted, "SYSLOG_IDENTIFIER"), "sluiced");
  EXPECT_NE(value(granted, "SLUICE_GRANT"), "no such field");
  EXPECT_NE(value(granted, "SLUICE_PEER_UNIT"), "no such field");
  EXPECT_GT(std::stoi(value(granted, "SLUICE_CONNECTION")), 0);
  EXPECT_NE(value(granted, "MESSAGE").find("path=\"" + escaped + "\""), std::string::npos);
  EXPECT_EQ(service.log(), "") << "said twice";
  // The one who is refused is served, and said to be refused, by a process of its own.
  EXPECT_EQ(static_cast<int>(ask(view_hello(0), {}).reason), static_cast<int>(core::Reason::kProtocol));
  const Entry* refused = journal.find("refused", "SLUICE_REASON", "protocol (Protocol error)");
  EXPECT_EQ(value(refused, "SLUICE_VERDICT"), "refused");
  EXPECT_EQ(value(refused, "SLUICE_PEER_UID"), "0");
  EXPECT_EQ(value(refused, "PRIORITY"), "4");
}

ATTACK(JournalAttack, ARefusedRenameHasBothPaths) {
  const std::string source = make_source("source", kVictim);
  write_all(source + "/plain", "content\n", kVictim);
  Journal journal;
  RunningService service({}, journal.stream());
  in_process(kVictim, 8, [&] {
    const os::Fd directory(::open(source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    os::Fd connection;
    const Heard view = ask(view_hello(kVictim, {"*.key"}), {directory.get()}, &connection);
    EXPECT_NE(::renameat(view.mount.get(), "plain", view.mount.get(), "plain\n.key"), 0);
    ::usleep(100'000);
  });
  const Entry* refused = journal.find("refused", "SLUICE_TO", "plain\\x0a.key");
  ASSERT_NE(refused, nullptr) << journal.entries.size() << " entries";
  EXPECT_EQ(value(refused, "SLUICE_PATH"), "plain");
  EXPECT_EQ(value(refused, "SLUICE_GRANT"), "0");
}

ATTACK(JournalAttack, AVariableThatDoesNotFitStandardErrorLeadsNowhere) {
  const std::string source = make_source("source", kVictim);
  for (const char* stream : {"0:0", "1", "", "8:1\n<0>", "x"}) {
    Journal journal;
    RunningService service({}, [&] { ::setenv("JOURNAL_STREAM", stream, 1); });
    open_in_view(source, "file");
    EXPECT_TRUE(eventually(3000, [&] { return service.log().find("event=granted") != std::string::npos; }));
    EXPECT_EQ(service.log().find('<'), std::string::npos) << "priorities that nobody asked for";
    journal.take();
    EXPECT_TRUE(journal.entries.empty()) << stream;
    service.program().signal(SIGTERM);
    EXPECT_TRUE(service.program().ended(4000));
    ::unlink(kJournal);
  }
}

ATTACK(JournalAttack, AJournalThatDoesNotReadHoldsNothingUpAndHearsHowMuchItMissed) {
  const std::string source = make_source("source", kVictim);
  Journal journal;
  RunningService service({}, journal.stream());
  for (int i = 0; i < 40; ++i) open_in_view(source, "file");
  service.expect_serves_others("while the journal does not read");
  journal.take();
  open_in_view(source, "file");
  journal.take();
  uint64_t missed = 0;
  for (const Entry& entry : journal.entries) {
    const auto at = entry.find("SLUICE_LEFT_OUT");
    if (at != entry.end()) missed += std::stoull(at->second);
  }
  EXPECT_GT(missed, 0u);
}

// ---- How much ----

ATTACK(JournalAttack, LinesOfTheServiceAreBoundedAndTheRestIsCounted) {
  RunningService service;
  const auto storm = [] {
    for (int i = 0; i < 4000; ++i) {
      const os::Fd peer = connected();
      (void)send_raw(peer.get(), std::vector<uint8_t>{1, 2, 3});
      if (i % 4 == 0) (void)hear(peer.get(), 1000);
    }
  };
  const auto before = std::chrono::steady_clock::now();
  in_process(kVictim, 15, storm);
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - before).count() + 2;
  const std::string log = service.log();
  const auto lines = static_cast<uint64_t>(std::count(log.begin(), log.end(), '\n'));
  EXPECT_LE(lines, core::Limits::kLogLinesOfServicePerSecond * static_cast<uint64_t>(seconds));
}

// Files enough that no share of a second would hold them.
void open_many(const std::string& source, int count, int from = 0) {
  in_process(kVictim, 15, [&] {
    const os::Fd directory(::open(source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    os::Fd connection;
    const Heard view = ask(view_hello(kVictim), {directory.get()}, &connection);
    for (int i = from; i < from + count; ++i) {
      const os::Fd file(::openat(view.mount.get(), ("many-" + std::to_string(i)).c_str(), O_RDONLY | O_CLOEXEC));
      EXPECT_TRUE(file) << i;
    }
    ::usleep(300'000);
  });
}
size_t grants_in(const std::string& log) {
  size_t count = 0;
  for (size_t at = 0; (at = log.find("event=granted", at)) != std::string::npos; ++at) ++count;
  return count;
}

ATTACK(JournalAttack, AnAuditHasEveryGrant) {
  constexpr int kFiles = 700;
  const std::string source = make_source("source", kVictim);
  for (int i = 0; i < kFiles; ++i) write_all(source + "/many-" + std::to_string(i), "x", kVictim);
  RunningService service({"--audit"});
  open_many(source, kFiles);
  EXPECT_TRUE(eventually(5000, [&] { return grants_in(service.log()) >= kFiles; })) << grants_in(service.log());
  EXPECT_EQ(grants_in(service.log()), static_cast<size_t>(kFiles));
  for (int i = 0; i < kFiles; ++i) {
    EXPECT_NE(service.log().find("path=\"many-" + std::to_string(i) + "\""), std::string::npos) << i;
  }
  EXPECT_EQ(service.log().find(" dropped=\"1"), std::string::npos);
}

// Who opens files in the order of a listing is granted the next ones ahead, but not where each grant is said to be somebody's.
ATTACK(JournalAttack, AnAuditHasNothingThatNobodyOpened) {
  constexpr int kFiles = 60, kOpened = 30;
  const std::string source = make_source("source", kVictim);
  for (int i = 0; i < kFiles; ++i) write_all(source + "/many-" + std::to_string(i), "x", kVictim);
  RunningService service({"--audit"});
  in_process(kVictim, 15, [&] {
    const os::Fd directory(::open(source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    os::Fd connection;
    const Heard view = ask(view_hello(kVictim), {directory.get()}, &connection);
    struct stat stat;
    for (int i = 0; i < kFiles; ++i) {
      EXPECT_EQ(::fstatat(view.mount.get(), ("many-" + std::to_string(i)).c_str(), &stat, 0), 0) << i;
    }
    for (int i = 0; i < kOpened; ++i) {
      const os::Fd file(::openat(view.mount.get(), ("many-" + std::to_string(i)).c_str(), O_RDONLY | O_CLOEXEC));
      EXPECT_TRUE(file) << i;
    }
    ::usleep(300'000);
  });
  EXPECT_TRUE(eventually(5000, [&] { return grants_in(service.log()) >= kOpened; })) << grants_in(service.log());
  EXPECT_EQ(grants_in(service.log()), static_cast<size_t>(kOpened));
}

ATTACK(JournalAttack, WithoutAnAuditTheRestIsCounted) {
  constexpr int kFiles = 200;
  const std::string source = make_source("source", kVictim);
  for (int i = 0; i < kFiles; ++i) write_all(source + "/many-" + std::to_string(i), "x", kVictim);
  RunningService service;
  open_many(source, kFiles);
  EXPECT_LT(grants_in(service.log()), static_cast<size_t>(kFiles));
}

// While the service stands still, an audited view waits for it, but not for ever.
ATTACK_WITHIN(JournalAttack, AnAuditThatNobodyReadsDoesNotStopAViewForEver, 40) {
  constexpr int kFiles = 900;
  const std::string source = make_source("source", kVictim);
  for (int i = 0; i < kFiles; ++i) write_all(source + "/many-" + std::to_string(i), "x", kVictim);
  RunningService service({"--audit"});
  ::chmod(work_dir().c_str(), 0777);
  Program client([&] {
    if (::setresgid(kVictim, kVictim, kVictim) != 0 || ::setresuid(kVictim, kVictim, kVictim) != 0) ::_exit(1);
    const os::Fd directory(::open(source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    os::Fd connection;
    const Heard view = ask(view_hello(kVictim), {directory.get()}, &connection);
    const auto open_one = [&](int i) {
      const auto from = std::chrono::steady_clock::now();
      const os::Fd file(::openat(view.mount.get(), ("many-" + std::to_string(i)).c_str(), O_RDONLY | O_CLOEXEC));
      if (!file) ::_exit(2);
      return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - from).count();
    };
    (void)open_one(0);
    write_all(work_dir() + "/stop", "", kVictim);
    while (::access((work_dir() + "/stopped").c_str(), F_OK) != 0) ::usleep(1000);
    int waited = 0;
    for (int i = 1; i < kFiles && waited < 2; ++i) {
      const auto took = open_one(i);
      if (took > 2500) ::_exit(3);
      if (took > 700) ++waited;
    }
    if (waited != 2) ::_exit(4);  // it was not waited for
    write_all(work_dir() + "/go-on", "", kVictim);
    ::usleep(500'000);
    (void)open_one(kFiles - 1);
    ::usleep(300'000);
    ::_exit(0);
  });
  EXPECT_TRUE(eventually(5000, [] { return ::access((work_dir() + "/stop").c_str(), F_OK) == 0; }));
  service.program().signal(SIGSTOP);
  write_all(work_dir() + "/stopped", "", 0);
  EXPECT_TRUE(eventually(20'000, [&] {
    return ::access((work_dir() + "/go-on").c_str(), F_OK) == 0 || client.ended(0);
  }));
  service.program().signal(SIGCONT);
  EXPECT_TRUE(client.ended(8000));
  EXPECT_EQ(client.status(), 0);
  // What it would not wait for any longer was granted, and is counted.
  EXPECT_TRUE(eventually(2000, [&] { return service.log().find("dropped=\"2\"") != std::string::npos; })) << service.log();
}

}  // namespace
}  // namespace sluice::adversary
