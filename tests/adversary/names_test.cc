// Names with newlines, terminal escapes and bytes that are no UTF-8, wherever a person can put one.
// Invariant: what the command prints and the service logs is printable ASCII, a line each for what is
// one line, so that no name forges a line, moves a cursor, or hides another (core::escaped).
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "core/reason_text.h"
#include "hostile_worker.h"
#include "running_service.h"

namespace sluice::adversary {
namespace {

const std::vector<std::string>& hostile_names() {
  static const std::vector<std::string> names = {
      "a\nsluiced: event=forged view=\"x\"\nsluice: forged",
      "\x1b[31m\x1b]0;forged\x07\x1b[2J\r",
      "\xff\xfe\xc3(\x80",
      "\xc2\x9b" "31m\xe2\x80\xae" "forged\xe2\x80\xa8",
      "\" uid=\"0\" \\ \\x41 %s%n ${HOME} `id`",
      "\x01\x7f\x08\t\v",
  };
  return names;
}

void expect_clean(const std::string& what, const std::string& text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '\n' || (byte >= 0x20 && byte < 0x7f)) continue;
    const size_t from = text.rfind('\n', i) + 1;
    ADD_FAILURE() << what << ": byte " << int{byte} << " in: " << ::testing::PrintToString(text.substr(from, 200));
    return;
  }
  for (const char* line : {"\nsluiced: event=forged", "\nsluice: forged", "\nforged"}) {
    EXPECT_EQ(("\n" + text).find(line), std::string::npos) << what << ": a forged line in: " << text;
  }
}

std::string run_clean(std::vector<std::string> words, int wanted = -1, const Body& before = {}) {
  words.insert(words.begin(), kSluice);
  std::string said, what;
  for (const std::string& word : words) what += ::testing::PrintToString(word) + " ";
  const int status = run_program(words, &said, 10, before);
  EXPECT_NE(status, -1) << what << "hangs";
  EXPECT_LT(status, 128) << what << "is killed";
  EXPECT_TRUE(wanted < 0 || status == wanted) << what << "ends with " << status << ": " << said;
  expect_clean(what, said);
  return said;
}

void expect_json(const std::string& text) {
  const std::string file = work_dir() + "/json";
  write_all(file, text, 0);
  std::string said;
  EXPECT_EQ(run_program({"/usr/bin/jq", "-e", ".", file}, &said, 5), 0) << said << ": " << text;
}

ATTACK_WITHIN(Names, InRefusals, 30) {
  const std::string source = make_source("source", kUser);
  const std::string target = work_dir() + "/target";
  ASSERT_EQ(::mkdir(target.c_str(), 0755), 0);
  const std::string user = std::to_string(kUser);
  for (const std::string& name : hostile_names()) {
    const std::string path = work_dir() + "/" + name;
    run_clean({"mount", "--identity", user, path, target}, 3);
    run_clean({"mount", "--identity", user, source, path}, 3);
    run_clean({"mount", "--identity", name, source, target}, 2);
    run_clean({"mount", "--identity", user, "--name", name, source, target}, 2);
    run_clean({"mount", "--identity", user, "--hide", "[" + name, source, target}, 2);
    run_clean({"mount", "--identity", user, "--coherence", name, source, target}, 2);
    run_clean({"mount", "--identity", user, "--policy", path, source, target}, 2);
    run_clean({"mount", "--identity", user, "--allow-missing", name, source, target}, 2);
    run_clean({"mount", "--identity", user, "--" + name, source, target}, 2);
    run_clean({"mount", "--identity", user, source, target, name}, 2);
    run_clean({"run", "--identity", user, path, "--", "true"});
    run_clean({"run", "--identity", name, source, "--", "true"}, 2);
    run_clean({"run", "--identity", user, source, "--", name});
    run_clean({"run", "--identity", user, source, "--", path});
    run_clean({"status", name}, 3);
    run_clean({"status", "--json", name}, 3);
    run_clean({"umount", path}, 3);
    run_clean({"umount", "--json", path}, 3);
    run_clean({"umount", "--lazy", "--force", name});
    run_clean({"doctor", path});
    expect_json(run_clean({"doctor", "--json", path}));
    run_clean({name}, 2);
    run_clean({"--" + name}, 2);
    const Body as_user = [] {
      if (::setresuid(kUser, kUser, kUser) != 0) ::_exit(3);
    };
    run_clean({"ls", "--socket", path}, -1, as_user);
    run_clean({"mount", "--socket", path, source, target}, 4, as_user);
    run_clean({"ls"}, -1, [&] { ::setenv("SLUICE_SOCKET", path.c_str(), 1); });
    run_clean({"mount", source, target}, 4, [&] {
      ::setenv("SLUICE_SOCKET", path.c_str(), 1);
      as_user();
    });
    std::string said;
    EXPECT_EQ(run_program({kSluiced, "--" + name}, &said, 5), 2);
    expect_clean("sluiced, an option", said);
    EXPECT_EQ(run_program({kSluiced, "--listen", "/run/none/" + name}, &said, 5), 1);
    expect_clean("sluiced, a socket", said);
    run_clean({"doctor", "--socket", path});
    expect_json(run_clean({"doctor", "--json", "--socket", path}));
    // A policy with such a pattern in it, and a key; and one that is nothing else.
    write_all(work_dir() + "/policy.toml", "\"" + name + "\" = 1\nhide = [\"[" + name + "\"]\n", 0);
    run_clean({"mount", "--identity", user, "--policy", work_dir() + "/policy.toml", source, target}, 2);
    write_all(work_dir() + "/policy.toml", name, 0);
    run_clean({"mount", "--identity", user, "--policy", work_dir() + "/policy.toml", source, target}, 2);
    write_all(path + "-no-socket", "", 0);
    run_clean({"ls", "--socket", path + "-no-socket"});
  }
}

ATTACK_WITHIN(Names, OfViewsThatAreThere, 30) {
  need(::access("/usr/bin/jq", X_OK) == 0, "jq");
  RunningService service;
  const std::string user = std::to_string(kUser);
  int number = 0;
  for (const std::string& name : hostile_names()) {
    const std::string source = make_source("s" + name, kUser);
    const std::string target = work_dir() + "/t" + name;
    const std::string view = "view" + std::to_string(++number);
    ASSERT_EQ(::mkdir(target.c_str(), 0755), 0);
    write_all(source + "/" + name, "content\n", kUser);
    write_all(source + "/" + name + ".key", "secret\n", kUser);
    run_clean({"mount", "--socket", kSocket, "--background", "--identity", user, "--name", view, "--hide",
               "*.key", source, target}, 0);
    in_process(kUser, 5, [&] {
      EXPECT_EQ(read_all(target + "/" + name), "content\n");
      EXPECT_EQ(read_all(target + "/" + name + ".key"), "");
      const os::Fd made(::open((target + "/new" + name).c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
      EXPECT_TRUE(made);
      const os::Fd hidden(::open((target + "/new" + name + ".key").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
      EXPECT_FALSE(hidden);
    });
    run_clean({"ls", "--socket", kSocket}, 0);
    run_clean({"status", "--socket", kSocket}, 0);
    run_clean({"status", "--socket", kSocket, view}, 0);
    expect_json(run_clean({"ls", "--socket", kSocket, "--json"}, 0));
    expect_json(run_clean({"status", "--socket", kSocket, "--json"}, 0));
    expect_json(run_clean({"status", "--socket", kSocket, "--json", view}, 0));
    // By a socket of such a name.
    const std::string socket = "/run/" + name;
    ASSERT_EQ(::symlink(kSocket, socket.c_str()), 0);
    run_clean({"status", "--socket", socket, view}, 0);
    expect_json(run_clean({"status", "--socket", socket, "--json"}, 0));
    expect_json(run_clean({"doctor", "--socket", socket, "--json", work_dir()}));
    run_clean({"mount", "--socket", socket, "--identity", user, work_dir() + "/none", target}, 3);
    run_clean({"mount", "--socket", socket, "--identity", user, "--name", view, source, work_dir()}, 4);
    run_clean({"mount", "--socket", kSocket, "--identity", user, source, target}, 3);  // a second one
    const std::string ended = run_clean({"umount", "--json", target}, 0);
    if (!ended.empty()) expect_json(ended);
    EXPECT_TRUE(eventually(3000, [&] {
      return run_clean({"ls", "--socket", kSocket, "--json"}, 0).find(view) == std::string::npos;
    })) << view << " does not end";
  }
  const std::string log = service.log();
  expect_clean("the log", log);
  EXPECT_NE(log.find("event=view-started"), std::string::npos);
  EXPECT_NE(log.find("\\x1b[31m"), std::string::npos) << "no hostile name is in the log: the test shows nothing";
  // Whatever is in a line was put there by the service: each begins with its name.
  size_t lines = 0;
  for (size_t at = 0; at < log.size(); at = log.find('\n', at) + 1, ++lines) {
    EXPECT_EQ(log.compare(at, 15, "sluiced: event="), 0) << log.substr(at, 80);
  }
  EXPECT_GT(lines, hostile_names().size());
}

// What a peer says of itself in a hello is shown to people.
ATTACK(Names, InHellos) {
  RunningService service;
  const std::string source = make_source("source", kUser);
  const os::Fd directory(::open(source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::vector<os::Fd> kept;
  for (const std::string& name : hostile_names()) {
    wire::Hello hello = view_hello(kUser);
    hello.source = hello.target = name;
    os::Fd connection;
    kept.push_back(ask(hello, {directory.get()}, &connection).mount);
    EXPECT_TRUE(kept.back());
    kept.push_back(std::move(connection));
    hello.name = name;  // as the view's name there is no such thing
    EXPECT_EQ(core::reason_name(ask(hello, {directory.get()}).reason), "protocol");
  }
  run_clean({"ls", "--socket", kSocket}, 0);
  run_clean({"status", "--socket", kSocket}, 0);
  run_clean({"ls", "--socket", kSocket, "--json"}, 0);
  run_clean({"status", "--socket", kSocket, "--json"}, 0);
  expect_clean("the log", service.log());
}

}  // namespace
}  // namespace sluice::adversary
