// sluiced: admits peers, makes views, supervises them.
//
//   sluiced --listen PATH [--mode MODE] [--preserve]
//   sluiced --peer FD [--listen PATH] [--preserve]     for one view, of a client already connected
#include <linux/capability.h>
#include <sys/prctl.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "core/escape.h"
#include "sandbox/confine.h"
#include "service/log.h"
#include "os/self.h"
#include "os/socket.h"
#include "service/service.h"

namespace sluice::service {
namespace {

constexpr char kUsage[] =
    "usage: sluiced --listen PATH [--mode OCTAL] [--preserve] [--quiet]\n"
    "       sluiced --peer FD [--listen PATH] [--mode OCTAL] [--preserve] [--quiet]\n"
    "  --listen PATH   serve clients that connect to the socket at PATH\n"
    "  --mode OCTAL    the socket's mode (default 0660)\n"
    "  --peer FD       serve the client connected at FD, and exit with its view\n"
    "  --quiet         log refusals and failures only\n"
    "  --preserve      let root ask for views that keep every owner (the preserve identity mode)\n";

int usage_error(std::string_view what) {
  std::fprintf(stderr, "sluiced: %s\n%s", std::string(what).c_str(), kUsage);
  return 2;
}

bool number(std::string_view text, int base, int* value) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), *value, base);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && *value >= 0;
}

int fail(const char* step, const core::Failure& why) {
  log(Level::kError, "cannot-start", {{"step", step}, {"reason", describe(why)}});
  return 1;
}

core::Outcome give_up_privilege(bool preserve) {
  // SYS_ADMIN: clone and make mounts, namespaces of the children. SETUID, SETGID, SETPCAP: give the
  // children their identity and no more. KILL: end children of other users. Only where the
  // administrator allowed preserve views, for their processes: DAC_OVERRIDE for the broker to open
  // every owner's files, and SETFCAP to map uid 0 into the worker's user namespace.
  std::vector<int> keep = {CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL};
  if (preserve) keep.insert(keep.end(), {CAP_DAC_OVERRIDE, CAP_SETFCAP});
  return sandbox::keep_capabilities_for_children(keep);
}

int run(int argc, char** argv) {
  std::string_view listen;
  int mode = 0660;
  int peer = -1;
  bool preserve = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const bool has_value = i + 1 < argc;
    if (argument == "--help") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if (argument == "--preserve") {
      preserve = true;
    } else if (argument == "--quiet") {
      log_no_more_than(Level::kNotice);
    } else if (argument == "--listen" && has_value) {
      listen = argv[++i];
    } else if (argument == "--mode" && has_value) {
      if (!number(argv[++i], 8, &mode) || mode > 0777) return usage_error("--mode wants an octal mode");
    } else if (argument == "--peer" && has_value) {
      if (!number(argv[++i], 10, &peer)) return usage_error("--peer wants a descriptor's number");
    } else {
      return usage_error(std::string("unknown or incomplete option ") + core::escaped(argument));
    }
  }
  if (listen.empty() && peer < 0) return usage_error("nothing to serve");

  os::ignore_broken_pipes();  // whoever reads the log may go
  if (auto done = os::become_undumpable(); !done.ok()) return fail("undumpable", done.failure());
  auto executables = open_executables();
  if (!executables.ok()) return fail("broker and worker beside sluiced", executables.failure());
  Options options;
  options.may_preserve = preserve;
  options.first_peer = os::Fd(peer);
  if (!listen.empty()) {
    auto listener = os::listen_at(listen, static_cast<uint32_t>(mode));
    if (!listener.ok()) return fail("listen", listener.failure());
    options.listener = *std::move(listener);
  }
  if (auto done = give_up_privilege(preserve); !done.ok()) return fail("capabilities", done.failure());
  auto service = Service::create(std::move(options), *std::move(executables));
  if (!service.ok()) return fail("start", service.failure());
  if (auto served = (*service)->run(); !served.ok()) return fail("serve", served.failure());
  if (!listen.empty()) os::remove_socket(listen);
  return 0;
}

}  // namespace
}  // namespace sluice::service

int main(int argc, char** argv) { return sluice::service::run(argc, argv); }
