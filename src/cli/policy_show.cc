#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "cli/grafts.h"
#include "cli/output.h"
#include "cli/policy_command.h"
#include "cli/policy_file.h"
#include "cli/policy_tree.h"
#include "cli/policy_values.h"
#include "cli/policy_verdict.h"
#include "cli/view_options.h"
#include "core/escape.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

// From the third second on, where nothing else moves on the terminal.
class Progress {
 public:
  explicit Progress(bool quiet_output)
      : wanted_(::isatty(2) == 1 && (quiet_output || ::isatty(1) != 1)) {}
  ~Progress() {
    if (shown_) std::fprintf(stderr, "\r%40s\r", "");
  }
  void count(size_t names) {
    if (!wanted_ || names % 1024 != 0 || std::chrono::steady_clock::now() < next_) return;
    std::fprintf(stderr, "\rsluice: %zu names so far", names);
    next_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
    shown_ = true;
  }

 private:
  bool wanted_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_ =
      std::chrono::steady_clock::now() + std::chrono::seconds(2);
};

std::string_view kind_of(mode_t type) {
  switch (type) {
    case S_IFDIR:
      return "directory";
    case S_IFREG:
      return "file";
    case S_IFLNK:
      return "link";
    default:
      return "other";
  }
}

class Printer {
 public:
  Printer(const PolicyOptions& options, const CompiledPolicy& loaded)
      : options_(options), loaded_(loaded), progress_(options.hidden_only) {}

  void begin(const std::string& directory) {
    if (!options_.json) return;
    // Piece by piece: a tree may be larger than memory should be.
    const json head{{"directory", core::escaped(directory)},
                    {"access", loaded_.policy.read_only ? "ro" : "rw"}};
    const std::string text = head.dump();
    std::printf("%s,\"entries\":[", text.substr(0, text.size() - 1).c_str());
  }

  void entry(const TreeEntry& entry) {
    progress_.count(++names_);
    if (entry.hidden) ++hidden_;
    if (options_.hidden_only && !entry.hidden) return;
    std::vector<std::string> marks = marks_of(loaded_.policy, loaded_.rules, entry.decision);
    if (entry.place.root != 0 && !entry.hidden) mark_graft(entry, marks);
    if (!entry.note.empty()) marks.push_back(std::string(entry.note));
    if (options_.json)
      print_json(entry, marks);
    else if (options_.hidden_only)
      print_hidden(entry);
    else
      print_line(entry, marks);
  }

  void end() {
    if (options_.json) {
      std::printf("\n],\"names\":%zu,\"hidden\":%zu}\n", names_, hidden_);
    } else {
      std::printf("%zu of %zu names %s hidden%s\n", hidden_, names_, hidden_ == 1 ? "is" : "are",
                  loaded_.policy.read_only ? "; the view is read-only" : "");
    }
  }

 private:
  void mark_graft(const TreeEntry& entry, std::vector<std::string>& marks) const {
    const PolicyGraft& graft = loaded_.policy.grafts[entry.place.root - 1];
    if (entry.place.rest.empty()) {
      marks.push_back(absl::StrCat("graft of ", in_quotes(graft.directory)));
    }
    if (!graft.read_only) return;
    // Whatever rules say of it.
    std::erase(marks, "read-only");
    marks.push_back("read-only");
  }

  void print_json(const TreeEntry& entry, const std::vector<std::string>& marks) {
    json out{{"path", core::escaped(entry.path)},
             {"kind", kind_of(entry.type)},
             {"hidden", entry.hidden}};
    out["marks"] = marks;
    if (const PolicyRule* rule =
            entry.hidden ? rule_of(loaded_.policy, entry.decision.sight) : nullptr) {
      out["pattern"] = core::escaped(rule->pattern);
      out["place"] = place_text(rule->place);
      out["reason"] = rule->reason ? core::escaped(*rule->reason) : "";
    }
    std::printf("%s\n%s", first_ ? "" : ",", out.dump().c_str());
    first_ = false;
  }

  static std::string suffix(const TreeEntry& entry) {
    return entry.type == S_IFDIR ? "/" : entry.type == S_IFLNK ? "@" : "";
  }

  void print_line(const TreeEntry& entry, const std::vector<std::string>& marks) {
    const std::string name =
        absl::StrCat(std::string(2 * entry.depth, ' '), core::escaped(entry.name), suffix(entry));
    if (marks.empty())
      std::printf("%s\n", name.c_str());
    else
      std::printf("%-40s [%s]\n", name.c_str(), absl::StrJoin(marks, ", ").c_str());
  }

  void print_hidden(const TreeEntry& entry) {
    const PolicyRule* rule = rule_of(loaded_.policy, entry.decision.sight);
    const std::string why =
        rule == nullptr
            ? std::string(entry.note)
            : absl::StrCat("by ", in_quotes(rule->pattern), " at ", place_text(rule->place),
                           rule->reason ? absl::StrCat(": ", core::escaped(*rule->reason)) : "");
    std::printf("%s%s  %s\n", core::escaped(entry.path).c_str(), suffix(entry).c_str(),
                why.c_str());
  }

  const PolicyOptions& options_;
  const CompiledPolicy& loaded_;
  Progress progress_;
  size_t names_ = 0;
  size_t hidden_ = 0;
  bool first_ = true;
};

}  // namespace

int policy_show_command(const PolicyOptions& options) {
  const auto loaded = load_policy(options.policy);
  if (!loaded.ok()) return report(loaded.status());
  const auto source = open_source_or_none(options.directory);
  if (!source.ok()) return report(source.status());
  const auto grafts = open_grafts(loaded->policy.grafts, &source->fd);
  if (!grafts.ok()) return report(grafts.status());
  core::Matcher matcher(loaded->rules, ::time(nullptr));
  Printer printer(options, *loaded);
  printer.begin(source->path);
  const auto walked = walk_trees({source->fd, grafts->places, grafts->directories}, matcher,
                                 [&](const TreeEntry& entry) { printer.entry(entry); });
  if (!walked.ok())
    return report(problem(walked.failure(), absl::StrCat("source ", in_quotes(options.directory))));
  printer.end();
  return kExitOk;
}

}  // namespace sluice::cli
