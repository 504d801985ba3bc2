#include <absl/strings/str_cat.h>

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "cli/output.h"
#include "cli/policy_command.h"
#include "cli/policy_file.h"
#include "cli/policy_values.h"
#include "cli/policy_verdict.h"
#include "cli/suggestion.h"
#include "core/escape.h"
#include "core/path.h"
#include "core/reason_text.h"

namespace sluice::cli {
namespace {

using core::Operation;
using nlohmann::json;

struct Word {
  std::string_view word;
  Operation operation;
  bool of_files = true;
  bool of_directories = true;
};
// The operations that can be named.
constexpr Word kOperations[] = {
    {"look", Operation::kLook},
    {"list", Operation::kList, false, true},
    {"read", Operation::kRead, true, false},
    {"write", Operation::kWrite, true, false},
    {"change", Operation::kChange},
    {"make", Operation::kMake},
    {"remove", Operation::kRemove},
};

struct Question {
  std::string path;
  bool is_directory;
  const Word* operation = nullptr;  // null: all
};

absl::StatusOr<Question> question_of(const PolicyOptions& options) {
  std::string_view path = options.path;
  bool is_directory = options.is_directory;
  while (path.starts_with("./")) path.remove_prefix(2);
  if (path.ends_with('/') && path.size() > 1) {
    path.remove_suffix(1);
    is_directory = true;
  }
  if (path.empty() || path == ".") {
    return problem(absl::StatusCode::kInvalidArgument, "rules say nothing of the source itself",
                   "name a path in it");
  }
  if (!core::valid_relative(path)) {
    return problem(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("path ", in_quotes(path), " is not a path in a view"),
                   "write it relative to the source, without \"..\"");
  }
  Question question{std::string(path), is_directory};
  if (options.operation.empty()) return question;
  std::vector<std::string_view> words;
  for (const Word& word : kOperations) {
    words.push_back(word.word);
    if (word.word == options.operation) question.operation = &word;
  }
  if (question.operation == nullptr) {
    return problem(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("no operation ", in_quotes(options.operation)),
                   did_you_mean(options.operation, words,
                                "name look, list, read, write, change, make or remove"));
  }
  if (is_directory ? !question.operation->of_directories : !question.operation->of_files) {
    return problem(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("a ", is_directory ? "directory" : "file", " has no operation ",
                                in_quotes(options.operation)),
                   is_directory ? "ask for list" : "say --dir if it is a directory");
  }
  return question;
}

std::string time_text(int64_t seconds) {
  const time_t time = seconds;
  struct tm parts;
  char text[64];
  if (::gmtime_r(&time, &parts) == nullptr ||
      std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
    return absl::StrCat(seconds);
  }
  return text;
}

json json_of(const Deciding& deciding) {
  const PolicyRule& rule = *deciding.rule;
  json out{{"term", deciding.term},
           {"says", core::escaped(rule.says)},
           {"pattern", core::escaped(rule.pattern)},
           {"place", place_text(rule.place)},
           {"at", core::escaped(deciding.at)}};
  out["reason"] = rule.reason ? core::escaped(*rule.reason) : "";
  return out;
}

void print(const Deciding& deciding, const Question& question) {
  const PolicyRule& rule = *deciding.rule;
  std::string text = absl::StrCat(core::escaped(rule.says), ", by ", in_quotes(rule.pattern),
                                  " at ", place_text(rule.place));
  if (deciding.at != question.path) absl::StrAppend(&text, ", through ", in_quotes(deciding.at));
  if (rule.rule.from != 0) absl::StrAppend(&text, ", from ", time_text(rule.rule.from));
  if (rule.rule.until != 0) absl::StrAppend(&text, ", until ", time_text(rule.rule.until));
  std::printf("  %-10s %s\n", std::string(deciding.term).c_str(), text.c_str());
  if (rule.reason) std::printf("  %-10s because: %s\n", "", core::escaped(*rule.reason).c_str());
}

}  // namespace

int policy_explain_command(const PolicyOptions& options) {
  const auto question = question_of(options);
  if (!question.ok()) return report(question.status());
  const auto loaded = load_policy(options.policy);
  if (!loaded.ok()) return report(loaded.status());
  core::Matcher matcher(loaded->rules, ::time(nullptr));
  const PolicyVerdict verdict(loaded->policy, matcher, question->path, question->is_directory);

  const std::string kind = question->is_directory ? "directory" : "file";
  json out{{"path", core::escaped(question->path)}, {"kind", kind}, {"hidden", verdict.hidden()}};
  out["access"] = loaded->policy.read_only ? "ro" : "rw";
  const PolicyGraft* graft = verdict.graft();
  out["graft"] = graft == nullptr ? "" : core::escaped(graft->at);
  out["deciding"] = json::array();
  out["operations"] = json::array();
  if (!options.json) {
    std::printf("%s, a %s, is %s\n", core::escaped(question->path).c_str(), kind.c_str(),
                verdict.hidden() ? "hidden" : "seen");
    if (loaded->policy.read_only) std::printf("  %-10s read-only, the whole of it\n", "view");
  }
  if (graft != nullptr && !options.json) {
    std::printf("  %-10s %s%s, by %s\n", "graft", in_quotes(graft->directory).c_str(),
                graft->read_only ? ", read-only" : "", place_text(graft->place).c_str());
    if (graft->reason)
      std::printf("  %-10s because: %s\n", "", core::escaped(*graft->reason).c_str());
  }
  const auto all = verdict.deciding();
  for (const Deciding& deciding : all) {
    if (options.json)
      out["deciding"].push_back(json_of(deciding));
    else
      print(deciding, *question);
  }
  if (all.empty() && !options.json) std::printf("  no rule says anything of it\n");
  for (const Word& word : kOperations) {
    if (question->operation != nullptr && question->operation != &word) continue;
    if (question->is_directory ? !word.of_directories : !word.of_files) continue;
    const auto outcome = verdict.outcome(word.operation);
    const std::string error = outcome.ok() ? "" : errno_name(outcome.failure().error);
    const core::Reason reason = outcome.ok() ? core::Reason::kNone : outcome.failure().reason;
    if (options.json) {
      out["operations"].push_back(
          {{"operation", word.word}, {"errno", error}, {"reason", core::reason_name(reason)}});
    } else if (outcome.ok()) {
      std::printf("  %-10s yes\n", std::string(word.word).c_str());
    } else {
      std::printf("  %-10s %s, %s: %s\n", std::string(word.word).c_str(), error.c_str(),
                  std::string(core::reason_name(reason)).c_str(),
                  std::string(core::reason_text(reason)).c_str());
    }
  }
  if (options.json) std::printf("%s\n", out.dump(2).c_str());
  return kExitOk;
}

}  // namespace sluice::cli
