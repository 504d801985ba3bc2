// Writes the seeds of the corpora: messages by the project's own encoders, and what was recorded
// from this kernel: an INIT, events of a fanotify group, mountinfo, control groups, file systems'
// tables.
//
//   fuzz_seeds SOURCES DIRECTORY     writes DIRECTORY/TARGET/seed-NN; as root, or without what
//   needs it
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "core/compiler.h"
#include "core/limits.h"
#include "fuzz/target.h"
#include "os/change_watch.h"
#include "os/fuse_device.h"
#include "wire/backing_message.h"
#include "wire/foreign_config.h"
#include "wire/broker_request_writer.h"
#include "wire/control.h"
#include "wire/event.h"
#include "wire/fuse.h"
#include "wire/report.h"
#include "wire/stored_view.h"
#include "wire/totals.h"
#include "wire/touch.h"
#include "wire/view_config_writer.h"
#include "wire/writer.h"

using namespace sluice;
namespace fs = std::filesystem;

namespace {

using Bytes = std::vector<uint8_t>;

class Seeds {
 public:
  explicit Seeds(fs::path directory) : directory_(std::move(directory)) {}

  void add(const std::string& target, std::span<const uint8_t> bytes) {
    fs::create_directories(directory_ / target);
    char name[16];
    std::snprintf(name, sizeof(name), "seed-%02u", count_[target]++);
    std::ofstream out(directory_ / target / name, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
    FUZZ_HOLDS(out.good());
  }
  void add(const std::string& target, std::string_view text) { add(target, fuzz::bytes_of(text)); }
  void add_choice(const std::string& target, uint8_t first, Bytes bytes) {
    bytes.insert(bytes.begin(), first);
    add(target, bytes);
  }

 private:
  fs::path directory_;
  std::map<std::string, unsigned> count_;
};

std::string contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

core::Rules rules_of(std::vector<core::WrittenRule> written) {
  const auto result = core::compile(written);
  return std::get<core::Rules>(result);
}

std::vector<core::Rules> some_rules() {
  using core::Effect;
  return {core::Rules(),
          rules_of({{".env", {Effect::kHide}},
                    {"*.key", {Effect::kHide}},
                    {"/a/**/b/", {Effect::kHide}},
                    {"!x.key", {Effect::kHide}}}),
          rules_of({{"[a-c]?*", {Effect::kDeny, false, 13}},
                    {"/w", {Effect::kWindow, false, 2, 9}},
                    {"m", {Effect::kMask}},
                    {"o", {Effect::kOwner, false, 1000}},
                    {"o", {Effect::kGroup, false, 5}},
                    {"p", {Effect::kMode, false, 07700u << 16 | 0044}},
                    {"d/", {Effect::kMostNames, false, 3}},
                    {"e/", {Effect::kNoExecute}},
                    {"e/f", {Effect::kExecute}}}),
          rules_of({{"**/t", {Effect::kReadOnly, false, 0, 0, 2, 9}},
                    {"t", {Effect::kReadWrite, false, 0, 0, 4, 0}},
                    {"a/**", {Effect::kHide}},
                    {"[[:alpha:]-]", {Effect::kHide}},
                    {"a/b/c", {Effect::kReadOnly}}})};
}

// A number of descriptors, and a message.
void backing(Seeds& seeds) {
  const auto bytes_of = [](const auto& words) {
    Bytes bytes(sizeof(words));
    std::memcpy(bytes.data(), &words, sizeof(words));
    return bytes;
  };
  seeds.add_choice("backing", 1, bytes_of(wire::ForeignHello{wire::kForeignMagic, wire::kForeignVersion, 0, 0}));
  seeds.add_choice("backing", 1, bytes_of(wire::ForeignHello{wire::kForeignMagic, 2, 0, 0}));
  seeds.add_choice("backing", 1, bytes_of(wire::BackingRequest{wire::BackingOp::kOpen, 0}));
  seeds.add_choice("backing", 0, bytes_of(wire::BackingRequest{wire::BackingOp::kClose, 7}));
  seeds.add_choice("backing", 0, bytes_of(wire::ForeignConfig{wire::kForeignConfigMagic, 32, core::Limits::kFirstPrivateUid,
                                                              0, 1000, 0, 1}));
  for (const std::string text : {"pos:\t0\nflags:\t02\nfuse_connection:\t45\n", "fuse_connection: 4x\n", "fuse_connection:\n",
                                 "fuse_connection:\t0", "x\n\nfuse_connection:\t12345678\n"}) {
    seeds.add_choice("backing", 0, Bytes(text.begin(), text.end()));
  }
}

void messages(Seeds& seeds) {
  const auto rules = some_rules();
  const std::vector<core::Graft> grafts = {{"lib", true}, {"lib/x", false}};
  for (const auto& each : rules) {
    wire::Hello hello;
    hello.kind = wire::HelloKind::kMount;
    hello.read_only = hello.tied = hello.record = true;
    hello.named_identity = !each.empty();
    hello.uid = 1000, hello.gid = 100, hello.coherence_milliseconds = 1000;
    hello.groups = {4, 27};
    hello.name = "view.1_a-b", hello.source = "/srv/data", hello.target = "/home/a/b";
    hello.rules = each;
    if (!each.empty()) hello.grafts = grafts;
    seeds.add("hello", wire::encode_hello(hello));
    seeds.add_choice("control", 3, wire::encode_hello(hello));

    wire::ViewConfig config;
    config.read_only = config.audit = each.empty();
    config.preserve = !each.empty();
    config.coherence_milliseconds = 1000, config.most_grants = 300;
    config.private_uid = core::Limits::kFirstPrivateUid + 7, config.uid = 1000, config.missing = 2;
    config.init.assign(104, 1);
    config.rules = each;
    config.grafts = grafts;
    seeds.add("view_config", wire::encode_view_config(config));

    Bytes with_paths = {static_cast<uint8_t>(each.bytes().size()),
                        static_cast<uint8_t>(each.bytes().size() >> 8)};
    with_paths.insert(with_paths.end(), each.bytes().begin(), each.bytes().end());
    for (const char c :
         std::string("a/x/b\n.env\na/b/c\nx.key\nabc\n\nw\nd/e/f\nt\n../x\na//b\nm\nm/x\nt\np\no"))
      with_paths.push_back(static_cast<uint8_t>(c));
    seeds.add("rules", with_paths);

    wire::Report report;
    report.kind = each.empty() ? wire::ReportKind::kReserve : wire::ReportKind::kReload;
    report.name = "view-2", report.uid = 7, report.after = 9;
    report.rules = each;
    seeds.add("report", wire::encode_report(report));

    wire::StoredView stored;
    stored.info.id = 7, stored.info.started = 1'700'000'000, stored.info.uid = stored.info.owner = 1000;
    stored.info.most_grants = 300, stored.info.broker_pid = 81, stored.info.worker_pid = each.empty() ? 0 : 82;
    stored.info.read_only = each.empty(), stored.info.tied = !each.empty(), stored.info.missing = 2;
    stored.info.name = "view-7", stored.info.source = "/srv/data", stored.info.target = "/home/a/b";
    stored.info.unit = "x.service", stored.info.connection = 93;
    stored.trees = static_cast<uint32_t>(1 + grafts.size());
    if (!each.empty()) stored.other_rules = each;
    seeds.add("stored_view", wire::encode_stored_view(stored));
  }
  wire::StoredView connection;
  connection.info.id = 8, connection.info.uid = connection.info.owner = 1000, connection.info.foreign = true;
  connection.info.most_grants = 4096, connection.info.broker_pid = 83, connection.info.connection = 94;
  connection.info.name = "connection-8", connection.info.target = "/home/a/c", connection.info.unit = "y.service";
  seeds.add("stored_view", wire::encode_stored_view(connection));
  for (const auto kind : {wire::HelloKind::kList, wire::HelloKind::kEnd, wire::HelloKind::kReload,
                          wire::HelloKind::kTotals}) {
    wire::Hello hello;
    hello.kind = kind;
    hello.preserve = hello.no_source = true;
    hello.name = kind == wire::HelloKind::kEnd ? "a" : "";
    seeds.add("hello", wire::encode_hello(hello));
  }
  wire::ViewInfo view;
  view.id = 3, view.name = "a", view.source = "/s", view.target = "/t", view.unit = "x.service";
  view.read_only = view.preserve = view.tied = true;
  wire::Report made;
  made.kind = wire::ReportKind::kMade;
  made.view = view;
  seeds.add("report", wire::encode_report(made));
  for (const wire::Reply& reply : {wire::Reply{0, core::Reason::kNone, 2, "view-1"},
                                   wire::Reply{13, core::Reason::kNotPermitted, 0, ""}}) {
    seeds.add_choice("control", 0, wire::encode_reply(reply));
    seeds.add("foreign_reply", wire::encode_reply(reply));
  }
  seeds.add_choice("control", 1, wire::encode_view(view));
  seeds.add_choice("control", 2, wire::encode_totals({}));

  Bytes buffer(wire::kBrokerRequestMost);
  for (uint32_t op = 1; op <= static_cast<uint32_t>(wire::BrokerOp::kMakeDevice); ++op) {
    wire::BrokerRequest request{};
    request.op = static_cast<wire::BrokerOp>(op);
    request.flags = request.op == wire::BrokerOp::kOpen ? 5 : 0;
    const bool two = op > static_cast<uint32_t>(wire::BrokerOp::kRemove) && request.op != wire::BrokerOp::kMakeDevice;
    const bool one = op <= 2 || op == 5 || op == 12 || op >= 15;
    seeds.add("broker_request", std::span(buffer).first(wire::encode_request(
                                    request, one ? "a/b" : "", two ? "c" : "", buffer)));
  }
  for (uint32_t kind = 1; kind < wire::kEventKinds; ++kind) {
    const wire::Event event{static_cast<wire::EventKind>(kind), kind, 13, 1, 0, 0, 5};
    seeds.add("event", std::span(buffer).first(wire::encode_event(event, "a/\x1b[2J.env", buffer)));
  }
  Bytes stream = {7};
  for (uint8_t way = 1; way < wire::kWays; ++way) {
    const size_t length =
        wire::encode_touch({0, static_cast<wire::Way>(way), way % 2u == 0, way == 3 ? 2u : 0u},
                           way < 5 ? "a/b" : "c", buffer);
    stream.insert(stream.end(), buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(length));
  }
  seeds.add("touches", stream);
}

void texts(Seeds& seeds, const fs::path& root) {
  for (const auto& entry : fs::directory_iterator(root / "policies")) {
    if (entry.path().extension() == ".toml") seeds.add("policy", contents(entry.path()));
  }
  // Each example of the manual.
  std::istringstream manual(contents(root / "docs/man/sluice-policy.5"));
  std::string line, example;
  bool inside = false;
  while (std::getline(manual, line)) {
    if (line.starts_with(".Bd -literal")) {
      inside = true, example.clear();
    } else if (line == ".Ed") {
      if (inside && !example.empty()) seeds.add("policy", example);
      inside = false;
    } else if (inside) {
      for (size_t at; (at = line.find("\\e")) != std::string::npos;) line.erase(at + 1, 1);
      example += line + "\n";
    }
  }
  const std::string rule = "[[rule]]\npaths = [\"a\", \"!b\"]\n";
  for (const char* key :
       {"access = \"deny\"\nerrno = \"EACCES\"\nreason = \"r\"",
        "owner = \"root\"\ngroup = 7",
        "mode = \"go-rwx\"",
        "mode = \"0640\"",
        "execute = false",
        "execute = true",
        "names = 5",
        "window = { offset = 4, length = \"4KiB\" }",
        "window = { length = 9 }",
        "owner = 1000",
        "group = \"daemon\"",
        "owner = \"nobody-of-this-name\"",
        "names = \"x\"",
        "access = \"hide\"\nfrom = 2026-12-01T00:00:00Z\nuntil = 2027-01-01T00:00:00Z",
        "access = \"hide\"\nfrom = 2026-12-01",
        "access = \"raed-only\"",
        "acess = \"hide\"",
        "access = 3",
        "until = 12:00:00\naccess = \"show\"",
        "mode = \"u+q\"",
        "access = \"deny\"\nerrno = \"ENOTHING\"",
        "access = \"deny\"\nerrno = 13",
        "owner = -1",
        "mode = 416",
        "mode = \"a+st,=r\"",
        "mode = \"u=g\"",
        "mode = true",
        "owner = true",
        "until = 1960-01-01T00:00:00Z\naccess = \"hide\"",
        "access = \"hide\"\nfrom = 2027-01-01T00:00:00Z\nuntil = 2026-01-01T00:00:00Z",
        "errno = \"EPERM\"\naccess = \"mask\"",
        "access = \"hide\"\nnames = 3",
        "access = \"mask\"\nwindow = { length = 1 }",
        "reason = 4\naccess = \"show\"",
        "owner = \"4294967295\"",
        "window = 5",
        "execute = \"yes\"",
        "reason = \"\""}) {
    seeds.add("policy", rule + key + "\n");
  }
  for (const char* text :
       {"# all\ninclude = [\"build\"]\nread-only = true\ncoherence = \"500ms\"\nfile-size = "
        "\"1GiB\"\nhide = [\"*.key\", \"/a/\"]\n",
        "[[graft]]\nat = \"lib\"\ndirectory = \"/usr/share\"\naccess = \"read-only\"\nreason = "
        "\"x\"\n[[graft]]\nat = \"a/b\"\ndirectory = \"c\"\n",
        "[[graft]]\nat = \"x\"\n",
        "[[graft]]\ndirectory = \"/x\"\n",
        "[[graft]]\nat = 3\n",
        "[[graft]]\nat = \"x\"\ndirectory = \"\"\n",
        "[[graft]]\nat = \"x\"\ndirectory = \"../y\"\n",
        "[[graft]]\nat = \"x\"\ndirectory = \"/y\"\n[[graft]]\nat = \"x\"\ndirectory = \"/z\"\n",
        "[[graft]]\nat = \"../x\"\ndirectory = \"/\"\n",
        "[[graft]]\nat = \"x\"\naccess = \"hide\"\n",
        "[[graft]]\ndirectory = 5\n",
        "[view]\nsource = \"/srv\"\ntarget = \"/mnt\"\nidentity = \"root\"\nname = \"n\"\ncommand "
        "= [\"a\", \"b\"]\n",
        "[view]\nsource = \"srv\"\n",
        "[view]\nname = \"..\"\n",
        "[view]\ncommand = []\n",
        "view = 3\n",
        "rule = 3\n",
        "rule = [3]\n",
        "graft = [{at = \"x\", directory = \"/y\"}]\n",
        "hide = \"x\"\n",
        "hide = [3]\n",
        "hide = [\"[a\"]\n",
        "hide = [\"a//b\"]\n",
        "coherence = \"5 weeks\"\n",
        "coherence = 5\n",
        "file-size = -1\n",
        "file-size = \"9XB\"\n",
        "read-only = 1\n",
        "hdie = []\n",
        "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r = 1\n",
        "[[rule]]\nowner = \"\\u0007\"\n",
        "\xef\xb9\xbf\n"}) {
    seeds.add("policy", text);
  }
  std::string many;
  for (char at = 'a'; at < 'a' + 17; ++at)
    many += std::string("[[graft]]\nat = \"") + at + "\"\ndirectory = \"/\"\n";
  seeds.add("policy", many);
  seeds.add("policy", rule + "access = \"hide\"\nreason = \"" + std::string(401, 'r') + "\"\n");
  for (const char* access : {"hide", "show", "deny", "mask", "read-only", "read-write", "window"}) {
    seeds.add("policy", "[[rule]]\npaths = [\"x/\"]\naccess = \"" + std::string(access) + "\"\n");
  }
  for (const char* words :
       {"src\n/mnt\n-o\nro,hide=*.key,policy=office,name=a",
        "-sfnvrw\nnone\n/t\n-N\n/proc/1/ns/mnt",
        "a\nb\n-o\nidentity=x,coherence=2s,graft=lib=/usr:ro,x-systemd.automount,\"a,b\"", "--help",
        "-o\nremount\na\nb",
        "/srv/p\n/srv/s\n-o\npolicy=office,ro\n\n# x\n/srv/p /srv/s sluice policy=office,ro,nofail "
        "0 0\n",
        "a b\nc\n-o\nrw\n\na\\040b c fuse.sluice\n", "--\na\nb\nc",
        "a\nb\n-t\nsluice\n-osocket=\\\"x"}) {
    seeds.add("mount_words", words);
  }
  for (const char* text :
       {"0640", "u+rw,go-rwx", "+x", "EACCES", "4KiB", "2GiB", "500ms", "1d", "6.18.44-rt",
        "6.15.0", "7.1", "read-onyl", "\\040a\\011b\\134", "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q = 1",
        "'''a\n''' = \"\\\"\" # x\n[a.b]", "[a-c]*?x*y"}) {
    seeds.add("fields", " " + std::string(text));
  }
  for (const char* patterns :
       {"a\n*.key\n!x1\n/a/**/b-/", "[a-c]*\nab/\n**/B", "\\#a\n[]a]\nb?",
        "a/**\n!a/ab/\n/!a/b c/B", "***\n?*[!b]", "[[:alpha:]]*\n[[:digit:][:upper:]-]1"}) {
    for (const uint8_t ask : {uint8_t{0}, uint8_t{1}})
      seeds.add_choice("patterns", ask, [&] {
        Bytes bytes(11, ask);
        for (uint8_t i = 0; i < 11; ++i) bytes[i] = static_cast<uint8_t>(i * 5 + ask);
        for (const char* c = patterns; *c != 0; ++c) bytes.push_back(static_cast<uint8_t>(*c));
        return bytes;
      }());
  }
  seeds.add("escape", "a\x1b[2J\"\\\xff/b");
  seeds.add("escape", "0::/system.slice/backup.service\n");
  seeds.add(
      "escape",
      "1:name=systemd:/user.slice/user-1000.slice/user@1000.service/app.slice/app.scope\n0::/x\n");
  for (const char* path : {"a/b/file", "link/b", "../outside/file", "a//b", "a/./b", "/a", "a/"})
    seeds.add("paths", std::string(1, '\0') + path);
}

// What this kernel says.
void recordings(Seeds& seeds) {
  for (const char* file : {"/proc/self/mountinfo", "/proc/self/cgroup", "/proc/version"}) {
    std::string text = contents(file);
    text = text.substr(0, 300);
    seeds.add("fields", " " + text);
    seeds.add("escape", text);
  }
  std::string name = "/tmp/sluice-seeds-XXXXXX";
  FUZZ_HOLDS(::mkdtemp(name.data()) != nullptr);
  const int directory = ::open(name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  const auto group = os::make_change_watch(::geteuid());
  if (group.ok() && os::watch_directory(group->get(), directory, os::Watched::kNamesAndFiles).ok()) {
    std::ofstream(name + "/file") << "x";
    fs::create_directory(name + "/directory");
    fs::rename(name + "/file", name + "/directory/other");
    fs::permissions(name, fs::perms::owner_all);
    uint8_t events[4096];
    if (const ssize_t length = ::read(group->get(), events, sizeof(events)); length > 0) {
      seeds.add("change_events", std::span(events, static_cast<size_t>(length)));
    }
  }
  ::close(directory);
  fs::remove_all(name);
  // Handles of the filesystems that we know, in an event as above.
  struct Handle {
    uint32_t bytes;
    int32_t type;
  };
  for (const Handle handle : {Handle{8, 1}, Handle{12, 1}, Handle{20, 0x4d}, Handle{12, 0x81},
                              Handle{16, 0xb1}, Handle{9, 0x81}}) {
    wire::Writer event;
    const std::string text("name\0\0\0\0", 8);
    const auto info = static_cast<uint16_t>(20 + handle.bytes + text.size());
    event.put(uint32_t{24u + info}), event.put(uint8_t{3}), event.put(uint8_t{0}),
        event.put(uint16_t{24});
    event.put(uint64_t{0x100}), event.put(int32_t{-1}), event.put(int32_t{0});
    event.put(uint8_t{2}), event.put(uint8_t{0}), event.put(info), event.put(uint64_t{0});
    event.put(handle);
    event.put_text(std::string(handle.bytes, 'h')), event.put_text(text);
    seeds.add("change_events", event.finish());
  }
  if (auto device = os::open_fuse_device(); device.ok()) {
    if (auto mount = os::make_fuse_mount(device->get(), {0, 0, false, true, "seeds"}); mount.ok()) {
      struct pollfd ready {
        device->get(), POLLIN, 0
      };
      uint8_t message[wire::kFuseBufferLeast];
      ssize_t length = 0;
      if (::poll(&ready, 1, 1000) == 1 &&
          (length = ::read(device->get(), message, sizeof(message))) > 0) {
        seeds.add("init", std::span(message, static_cast<size_t>(length)));
      }
    }
  }
}

// Where bytes are choices, many of them are what a target needs.
void choices(Seeds& seeds) {
  std::mt19937 random(20260101);
  for (const char* target : {"ledger", "view_table", "broker", "fuse_requests", "control_messages",
                             "bpf_programs", "bpf_policies", "paths", "client", "supervisor",
                             "foreign_broker", "changes", "mounts", "open_files", "left_table"}) {
    for (const size_t size : {16, 60, 200, 400, 800}) {
      Bytes bytes(size);
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
      seeds.add(target, bytes);
    }
  }
}

}  // namespace

int main(int count, char** words) {
  if (count != 3) {
    std::fprintf(stderr, "fuzz_seeds SOURCES DIRECTORY\n");
    return 2;
  }
  Seeds seeds(words[2]);
  messages(seeds);
  backing(seeds);
  texts(seeds, words[1]);
  recordings(seeds);
  choices(seeds);
  return 0;
}
