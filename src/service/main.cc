// sluiced: admits peers, makes views, supervises them.
//
//   sluiced --listen PATH [--mode MODE] [--keep-views DIR] [--preserve]
//   sluiced --listen-fds [--store-views] [--idle-exit SECONDS] [--preserve]   started by a socket unit
//   sluiced --peer FD [--listen PATH] [--preserve]     for one view, of a client already connected
//
// Two processes: the maker keeps what making a view takes, and this one gives it up.
#include <linux/capability.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "core/connection_limits.h"
#include "core/escape.h"
#include "core/grafts.h"
#include "core/limits.h"
#include "core/protection_names.h"
#include "core/recovery_limits.h"
#include "core/reason_text.h"
#include "os/few_mounts.h"
#include "os/landlock.h"
#include "os/listener.h"
#include "os/self.h"
#include "os/service_self.h"
#include "sandbox/confine.h"
#include "sandbox/confine_children.h"
#include "service/activation.h"
#include "service/confinement.h"
#include "service/keeper.h"
#include "service/log.h"
#include "service/notifier.h"
#include "service/service.h"
#include "service/store.h"

namespace sluice::service {
namespace {

constexpr char kUsage[] =
    "usage: sluiced --listen PATH [--mode OCTAL] [--keep-views DIR] [--worker-idle SECONDS]\n"
    "               [--preserve [--device-nodes]] [--quiet | --audit] [--priorities]\n"
    "               [--allow-missing NAME]...\n"
    "       sluiced --listen-fds [--store-views | --keep-views DIR] [--idle-exit SECONDS]\n"
    "               [--worker-idle SECONDS] [--preserve [--device-nodes]] [--quiet | --audit]\n"
    "               [--priorities] [--allow-missing NAME]...\n"
    "       sluiced --peer FD [--listen PATH] [--mode OCTAL] [--worker-idle SECONDS]\n"
    "               [--preserve [--device-nodes]] [--quiet | --audit]\n"
    "  --listen PATH   serve clients that connect to the socket at PATH\n"
    "  --mode OCTAL    the socket's mode (default 0660)\n"
    "  --listen-fds    serve clients of the one socket that the service manager started this with\n"
    "  --store-views   leave views to the service manager when this ends, and take over those that\n"
    "                  the service before this one left\n"
    "  --keep-views DIR\n"
    "                  the same without a service manager: leave views to a process that stays,\n"
    "                  sluice-keeper, which listens in DIR\n"
    "  --idle-exit SECONDS\n"
    "                  end after so long without a view or a client; the socket unit starts it anew\n"
    "  --worker-idle SECONDS\n"
    "                  a view's worker that had no request for so long ends, and the next request\n"
    "                  starts another (default 60; 0: never)\n"
    "  --peer FD       serve the client connected at FD, and exit with its view\n"
    "  --quiet         log refusals and failures only\n"
    "  --audit         log every grant and every refusal\n"
    "  --priorities    begin each line of the log with its priority, as <N>\n"
    "  --preserve      let root ask for views that keep every owner (the preserve identity mode)\n"
    "  --device-nodes  and for such in which device nodes can be made\n"
    "  --allow-missing NAME\n"
    "                  start although the kernel lacks the protection NAME: landlock,\n"
    "                  landlock-devices or landlock-scope; may be repeated\n";

constexpr uint32_t kFilesLeast = 512;

int usage_error(std::string_view what) {
  std::fprintf(stderr, "sluiced: %s\n%s", std::string(what).c_str(), kUsage);
  return 2;
}

bool number(std::string_view text, int base, int* value) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), *value, base);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && *value >= 0;
}

int fail(const char* step, const core::Failure& why) {
  log(Level::kError, "cannot-start",
      {{"step", step}, {"reason", describe(why)}, {"try", std::string(core::reason_remedy(why.reason))}});
  return 1;
}

int fail_at_keeper(std::string_view directory, const core::Failure& why) {
  const std::string in = " in " + core::escaped(directory);
  return fail(((why.error == EBUSY ? "another service has the keeper" : "reach the keeper") + in).c_str(), why);
}

// What the maker keeps. SYS_ADMIN: clone and make mounts, namespaces of the children. SETUID, SETGID,
// SETPCAP: give the children their identity and no more. KILL: end children of other users that did
// not come up. Only where the administrator allowed preserve views, for their processes:
// DAC_OVERRIDE and FOWNER for the broker to open and rename every owner's files, and SETFCAP to map uid
// 0 into the worker's user namespace. MKNOD only where the administrator allowed device nodes as well, for the brokers
// of the views that are asked to make them.
core::Outcome give_up_most(bool preserve, bool device_nodes) {
  std::vector<int> keep = {CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL};
  // For os::few_mounts alone, which views can do without.
  if (os::may_go_to_mounts()) keep.push_back(CAP_SYS_CHROOT);
  if (preserve) keep.insert(keep.end(), {CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_SETFCAP});
  if (device_nodes) keep.push_back(CAP_MKNOD);
  return sandbox::keep_capabilities_for_children(keep);
}

// Without them views are made all the same, each of them the slower the more is mounted on the host.
os::Fd few_mounts(const Executables& executables) {
  if (!os::may_go_to_mounts()) return os::Fd();
  const int programs[] = {executables.broker.get(), executables.worker.get()};
  auto made = os::few_mounts(programs);
  if (made.ok()) return *std::move(made);
  log(Level::kNotice, "many-mounts", {{"reason", describe(made.failure())}});
  return os::Fd();
}

// Names what the kernel lacks. What is allowed to be missing is said too, each time.
bool may_start(uint32_t allowed_missing) {
  const uint32_t missing = os::landlock_missing();
  bool may = true;
  for (const core::Protection& protection : core::kProtections) {
    if ((missing & protection.bit) == 0) continue;
    const bool allowed = (allowed_missing & protection.bit) != 0;
    may = may && allowed;
    log(allowed ? Level::kWarning : Level::kError, core::reason_name(core::Reason::kProtectionMissing),
        {{"protection", std::string(protection.name)},
         {"without", std::string(protection.without)},
         {"allowed", allowed ? "yes" : "no; see --allow-missing"}});
  }
  return may;
}

int run(int argc, char** argv) {
  if (auto done = os::hold_standard_descriptors(); !done.ok()) return 1;  // nowhere to say it
  std::string_view listen;
  int mode = 0660;
  int peer = -1;
  bool listen_fds = false;
  bool store_views = false;
  std::string_view keeper_directory;  // empty: there is none
  int idle_seconds = 0;
  int worker_idle_seconds = core::RecoveryLimits::kWorkerIdleMilliseconds / 1000;
  bool preserve = false;
  bool device_nodes = false;
  bool audit = false;
  bool quiet = false;
  uint32_t allowed_missing = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const bool has_value = i + 1 < argc;
    if (argument == "--help") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if (argument == "--preserve") {
      preserve = true;
    } else if (argument == "--device-nodes") {
      device_nodes = true;
    } else if (argument == "--allow-missing" && has_value) {
      const uint32_t bit = core::protection_named(argv[++i]);
      if (bit == 0) return usage_error("--allow-missing wants the name of a protection");
      allowed_missing |= bit;
    } else if (argument == "--audit") {
      audit = true;
    } else if (argument == "--priorities") {
      log_with_priorities();
    } else if (argument == "--quiet") {
      quiet = true;
      log_no_more_than(Level::kNotice);
    } else if (argument == "--listen" && has_value) {
      listen = argv[++i];
    } else if (argument == "--listen-fds") {
      listen_fds = true;
    } else if (argument == "--store-views") {
      store_views = true;
    } else if (argument == "--keep-views" && has_value) {
      keeper_directory = argv[++i];
      if (keeper_directory.empty()) return usage_error("--keep-views wants a directory");
    } else if (argument == "--idle-exit" && has_value) {
      if (!number(argv[++i], 10, &idle_seconds) || idle_seconds == 0) {
        return usage_error("--idle-exit wants a number of seconds");
      }
    } else if (argument == "--worker-idle" && has_value) {
      if (!number(argv[++i], 10, &worker_idle_seconds)) return usage_error("--worker-idle wants a number of seconds");
    } else if (argument == "--mode" && has_value) {
      if (!number(argv[++i], 8, &mode) || mode > 0777) return usage_error("--mode wants an octal mode");
    } else if (argument == "--peer" && has_value) {
      if (!number(argv[++i], 10, &peer)) return usage_error("--peer wants a descriptor's number");
    } else {
      return usage_error(std::string("unknown or incomplete option ") + core::escaped(argument));
    }
  }
  if (listen.empty() && !listen_fds && peer < 0) return usage_error("nothing to serve");
  if (listen_fds && (!listen.empty() || peer >= 0)) {
    return usage_error("--listen-fds is all that is served: it goes with neither --listen nor --peer");
  }
  if (store_views && !listen_fds) return usage_error("--store-views needs --listen-fds: nobody else would have them");
  const bool keep_views = !keeper_directory.empty();
  if (store_views && keep_views) return usage_error("--store-views and --keep-views: views are left to one of them");
  if (keep_views && peer >= 0) return usage_error("--keep-views is not for a private service: its view ends with it");
  if (idle_seconds > 0 && !listen_fds) {
    return usage_error("--idle-exit needs --listen-fds: nobody else would start the service again");
  }

  if (device_nodes && !preserve) return usage_error("--device-nodes needs --preserve: no other view makes any");
  if (audit && quiet) return usage_error("--audit and --quiet contradict each other");

  os::keep_children();
  if (auto done = os::raise_file_limit(); !done.ok()) return fail("file limit", done.failure());
  // Fewer do not suffice for one view: its processes are given their descriptors above 64.
  if (os::most_files() < kFilesLeast) {
    return fail("at least 512 open files (ulimit -n)", {EMFILE, core::Reason::kSystem});
  }
  os::ignore_broken_pipes();  // whoever reads the log may go
  os::close_others(listen_fds ? kFirstGivenFd : peer, listen_fds ? std::max(given_count(), 1) : 1);
  if (auto done = os::become_undumpable(); !done.ok()) return fail("undumpable", done.failure());
  log_to_journal();
  if (!may_start(allowed_missing)) return 1;
  auto executables = open_executables(keep_views);
  if (!executables.ok()) return fail("broker and worker beside sluiced", executables.failure());
  executables->few_mounts = few_mounts(*executables);  // before anybody can connect, and finds two processes of this name
  os::Listener listener;
  Given given;
  if (listen_fds) {
    given = given_listener(store_views);
    if (!given.socket) return fail(given.wrong.c_str(), {0, core::Reason::kListenFds});
    listener.socket = std::move(given.socket);
  }
  if (!listen.empty()) {
    auto made = os::listen_at(listen, static_cast<uint32_t>(mode));
    if (!made.ok()) return fail("listen", made.failure());
    listener = *std::move(made);
  }
  // A private service's manager is the command.
  Notifier notifier = peer < 0 ? Notifier::from_environment() : Notifier();
  if (store_views && !notifier) return fail("NOTIFY_SOCKET is not set", {0, core::Reason::kListenFds});
  if (auto done = give_up_most(preserve, device_nodes); !done.ok()) return fail("capabilities", done.failure());
  KeeperLink keeper;
  if (keep_views) {
    auto reached = reach_keeper(keeper_directory, executables->keeper.get());
    if (!reached.ok()) return fail_at_keeper(keeper_directory, reached.failure());
    // Views of a service with --store-views: closed here they would go on with nobody to watch over them.
    if (!given.stored.empty()) return fail("the service manager has views: stop the service, which ends them, and start it", {0, core::Reason::kListenFds});
    keeper = *std::move(reached);
    given.stored = std::move(keeper.stored);
  }
  executables->keeper.reset();
  // Signals before the maker, which inherits that it gets none: it ends when this process does.
  auto signals = os::service_signals();
  if (!signals.ok()) return fail("signals", signals.failure());
  auto poller = os::Poller::create();
  if (!poller.ok()) return fail("poller", poller.failure());
  // Brokers and workers are made by set-up processes that exit; then they are ours.
  if (auto done = os::become_reaper(); !done.ok()) return fail("reaper", done.failure());
  auto maker = Maker::start(*executables, {preserve, device_nodes, audit, allowed_missing});
  if (!maker.ok()) return fail("maker", maker.failure());
  Options options;
  const bool stores = store_views || keep_views;
  options.found = look_at_stored(std::move(given.stored), stores ? Programs{executables->worker.get(), executables->broker.get()}
                                                                 : Programs{-1, -1});
  executables->few_mounts.reset();
  executables->broker.reset();
  executables->foreign_broker.reset();
  executables->worker.reset();
  options.listener = std::move(listener.socket);
  options.first_peer = os::Fd(peer);
  options.audit = audit;
  options.started = static_cast<int64_t>(::time(nullptr));
  options.pid = ::getpid();
  options.notifier = std::move(notifier);
  options.stores = stores;
  if (keep_views) options.keeper = Notifier::of_keeper(std::move(keeper.socket));
  options.idle_milliseconds = int64_t{idle_seconds} * 1000;
  options.worker_idle_milliseconds = int64_t{worker_idle_seconds} * 1000;
  // Up to two descriptors a grant, and as many again for operations under way.
  options.grants_per_view = std::clamp(os::most_files() / 3, 1u, core::Limits::kGrantsPerView);
  // Ten descriptors a view, of which nine are in its record, four a connection of another server, one more of each while they
  // are taken over, and three for each peer that is being served.
  // Where that is more than there are, both have fewer, connections no less than a quarter: neither takes what the other needs.
  using Connections = core::ConnectionLimits;
  const uint64_t left = os::most_files() - kFilesLeast / 16 - 3 * core::Limits::kSetupsPerHost;
  options.connections = static_cast<uint32_t>(std::clamp<uint64_t>(left / 4 / 5, 1, Connections::kPerHost));
  options.views = static_cast<uint32_t>(std::clamp<uint64_t>((left - 5 * options.connections) / 11, 1, core::Limits::kViewsPerHost));
  const int directory = listener.directory ? listener.directory.get() : -1;
  if (auto done = confine(directory, allowed_missing); !done.ok()) {
    return fail("confinement", done.failure());
  }
  Service service(std::move(options), *std::move(maker), *std::move(poller), *std::move(signals));
  const auto served = service.run();
  if (listener.directory) listener.remove();
  if (!served.ok()) return fail("serve", served.failure());
  return 0;
}

}  // namespace
}  // namespace sluice::service

int main(int argc, char** argv) {
  const int status = sluice::service::run(argc, argv);
  std::fflush(stdout);
  ::_exit(status);  // what a library would still do at exit, the policy may not allow
}
