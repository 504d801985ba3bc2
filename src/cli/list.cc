#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>

#include <cinttypes>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/metrics.h"
#include "cli/open_files.h"
#include "cli/output.h"
#include "core/connection_limits.h"
#include "core/escape.h"
#include "core/limits.h"
#include "core/protection_names.h"
#include "core/reason_text.h"
#include "wire/fuse_names.h"
#include "wire/totals.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

std::string age(int64_t started) {
  const int64_t seconds = std::max<int64_t>(0, ::time(nullptr) - started);
  if (seconds < 120) return absl::StrCat(seconds, "s");
  if (seconds < 7200) return absl::StrCat(seconds / 60, "m");
  if (seconds < 172800) return absl::StrCat(seconds / 3600, "h");
  return absl::StrCat(seconds / 86400, "d");
}

// What the kernel says of a process, for people to check what SECURITY.md promises.
json process(const char* role, int pid) {
  json out{{"process", role}, {"pid", pid}};
  std::ifstream file(absl::StrCat("/proc/", pid, "/status"));
  std::string line;
  while (std::getline(file, line)) {
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(":\t", 1));
    if (parts.size() != 2) continue;
    if (parts[0] == "Uid") {
      const std::vector<std::string> ids = absl::StrSplit(parts[1], '\t');
      if (ids.size() > 1) out["uid"] = std::atoi(ids[1].c_str());
    }
    if (parts[0] == "CapPrm") out["capabilities"] = parts[1];
    if (parts[0] == "Seccomp") out["seccomp"] = parts[1] == "2" ? "filter" : parts[1] == "0" ? "off" : parts[1];
    if (parts[0] == "NoNewPrivs") out["no_new_privs"] = parts[1] == "1";
    if (parts[0] == "VmRSS") out["resident_kib"] = std::atoi(parts[1].c_str());
    if (parts[0] == "Threads") out["threads"] = std::atoi(parts[1].c_str());
  }
  return out;
}

// What there is of a connection of another FUSE server: it has no source, no rules and no worker that counts.
json connection_summary(const wire::ViewInfo& info) {
  return {{"name", info.name},
          {"foreign", true},
          {"connection", info.connection},
          {"target", core::escaped(info.target)},
          {"identity", info.uid},
          {"owner", info.owner},
          {"started", info.started},
          {"granted", info.granted},
          {"most_grants", info.most_grants}};
}

json summary(const ListedView& view) {
  const wire::ViewInfo& info = view.info;
  if (info.foreign) return connection_summary(info);
  return {{"name", info.name},
          {"foreign", false},
          {"source", core::escaped(info.source)},
          {"target", core::escaped(info.target)},
          {"access", info.read_only ? "ro" : "rw"},
          {"identity", info.preserve ? json("preserve") : json(info.uid)},
          {"device_nodes", info.device_nodes},
          {"owner", info.owner},
          {"rules", info.rules},
          {"coherence_ms", info.coherence_milliseconds},
          {"started", info.started},
          {"resting", info.resting},
          {"nodes", info.nodes},
          {"grants", info.grants},
          {"most_grants", info.most_grants}};
}

json details(const ListedView& view) {
  const wire::ViewInfo& info = view.info;
  json out = summary(view);
  out["socket"] = core::escaped(view.socket);
  out["missing"] = json::array();
  for (const core::Protection& protection : core::kProtections) {
    if ((info.missing & protection.bit) != 0) out["missing"].push_back(protection.name);
  }
  // Not in braces alone, which for one element mean a list to g++ and the element itself to clang.
  out["processes"] = json::array();
  if (info.broker_pid != 0) out["processes"].push_back(process("broker", info.broker_pid));
  if (info.foreign) {
    out["refused"] = json::object();
    for (size_t i = 1; i < wire::kReasons; ++i) {
      if (info.refused[i] != 0) out["refused"][core::reason_name(static_cast<core::Reason>(i))] = info.refused[i];
    }
    return out;
  }
  if (info.worker_pid != 0) out["processes"].push_back(process("worker", info.worker_pid));
  json requests = json::object();
  for (size_t i = 0; i < wire::Counters::kOpcodes; ++i) {
    if (info.requests[i] != 0) requests[std::string(wire::opcode_name(i))] = info.requests[i];
  }
  out["requests"] = requests;
  // Said even where there were none: this is what the project is about.
  out["requests"]["READ"] = info.requests[wire::kOpcodeRead];
  out["requests"]["WRITE"] = info.requests[wire::kOpcodeWrite];
  out["grants_asked"] = info.grants_asked;
  out["grants_kept"] = info.grants_kept;
  return out;
}

json limits() {
  using core::ConnectionLimits;
  using core::Limits;
  return {{"views_per_host", Limits::kViewsPerHost},
          {"views_per_user", Limits::kViewsPerUser},
          {"setups_per_host", Limits::kSetupsPerHost},
          {"setups_per_user", Limits::kSetupsPerUser},
          {"setup_seconds", Limits::kSetupSeconds},
          {"grants_per_view", Limits::kGrantsPerView},
          {"grants_per_user", Limits::kGrantsPerUser},
          {"idle_grants", Limits::kIdleGrants},
          {"idle_grant_milliseconds", Limits::kIdleGrantMilliseconds},
          {"open_directories", Limits::kOpenDirectories},
          {"background_requests", Limits::kBackgroundRequests},
          {"log_lines_per_second", Limits::kLogLinesPerSecond},
          {"log_lines_of_service_per_second", Limits::kLogLinesOfServicePerSecond},
          {"request_timeout_seconds", Limits::kRequestTimeoutSeconds},
          {"connections_per_host", ConnectionLimits::kPerHost},
          {"connections_per_user", ConnectionLimits::kPerUser},
          {"connections_grants", ConnectionLimits::kGrants},
          {"connections_grants_per_user", ConnectionLimits::kGrantsPerUser},
          {"connections_grants_least", ConnectionLimits::kGrantsLeast}};
}

void print_details(const ListedView& view) {
  const json all = details(view);
  const bool foreign = view.info.foreign;
  std::printf("%s%s\n", view.info.name.c_str(), foreign ? " (connection of another FUSE server)" : "");
  for (const char* key : {"source", "target", "access", "identity", "device_nodes", "rules", "coherence_ms", "nodes",
                          "grants", "most_grants", "grants_asked", "grants_kept", "connection", "granted"}) {
    if (!all.contains(key)) continue;  // a view has some, a connection others
    const json& value = all[key];
    std::printf("  %-14s %s\n", key,
                value.is_string() ? value.get<std::string>().c_str() : value.dump().c_str());
  }
  for (const json& one : all["processes"]) {
    std::printf("  %-14s pid %d, uid %d, capabilities %s, seccomp %s, no_new_privs %s, %d KiB\n",
                one["process"].get<std::string>().c_str(), one.value("pid", 0), one.value("uid", -1),
                one.value("capabilities", "?").c_str(), one.value("seccomp", "?").c_str(),
                one.value("no_new_privs", false) ? "yes" : "no", one.value("resident_kib", 0));
  }
  if (view.info.broker_pid == 0) std::printf("  %-14s none yet: the first request starts it\n", "broker");
  if (view.info.resting) std::printf("  %-14s resting: the next request starts it\n", "worker");
  for (const json& name : all["missing"]) {
    std::printf("  %-14s %s\n", "missing", name.get<std::string>().c_str());
  }
  const char* counted = foreign ? "refused" : "requests";
  std::printf("  %-14s", counted);
  for (const auto& [name, count] : all[counted].items()) {
    std::printf(" %s=%" PRIu64, name.c_str(), count.get<uint64_t>());
  }
  std::printf("\n");
}

uint64_t resident_bytes(int pid) {
  const json of = process("", pid);
  return of.value("resident_kib", uint64_t{0}) * 1024;
}

int print_metrics(const std::string& socket, const std::vector<ListedView>& views) {
  std::set<std::string> sockets = {socket};
  for (const ListedView& view : views) sockets.insert(view.socket);
  std::vector<ServiceNumbers> services;
  std::map<int, uint64_t> memory;
  const auto look_at = [&memory](int64_t pid) {
    const uint64_t bytes = resident_bytes(static_cast<int>(pid));
    if (bytes != 0) memory[static_cast<int>(pid)] = bytes;
  };
  for (const std::string& each : sockets) {
    const auto totals = totals_of(each);
    if (totals.ok()) {
      services.push_back({each, *totals});
      look_at(totals->service_pid);
      look_at(totals->maker_pid);
    } else if (absl::IsPermissionDenied(totals.status())) {
      services.push_back({each, std::nullopt});
    }
  }
  for (const ListedView& view : views) {
    look_at(view.info.broker_pid);
    if (!view.info.foreign) look_at(view.info.worker_pid);
  }
  std::fputs(metrics_text(services, views, memory).c_str(), stdout);
  return kExitOk;
}

json open_json(const ListedView& view, const OpenFiles& open) {
  return {{"name", view.info.name}, {"foreign", view.info.foreign}, {"target", core::escaped(view.info.target)},
          {"complete", open.complete}, {"files", files_json(open)}};
}

void print_open(const char* indent, const OpenFile& file) {
  const std::string holders = holders_text(file);
  std::printf("%s%-2s %-8s %s  %s\n", indent, file.write ? "rw" : "ro", file.granted ? "granted" : "-",
              core::escaped(file.path).c_str(), holders.empty() ? "-" : holders.c_str());
}

int print_open_files(const ListOptions& options, const std::vector<ListedView>& views) {
  const std::vector<OpenFiles> open = open_files(views);
  json all = json::array();
  bool complete = true;
  for (size_t i = 0; i < views.size(); ++i) {
    complete = complete && open[i].complete;
    if (options.json) {
      all.push_back(open_json(views[i], open[i]));
      continue;
    }
    if (options.by_mount) {
      std::printf("%s (%s)\n", core::escaped(views[i].info.target).c_str(), views[i].info.name.c_str());
    }
    const std::string indent = options.by_mount ? "  " : absl::StrFormat("%-16s ", views[i].info.name);
    for (const OpenFile& file : open[i].files) print_open(indent.c_str(), file);
  }
  if (options.json) std::printf("%s\n", all.dump(2).c_str());
  if (!complete && !options.json) {
    std::fprintf(stderr, "sluice: only files that your own processes have open; root sees what brokers hold\n");
  }
  return kExitOk;
}

}  // namespace

int ls_command(const ListOptions& options) {
  auto views = list_views(service_socket(options.socket));
  if (!views.ok()) return report(views.status());
  if (options.open) return print_open_files(options, *views);
  if (options.json) {
    json out = json::array();
    for (const ListedView& view : *views) out.push_back(summary(view));
    std::printf("%s\n", out.dump(2).c_str());
    return kExitOk;
  }
  std::printf("%-16s %-7s %-12s %6s %6s %5s  %s -> %s\n", "NAME", "ACCESS", "IDENTITY", "NODES",
              "GRANTS", "AGE", "SOURCE", "TARGET");
  for (const ListedView& view : *views) {
    const wire::ViewInfo& info = view.info;
    if (info.foreign) {
      std::printf("%-16s %-7s %-12s %6s %6s %5s  (another FUSE server) -> %s\n", info.name.c_str(), "foreign",
                  user_name(info.uid).c_str(), "-", "-", age(info.started).c_str(),
                  core::escaped(info.target).c_str());
      continue;
    }
    std::printf("%-16s %-7s %-12s %6" PRIu64 " %6" PRIu64 " %5s  %s -> %s%s\n", info.name.c_str(),
                info.read_only ? "ro" : "rw",
                info.preserve ? "preserve" : user_name(info.uid).c_str(), info.nodes, info.grants,
                age(info.started).c_str(), core::escaped(info.source).c_str(),
                core::escaped(info.target).c_str(), info.resting ? "  (resting)" : "");
  }
  return kExitOk;
}

int status_command(const ListOptions& options) {
  auto views = list_views(service_socket(options.socket));
  if (!views.ok()) return report(views.status());
  if (options.metrics) return print_metrics(service_socket(options.socket), *views);
  json out = json::array();
  bool found = false;
  for (const ListedView& view : *views) {
    if (!options.name.empty() && view.info.name != options.name) continue;
    found = true;
    if (options.json) {
      out.push_back(details(view));
    } else {
      print_details(view);
    }
  }
  if (!found && !options.name.empty()) {
    return report(problem(absl::StatusCode::kNotFound,
                          absl::StrCat("no view \"", core::escaped(options.name), "\""),
                          "see sluice ls"));
  }
  const json all{{"views", out}, {"limits", limits()}};
  if (options.json) {
    std::printf("%s\n", all.dump(2).c_str());
  } else if (options.name.empty()) {
    std::printf("limits\n");
    const json table = limits();
    for (const auto& [name, value] : table.items()) {
      std::printf("  %-30s %s\n", name.c_str(), value.dump().c_str());
    }
  }
  return kExitOk;
}

}  // namespace sluice::cli
