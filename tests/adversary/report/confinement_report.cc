// confinement_report: what confines each process, by what the kernel says of live ones.
//
//   confinement_report [--json | --markdown | --check FILE]
//
// Starts a service with a read-only and a read-write view and the connection of another FUSE server, one
// with a view that keeps every owner, one with such a view that makes device nodes, one with a keeper, and a supervisor, looks at
// their processes, and ends them.
// --check: whether FILE has the table of --markdown between its two marks. As root.
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string_view>

#include "live_keeper.h"
#include "live_supervisor.h"
#include "live_views.h"
#include "process_facts.h"
#include "report_formats.h"

namespace sluice::adversary {
namespace {

constexpr std::string_view kBegin = "<!-- confinement_report --markdown -->\n";
constexpr std::string_view kEnd = "<!-- end -->\n";

int skip(const std::string& why) {
  const char* required = std::getenv("SLUICE_REQUIRE_ALL");
  std::fprintf(stderr, "*** SKIPPED: confinement_report: %s\n", why.c_str());
  return required != nullptr && std::string_view(required) == "1" ? 1 : 77;
}

std::string programs() {
  if (const char* named = std::getenv("SLUICE_BIN"); named != nullptr) return named;
  char self[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", self, sizeof(self));
  const std::string path(self, length < 0 ? 0 : static_cast<size_t>(length));
  return path.substr(0, path.rfind('/'));
}

// The table is fresh in FILE, or what is measured is printed.
int check(const char* file, const std::string& table) {
  std::ifstream stream(file);
  const std::string text(std::istreambuf_iterator<char>(stream), {});
  const size_t begin = text.find(kBegin);
  const size_t end = text.find(kEnd, begin);
  if (begin == std::string::npos || end == std::string::npos) {
    std::fprintf(stderr, "%s has no table between\n%s%.*s", file, kBegin.data(), int(kEnd.size()),
                 kEnd.data());
  } else if (text.substr(begin + kBegin.size(), end - begin - kBegin.size()) == table) {
    return 0;
  } else {
    std::fprintf(stderr, "%s says otherwise. Put there:\n", file);
  }
  std::fputs(table.c_str(), stderr);
  return 1;
}

int run(std::string_view format, const char* file) {
  if (::geteuid() != 0 || ::access("/dev/fuse", R_OK | W_OK) != 0)
    return skip("needs root and /dev/fuse");
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return skip("may not make a mount namespace");
  }
  ::alarm(30);  // whatever hangs ends with this process
  const LiveViews of_a_user(programs(), LiveViews::kOfAUser), of_every_owner(programs(), LiveViews::kPreserve),
      with_devices(programs(), LiveViews::kDeviceNodes);
  std::vector<LiveProcess> processes;
  for (const LiveViews* views : {&of_a_user, &of_every_owner, &with_devices}) {
    if (!views->problem().empty()) {
      std::fprintf(stderr, "confinement_report: %s\n", views->problem().c_str());
      return 1;
    }
    processes.insert(processes.end(), views->processes().begin(), views->processes().end());
  }
  const LiveSupervisor supervisor(programs());
  if (supervisor.pid() < 0) {
    std::fprintf(stderr, "confinement_report: the supervisor does not come up\n");
    return 1;
  }
  const LiveKeeper keeper(programs());
  if (keeper.pid() < 0) {
    std::fprintf(stderr, "confinement_report: the keeper does not come up\n");
    return 1;
  }
  processes.push_back({"sluice-keeper", keeper.pid()});
  processes.push_back({"sluice-supervisor", supervisor.pid()});
  std::vector<ProcessFacts> all;
  for (const LiveProcess& process : processes) {
    ProcessFacts facts;
    facts.name = process.name;
    if (const std::string problem = learn(process.pid, facts); !problem.empty()) {
      if (problem.rfind("PTRACE_SECCOMP_GET_FILTER", 0) == 0) {
        return skip(problem + " (a kernel without CONFIG_CHECKPOINT_RESTORE?)");
      }
      std::fprintf(stderr, "confinement_report: %s: %s\n", process.name.c_str(), problem.c_str());
      return 1;
    }
    all.push_back(std::move(facts));
  }
  if (format == "--check") return check(file, as_markdown(all));
  const std::string text = format == "--json"       ? as_json(all)
                           : format == "--markdown" ? as_markdown(all)
                                                    : as_text(all);
  std::fputs(text.c_str(), stdout);
  return 0;
}

}  // namespace
}  // namespace sluice::adversary

int main(int argc, char** argv) {
  const std::string_view format = argc > 1 ? argv[1] : "";
  const bool wants_file = format == "--check";
  const bool known = format.empty() || format == "--json" || format == "--markdown" || wants_file;
  if (!known || argc != (format.empty() ? 1 : wants_file ? 3 : 2)) {
    std::fprintf(stderr, "usage: confinement_report [--json | --markdown | --check FILE]\n");
    return 2;
  }
  return sluice::adversary::run(format, wants_file ? argv[2] : nullptr);
}
