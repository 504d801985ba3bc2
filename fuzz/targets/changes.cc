// Records of a fanotify group to the worker's own code, on a real tree: of directories that are
// watched and of others, of names that are there, that are hidden, and that never were, lost ones,
// and bytes that are no records. The kernel is told of no name that a rule hides, and of every
// change that it may be told of: by the name, or by all names at once.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <set>

#include "fuzz/blank_table.h"
#include "fuzz/scratch.h"
#include "fuzz/target.h"
#include "fuzz/trees.h"
#include "os/change_watch.h"
#include "os/channel.h"
#include "os/socket.h"
#include "wire/change_event.h"
#include "wire/fuse.h"
#include "wire/writer.h"
#include "worker/worker.h"

using namespace sluice;

namespace {

constexpr size_t kMostSteps = 24;

int g_marks_left = 0;  // that the user may have

// What the worker tells the kernel to forget, in the place of its thread.
struct Told {
  std::set<std::pair<uint64_t, std::string>> names;
  bool all = false;
  bool has_room = true;
};
Told* g_told = nullptr;

wire::ViewConfig config_of(fuzz::Choices& choices) {
  wire::ViewConfig config;
  config.coherence_milliseconds = 10'000;
  config.rules = choices.byte() % 8 == 7 ? core::Rules() : fuzz::tree_rules();
  return config;
}

class View {
 public:
  explicit View(fuzz::Choices& choices)
      : choices_(choices),
        config_(config_of(choices)),
        hides_(!config_.rules.empty()),
        legacy_(left_.bytes(), nullptr),
        table_(*worker::Table::create(tree_.root(), {}, watches_, legacy_, nullptr)),
        link_(channel_.first.get()),
        files_(*table_, false, core::Limits::kGrantsLeast, link_, link_, counters_),
        names_(*table_, link_),
        rules_(*table_, config_.rules, nullptr),
        data_(channel_.second.get()),
        forgetter_(device_.second.get()),
        listings_(legacy_, {}),
        worker_{config_,
                *table_,
                rules_,
                files_,
                listings_,
                names_,
                data_,
                watches_,
                forgetter_,
                counters_,
                device_.second.get(),
                channel_.second.get(),
                {}} {
    const int room = 4 << 20;
    ::setsockopt(device_.second.get(), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
    ::fcntl(device_.second.get(), F_SETFL, O_NONBLOCK);
    ::fcntl(group_.second.get(), F_SETFL, O_NONBLOCK);
    FUZZ_HOLDS(::link("/tree/a", "/tree/dir/second") == 0);
    g_marks_left = choices.byte() % 4 == 3 ? 1 : 100;
    const int roots[] = {tree_.root()};
    watches_.start(group_.second.get(), roots,
                   choices.flag() ? os::Watched::kNames : os::Watched::kNamesAndFiles);
    g_told = &told_;
  }

  void run() {
    for (size_t count = 0; choices_.more() && count < kMostSteps; ++count) {
      const uint8_t step = choices_.byte();
      if (step % 4 == 0) {
        look_up(choices_.one_of(kPaths));
      } else if (step % 32 == 31) {
        worker_.root_told();
        (void)worker_.milliseconds_to_changes();
      } else if (step % 32 == 30) {
        forget();
      } else if (step % 32 == 29) {
        // As after another worker.
        worker_.go_on();
        worker_.forget_old_attributes();
        notices();
      } else {
        turn();
      }
    }
  }

 private:
  static constexpr std::string_view kPaths[] = {"a",          "dir",    "dir/c", "dir/sub",
                                                "dir/sub/d",  "keys",   ".env",  "few",
                                                "dir/second", "denied", "up"};
  static constexpr std::string_view kNames[] = {"a",    "c",   "sub",    "dir", ".env", "x.key",
                                                "keys", "new", "second", ".",   "",     "one"};

  // By one who uses the view: what it leads to is known, and watched.
  void look_up(std::string_view path) {
    worker::Node* node = table_->root();
    (void)table_->directory(node);
    while (node != nullptr && !path.empty()) {
      const size_t end = std::min(path.find('/'), path.size());
      os::Stat stat;
      const auto found = worker_.look_up(node, path.substr(0, end), &stat);
      path.remove_prefix(std::min(end + 1, path.size()));
      if (!found.ok()) return;
      node = *found;
      table_->count_lookup(node);
      // As the worker's operations do, which look into nothing that a rule denies.
      if (node->is_directory() && rules_.may(node, core::Operation::kEnter).ok())
        (void)table_->directory(node);
      ++known_[node->id];
    }
  }

  // The kernel forgets a node: what was watched for it alone is not any more.
  void forget() {
    if (known_.empty()) return;
    const auto one =
        std::next(known_.begin(), choices_.byte() % static_cast<ptrdiff_t>(known_.size()));
    table_->forget(table_->get(one->first), one->second);
    known_.erase(one);
  }

  // One read of the group.
  void turn() {
    wire::Writer records;
    std::set<std::pair<uint64_t, std::string>> due;
    bool whole = true;
    for (uint32_t count = 1 + choices_.below(6); count > 0; --count) {
      if (choices_.byte() % 16 == 15) {
        const std::string_view text = choices_.text(60);
        records.put_text(text);
        whole = text.empty() || text.size() >= 24;  // as long as a record, it may be one
        break;
      }
      record(records, due);
    }
    const auto bytes = records.finish();
    if (bytes.empty()) return;
    FUZZ_HOLDS(os::write_message(group_.first.get(), bytes).ok());
    told_ = {};
    told_.has_room = choices_.byte() % 16 != 15;
    worker_.take_changes();
    notices();
    for (const auto& [directory, name] : told_.names) {
      if (hides_) FUZZ_HOLDS(name != ".env" && !name.ends_with(".key"));
      FUZZ_HOLDS(!name.empty() && name.find('\0') == std::string::npos);
    }
    if (told_.all) return;
    FUZZ_HOLDS(whole);  // or it is not known what has changed
    for (const auto& each : due) FUZZ_HOLDS(told_.names.count(each) == 1);
  }

  void record(wire::Writer& records, std::set<std::pair<uint64_t, std::string>>& due) {
    uint64_t inode = choices_.byte() % 8 == 7 ? choices_.number() : 0, directory = 0;
    if (inode == 0) {
      const std::string path = "/tree/" + std::string(choices_.one_of(kPaths));
      inode = fuzz::inode_of(choices_.byte() % 4 == 0 ? "/tree" : path);
    }
    for (const uint64_t id : watches_.nodes_of(inode)) directory = id;
    const std::string name(choices_.byte() % 8 == 7 ? choices_.text(40) : choices_.one_of(kNames));
    const size_t zero = name.find('\0');
    const std::string shown = name.substr(0, zero);
    static constexpr uint64_t kMasks[] = {0x100, 0x200, 0x40, 0x80, 0x4, 0x2, 0x4000};
    uint64_t mask = choices_.one_of(kMasks);
    if (choices_.byte() % 4 == 3) mask |= wire::kChangedDirectory;
    if (choices_.byte() % 8 == 7) mask = choices_.number();
    const bool own = choices_.byte() % 8 == 7;
    const bool lies = choices_.byte() % 16 == 15;  // about a length
    const auto info = static_cast<uint16_t>(20 + 12 + name.size() + 1);
    records.put(uint32_t{24u + info}), records.put(uint8_t{3}), records.put(uint8_t{0}),
        records.put(uint16_t{24});
    records.put(mask), records.put(int32_t{-1}), records.put(int32_t{own ? 5 : 0});
    records.put(uint8_t{2}), records.put(uint8_t{0}),
        records.put(static_cast<uint16_t>(info + (lies ? 1 : 0)));
    records.put(uint64_t{0}), records.put(uint32_t{12}), records.put(int32_t{0x81});
    records.put(inode), records.put(uint32_t{1});
    records.put_text(name), records.put(uint8_t{0});
    if (own || (mask & wire::kChangesLost) != 0 || lies || directory == 0 || shown.empty() ||
        shown == ".")
      return;
    const worker::Node* node = table_->get(directory);
    if (node == nullptr) return;
    if (worker_.may_tell(node, shown, (mask & wire::kChangedDirectory) != 0))
      due.insert({directory, shown});
  }

  void notices() {
    uint8_t notice[512];
    ssize_t length;
    while ((length = ::recv(device_.first.get(), notice, sizeof(notice), MSG_DONTWAIT)) > 0) {
      wire::FuseOutHeader header;
      FUZZ_HOLDS(length >= static_cast<ssize_t>(sizeof(header)));
      std::memcpy(&header, notice, sizeof(header));
      FUZZ_HOLDS(header.len == length && header.unique == 0);
      if (header.error == wire::kNotifyResend) continue;
      if (header.error == wire::kNotifyIncEpoch) {
        told_.all = true;
        continue;
      }
      wire::FuseNotifyInvalInode what;
      FUZZ_HOLDS(header.error == wire::kNotifyInvalInode &&
                 length == sizeof(header) + sizeof(what));
      std::memcpy(&what, notice + sizeof(header), sizeof(what));
      FUZZ_HOLDS(table_->get(what.ino) != nullptr);
      FUZZ_HOLDS(!hides_ || !tree_.is_secret(table_->get(what.ino)->key.ino));
    }
  }

  fuzz::Choices& choices_;
  fuzz::HostileTree tree_;
  const wire::ViewConfig config_;
  const bool hides_;
  std::pair<os::Fd, os::Fd> device_ = *os::socket_pair(), group_ = *os::socket_pair(),
                            channel_ = *os::socket_pair();
  Told told_;
  worker::Watches watches_;
  fuzz::BlankTable left_;
  worker::Legacy legacy_;
  std::unique_ptr<worker::Table> table_;
  worker::BrokerLink link_;
  wire::Counters counters_{};
  worker::OpenFiles files_;
  worker::Names names_;
  worker::ViewRules rules_;
  worker::DataThread data_;
  worker::Forgetter forgetter_;
  worker::Listings listings_;
  worker::Worker worker_;
  std::map<uint64_t, uint64_t> known_;  // to the kernel: nodes, and how often it was told of them
};

}  // namespace

namespace sluice::worker {
void Forgetter::forget_listings(std::vector<uint64_t>) {}
bool Forgetter::forget(uint64_t directory, std::string_view name) {
  if (!g_told->has_room) return false;
  g_told->names.insert({directory, std::string(name)});
  return true;
}
}  // namespace sluice::worker

// Of the kernel's groups: marks, and handles of files.
namespace sluice::os {
core::Outcome watch_directory(int, int, Watched) {
  if (g_marks_left-- <= 0) return core::Failure{ENOSPC, core::Reason::kSystem};
  return core::Done{};
}
core::Outcome unwatch_directory(int, int, Watched) { return core::Done{}; }
core::Result<FileHandle> handle_of(int fd) {
  struct stat stat;
  FUZZ_HOLDS(::fstat(fd, &stat) == 0);
  FileHandle handle{0x81, std::vector<uint8_t>(12)};
  std::memcpy(handle.bytes.data(), &stat.st_ino, sizeof(stat.st_ino));
  return handle;
}
}  // namespace sluice::os

// The broker of one input ends with it, whatever is under way.
void worker::without_broker() {}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Scratch* scratch = fuzz::Scratch::get();
  if (scratch == nullptr) return 0;
  scratch->run([&] {
    fuzz::Choices choices(data, size);
    View(choices).run();
  });
  return 0;
}
