#include "report_formats.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/limits.h"
#include "live_supervisor.h"
#include "live_views.h"

namespace sluice::adversary {
namespace {

template <typename Words>
std::string joined(const Words& words, const char* none) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text.empty() ? none : text;
}

std::string descriptors_of(const ProcessFacts& process) {
  std::vector<std::string> words;
  for (const auto& [kind, count] : process.descriptors)
    words.push_back(std::to_string(count) + " " + kind);
  return joined(words, "none");
}

std::string who(uint32_t uid, const ProcessFacts& process) {
  using core::Limits;
  if (uid == kReportedUser) return process.name == "sluice-foreign-broker" ? "the server's user" : "the view's user";
  if (uid == kReportedServer) return "the server's user";
  if (uid >= Limits::kFirstPrivateUid && uid < Limits::kFirstPrivateUid + Limits::kPrivateUids) {
    return "nobody's";
  }
  if (uid == Limits::kFirstPrivateUid + Limits::kPrivateUids) return "nobody's";
  return std::to_string(uid);
}

std::string uids_of(const ProcessFacts& process) {
  if (process.real == process.effective && process.saved == process.real) return who(process.real, process);
  return who(process.effective, process) + "; real and saved: " + who(process.real, process) +
         (process.saved == process.real ? "" : ", " + who(process.saved, process));
}

std::string capabilities_of(const ProcessFacts& process) {
  const auto& spaces = process.namespaces;
  const bool there = std::find(spaces.begin(), spaces.end(), "user") != spaces.end();
  return joined(process.capabilities, "none") + (there ? " in its user namespace" : "");
}

std::string calls_of(const FilterFacts& filter) {
  return std::to_string(filter.allowed.size()) + ", and " + std::to_string(filter.foreign) +
         " of x32 and i386";
}

std::string conditions_of(const FilterFacts& filter) {
  const int percent =
      filter.with_arguments == 0 ? 100 : 100 * filter.with_conditions / filter.with_arguments;
  return std::to_string(filter.with_conditions) + " of " + std::to_string(filter.with_arguments) +
         " (" + std::to_string(percent) + " %)";
}

}  // namespace

std::string as_text(const std::vector<ProcessFacts>& processes) {
  std::ostringstream out;
  for (const ProcessFacts& process : processes) {
    out << process.name << ", process " << process.pid << ", " << process.threads << " threads\n"
        << "  uids          real " << process.real << ", effective " << process.effective
        << ", saved " << process.saved << ", of files " << process.file_system << '\n'
        << "  capabilities  " << joined(process.capabilities, "none")
        << (process.other_capabilities ? "; and some that are not both permitted and effective"
                                       : "")
        << "; bounding set of " << process.bounding << '\n'
        << "  new privileges by exec: " << (process.no_new_privileges ? "no" : "yes") << '\n'
        << "  namespaces    of its own: " << joined(process.namespaces, "none") << '\n'
        << "  descriptors   " << descriptors_of(process) << '\n'
        << "  filters       " << process.filters.size() << '\n';
    for (const FilterFacts& filter : process.filters) {
      out << "    "
          << (filter.policy.empty() ? "no policy of the release" : filter.policy + ".policy")
          << ", " << filter.instructions << " instructions\n"
          << "    calls       " << calls_of(filter) << "; with conditions on arguments "
          << conditions_of(filter) << "\n    " << joined(filter.allowed, "none") << '\n';
    }
  }
  out << "Landlock: the kernel does not show a process's domain; see adversary.TakenOverWorker and "
         "tests/kernel\n";
  return out.str();
}

std::string as_json(const std::vector<ProcessFacts>& processes) {
  auto all = nlohmann::json::array();
  for (const ProcessFacts& process : processes) {
    auto filters = nlohmann::json::array();
    for (const FilterFacts& filter : process.filters) {
      filters.push_back({{"policy", filter.policy},
                         {"instructions", filter.instructions},
                         {"calls", filter.allowed},
                         {"calls_with_arguments", filter.with_arguments},
                         {"calls_with_conditions", filter.with_conditions},
                         {"foreign_calls", filter.foreign}});
    }
    all.push_back({{"process", process.name},
                   {"pid", process.pid},
                   {"threads", process.threads},
                   {"uid",
                    {{"real", process.real},
                     {"effective", process.effective},
                     {"saved", process.saved},
                     {"fs", process.file_system}}},
                   {"capabilities", process.capabilities},
                   {"other_capabilities", process.other_capabilities},
                   {"bounding_set", process.bounding},
                   {"no_new_privs", process.no_new_privileges},
                   {"own_namespaces", process.namespaces},
                   {"descriptors", process.descriptors},
                   {"landlock", nullptr},  // the kernel does not show it
                   {"filters", filters}});
  }
  return nlohmann::json{{"processes", all}}.dump(2) + "\n";
}

std::string as_markdown(const std::vector<ProcessFacts>& processes) {
  std::ostringstream out;
  out << "| process | uid | capabilities | system calls | of those with arguments, with conditions "
         "|"
         " namespaces, not the host's | descriptors, idle |\n|---|---|---|---|---|---|---|\n";
  for (const ProcessFacts& process : processes) {
    std::string calls = "all", conditions = "none";
    if (!process.filters.empty()) {
      const FilterFacts& filter = process.filters.front();
      calls = std::to_string(filter.allowed.size()) + " (`" + filter.policy + ".policy`)";
      conditions = conditions_of(filter);
    }
    out << "| " << process.name << " | " << uids_of(process) << " | "
        << capabilities_of(process) << " | " << calls << " | " << conditions << " | "
        << joined(process.namespaces, "none") << " | " << descriptors_of(process) << " |\n";
  }
  return out.str();
}

}  // namespace sluice::adversary
