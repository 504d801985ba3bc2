#include "cli/learned_policy.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <ctime>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "cli/learned_names.h"
#include "cli/pattern_meeting.h"
#include "cli/policy_verdict.h"
#include "core/escape.h"
#include "core/matcher.h"
#include "core/path.h"

namespace sluice::cli {
namespace {

using wire::Way;

// So many names of a kind in a directory are a kind.
constexpr size_t kManySiblings = 4;
// More patterns nobody reads: then a pattern stands for directories, the largest first.
constexpr size_t kMostPatterns = 400;
constexpr size_t kMostComments = 20;  // of a rule
constexpr size_t kMostOfDirectory[] = {100, 50, 25, 12, 6, 3};

// ---- What was touched, as a tree ----

struct Item {
  Touched touched;
  std::map<std::string, Item> below;

  bool is_directory() const { return touched.is_directory || !below.empty(); }
};

struct Patterns {
  std::vector<std::string> shown;
  std::vector<std::string> made;     // directories of the command's own, and all that is in them
  std::vector<std::string> changed;  // can be changed, with all that is below
  std::vector<std::string> changed_directories;  // themselves, and not what is below
  size_t size() const {
    return shown.size() + made.size() + changed.size() + changed_directories.size();
  }
  void add(Patterns&& more) {
    std::move(more.shown.begin(), more.shown.end(), std::back_inserter(shown));
    std::move(more.made.begin(), more.made.end(), std::back_inserter(made));
    std::move(more.changed.begin(), more.changed.end(), std::back_inserter(changed));
    std::move(more.changed_directories.begin(), more.changed_directories.end(),
              std::back_inserter(changed_directories));
  }
};

class Generalizer {
 public:
  Generalizer(const ListSource& list, size_t most) : list_(list), most_(most) {}

  // Of what is below a directory. path: empty for the source.
  Patterns below(const std::string& path, const Item& directory) {
    Patterns out;
    std::map<std::string_view, std::vector<const std::pair<const std::string, Item>*>> kinds;
    std::map<std::string, bool> there;
    if (!directory.below.empty()) {
      for (const SourceName& name : list_(path)) there[name.name] = name.is_directory;
    }
    for (const auto& each : directory.below) {
      const auto& [name, item] = each;
      const std::string full = path.empty() ? name : absl::StrCat(path, "/", name);
      const auto now = there.find(name);
      if (item.is_directory() || (now != there.end() && now->second))
        out.add(of_directory(full, item));
      else if (now == there.end() && item.touched.has(Way::kMade))
        add_file(absl::StrCat(prefix(path), temporary(name)), item, out);
      else if (ending(name).empty())
        add_file(literal_path(full), item, out);
      else
        kinds[ending(name)].push_back(&each);
    }
    for (const auto& [kind, files] : kinds) {
      size_t others = 0;
      for (const auto& [name, is_directory] : there) {
        if (!is_directory && ending(name) == kind && !directory.below.contains(name)) ++others;
      }
      const std::string all = absl::StrCat(prefix(path), "*", literal(kind));
      const bool many = files.size() >= kManySiblings && files.size() >= others;
      const bool change = std::all_of(files.begin(), files.end(), [](const auto* file) {
        return file->second.touched.is_changed();
      });
      if (many) out.shown.push_back(all);
      if (many && change) out.changed.push_back(all);
      for (const auto* file : files) {
        const std::string one = absl::StrCat(prefix(path), literal(file->first));
        if (!many) out.shown.push_back(one);
        if (file->second.touched.is_changed() && !(many && change)) out.changed.push_back(one);
      }
    }
    return out;
  }

 private:
  static std::string prefix(const std::string& path) {
    return path.empty() ? "/" : absl::StrCat(literal_path(path), "/");
  }

  static void add_file(std::string pattern, const Item& item, Patterns& out) {
    if (item.touched.is_changed()) out.changed.push_back(pattern);
    out.shown.push_back(std::move(pattern));
  }

  Patterns of_directory(const std::string& path, const Item& item) {
    const std::string pattern = literal_path(path);
    const std::string all = absl::StrCat(pattern, "/**");
    // What the command made is its own; and what is moved keeps all that is in it. Without a '/'
    // behind it: what cannot be made as a file cannot be made.
    if (item.touched.has(Way::kMade) || item.touched.has(Way::kRenamed)) {
      return {{}, {pattern, all}, {pattern}, {}};
    }
    Patterns out;
    out.shown.push_back(absl::StrCat(pattern, "/"));
    if (item.touched.is_changed()) out.changed_directories.push_back(absl::StrCat(pattern, "/"));
    out.add(below(path, item));
    if (out.size() <= most_) return out;
    Patterns whole{{absl::StrCat(pattern, "/"), all}, {}, {}, {}};
    const bool changes = !out.changed.empty() || !out.changed_directories.empty();
    if (changes) whole.changed.push_back(absl::StrCat(pattern, "/"));
    return whole;
  }

  const ListSource& list_;
  const size_t most_;
};

// ---- The rules ----

// The last component of a pattern, without what only marks it.
std::string_view last_of(std::string_view pattern) {
  if (pattern.ends_with('/')) pattern.remove_suffix(1);
  return pattern.substr(pattern.rfind('/') + 1);
}

bool has_wildcard(std::string_view pattern) {
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\')
      ++i;
    else if (pattern[i] == '*')
      return true;
  }
  return false;
}

// The directories that lead to it, each with a '/' at its end.
std::vector<std::string> ways_to(std::string_view path) {
  std::vector<std::string> ways;
  for (size_t slash = path.find('/'); slash != std::string_view::npos;
       slash = path.find('/', slash + 1)) {
    ways.push_back(absl::StrCat(literal_path(path.substr(0, slash)), "/"));
  }
  return ways;
}

class Learner {
 public:
  Learner(const Touches& touches, const ListSource& list, const CompiledPolicy& careful)
      : touches_(touches),
        list_(list),
        careful_(careful),
        matcher_(careful.rules, ::time(nullptr)) {}

  absl::StatusOr<std::vector<LearnedRule>> learn() {
    sort_out();
    generalize();
    rules_.push_back({"hide", {"*"}, "nothing else was touched", {}});
    rules_.push_back({"read-only", {"*"}, "it was not changed", {}});
    add("show", std::move(patterns_.shown), "touched");
    hide_again();
    if (!patterns_.made.empty()) {
      add("show", std::move(patterns_.made), "made by the command");
      rules_.back().comments = {
          "What is in these is shown whatever it is called, also names that coding-agent hides."};
    }
    add_secrets();
    add("read-write", std::move(patterns_.changed_directories), "these directories were changed");
    if (rules_.back().reason == "these directories were changed") {
      std::vector<std::string> inside;
      for (const std::string& directory : rules_.back().paths)
        inside.push_back(absl::StrCat(directory, "*"));
      add("read-only", std::move(inside), "and not what is in them");
    }
    add("read-write", std::move(patterns_.changed), "written, made, removed or renamed");
    warn_of_kept();
    if (auto status = complete(); !status.ok()) return status;
    return std::move(rules_);
  }

 private:
  bool is_secret(const std::string& path, const Touched& touched, std::string* why = nullptr) {
    const core::Decision decision = matcher_.decide(path).of(touched.is_directory);
    if (!careful_.rules.hides(decision)) return false;
    if (const PolicyRule* rule = rule_of(careful_.policy, decision.sight);
        rule != nullptr && why != nullptr) {
      *why = rule->reason ? core::escaped(*rule->reason) : "";
    }
    return true;
  }

  // What is shown as all else, and what only by name.
  void sort_out() {
    for (const auto& [path, touched] : touches_.paths()) {
      if (!touched.was_there()) continue;
      if (is_secret(path, touched)) {
        (touched.is_read() || touched.is_changed() ? secrets_ : left_hidden_).push_back(path);
        continue;
      }
      Item* item = &root_;
      for (std::string_view rest = path; !rest.empty();) {
        item = &item->below[std::string(core::pop_name(rest))];
      }
      item->touched = touched;
    }
  }

  void generalize() {
    for (const size_t most : kMostOfDirectory) {
      patterns_ = Generalizer(list_, most).below("", root_);
      if (patterns_.size() <= kMostPatterns) return;
    }
  }

  void add(const char* access, std::vector<std::string> paths, const char* reason) {
    std::set<std::string> seen;
    std::erase_if(paths, [&](const std::string& path) { return !seen.insert(path).second; });
    if (!paths.empty()) rules_.push_back({access, std::move(paths), reason, {}});
  }

  // Patterns may show more than was touched: not secrets.
  void hide_again() {
    std::vector<std::string> again;
    if (rules_.back().access != "show") return;
    for (const PolicyRule& rule : careful_.policy.rules) {
      if (rule.rule.effect != core::Effect::kHide) continue;
      const bool meets = std::any_of(
          rules_.back().paths.begin(), rules_.back().paths.end(), [&](const std::string& pattern) {
            return has_wildcard(pattern) && can_meet(last_of(pattern), last_of(rule.pattern));
          });
      if (meets) again.push_back(rule.pattern);
    }
    add("hide", std::move(again), "secrets have such names, whatever pattern above shows them");
    for (const std::string& path : left_hidden_) {
      if (rules_.back().comments.size() == kMostComments) break;
      rules_.back().comments.push_back(
          absl::StrCat(core::escaped(path), " was looked at, not read: it stays hidden."));
    }
  }

  void add_secrets() {
    std::map<std::string, std::vector<std::string>> by_reason;
    for (const std::string& path : secrets_) {
      std::string why;
      (void)is_secret(path, touches_.paths().at(path), &why);
      by_reason[why].push_back(path);
    }
    for (const auto& [why, paths] : by_reason) {
      LearnedRule rule{"show", {}, "the command read or changed it", {}};
      rule.comments = {
          "CAREFUL: coding-agent hides these. The command touched their contents all the same.",
          absl::StrCat("What coding-agent says of them: ", why),
          "Take out what it can do without."};
      std::set<std::string> seen;
      for (const std::string& path : paths) {
        for (std::string& way : ways_to(path)) {
          if (seen.insert(way).second) rule.paths.push_back(std::move(way));
        }
        rule.paths.push_back(literal_path(path));
        if (touches_.paths().at(path).is_changed()) patterns_.changed.push_back(literal_path(path));
      }
      rules_.push_back(std::move(rule));
    }
  }

  // What would be run, or believed, elsewhere.
  void warn_of_kept() {
    for (const auto& [path, touched] : touches_.paths()) {
      if (!touched.is_changed() || rules_.back().comments.size() == kMostComments) continue;
      const core::Decision decision = matcher_.decide(path).of(touched.is_directory);
      if (careful_.rules.find(decision, core::Term::kAccess).effect != core::Effect::kReadOnly)
        continue;
      rules_.back().comments.push_back(
          absl::StrCat("CAREFUL: coding-agent keeps ", core::escaped(path), " as it is."));
    }
  }

  absl::StatusOr<CompiledPolicy> compiled() const {
    CompiledPolicy out;
    for (const LearnedRule& rule : rules_) {
      const core::Effect effect = rule.access == "hide"        ? core::Effect::kHide
                                  : rule.access == "show"      ? core::Effect::kShow
                                  : rule.access == "read-only" ? core::Effect::kReadOnly
                                                               : core::Effect::kReadWrite;
      for (const std::string& path : rule.paths) {
        out.policy.rules.push_back({path, {effect}, rule.access, {}, nullptr});
      }
    }
    auto rules = compile_policy(out.policy);
    if (!rules.ok()) return rules.status();
    out.rules = *std::move(rules);
    return out;
  }

  // What was touched is shown and can be changed by these rules, whatever patterns hid again.
  absl::Status complete() {
    const auto learned = compiled();
    if (!learned.ok()) return learned.status();
    core::Matcher matcher(learned->rules, ::time(nullptr));
    std::vector<std::string> hidden, fixed;
    for (const auto& [path, touched] : touches_.paths()) {
      if (!touched.was_there() || is_secret(path, touched)) continue;
      const core::Decision decision = matcher.decide(path).of(touched.is_directory);
      if (learned->rules.hides(decision)) {
        for (std::string& way : ways_to(path)) hidden.push_back(std::move(way));
        hidden.push_back(literal_path(path));
      }
      const bool is_fixed =
          learned->rules.find(decision, core::Term::kAccess).effect == core::Effect::kReadOnly;
      if (touched.is_changed() && is_fixed) fixed.push_back(literal_path(path));
    }
    add("show", std::move(hidden), "touched, and public though its name is not");
    add("read-write", std::move(fixed), "changed as well");
    return absl::OkStatus();
  }

  const Touches& touches_;
  const ListSource& list_;
  const CompiledPolicy& careful_;
  core::Matcher matcher_;
  Item root_;
  std::vector<std::string> secrets_;      // read or changed
  std::vector<std::string> left_hidden_;  // only looked at
  Patterns patterns_;
  std::vector<LearnedRule> rules_;
};

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

absl::StatusOr<std::vector<LearnedRule>> learn_rules(const Touches& touches, const ListSource& list,
                                                     const CompiledPolicy& careful) {
  return Learner(touches, list, careful).learn();
}

std::string policy_text(const std::vector<std::string>& comments,
                        const std::vector<LearnedRule>& rules) {
  constexpr size_t kMostColumns = 100;
  std::string out;
  for (const std::string& comment : comments) absl::StrAppend(&out, "# ", comment, "\n");
  for (const LearnedRule& rule : rules) {
    out += '\n';
    for (const std::string& comment : rule.comments) absl::StrAppend(&out, "# ", comment, "\n");
    absl::StrAppend(&out, "[[rule]]\npaths = [");
    size_t column = kMostColumns;
    for (const std::string& path : rule.paths) {
      const std::string word = absl::StrCat(quoted(path), ",");
      if (column + 1 + word.size() > kMostColumns) {
        out += "\n  ";
        column = 2;
      } else {
        out += ' ';
        ++column;
      }
      out += word;
      column += word.size();
    }
    absl::StrAppend(&out, "\n]\naccess = \"", rule.access, "\"\nreason = ", quoted(rule.reason),
                    "\n");
  }
  return out;
}

}  // namespace sluice::cli
