#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/learned_policy.h"
#include "cli/output.h"
#include "cli/policy_file.h"
#include "cli/policy_tree.h"
#include "cli/policy_values.h"
#include "cli/run_words.h"
#include "cli/touches.h"
#include "core/escape.h"

namespace sluice::cli {
namespace {

using nlohmann::json;
using wire::Way;

// Whose secrets stay hidden.
constexpr char kCareful[] = "coding-agent";

constexpr struct {
  Way way;
  const char* word;
} kWords[] = {
    {Way::kAbsent, "absent"}, {Way::kLooked, "looked-at"}, {Way::kListed, "listed"},
    {Way::kRead, "read"},     {Way::kWritten, "written"},  {Way::kChanged, "changed"},
    {Way::kMade, "made"},     {Way::kRemoved, "removed"},  {Way::kRenamed, "renamed"},
};

// Where the policy goes. The command's standard output may be the same, and goes to standard error
// then.
class Destination {
 public:
  absl::Status open(const std::string& path) {
    if (!path.empty()) {
      // Not over another one, which the command may have taken long to be the reason for.
      file_.reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666));
      if (file_) {
        path_ = path;
        return absl::OkStatus();
      }
      return problem(absl::StatusCode::kInvalidArgument,
                     absl::StrCat("--output ", in_quotes(path),
                                  errno == EEXIST ? " is there already" : " cannot be made"),
                     "name a file that is not there, in a directory that is");
    }
    file_.reset(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!file_ || ::dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
      return problem(os::failure(), "standard output");
    return absl::OkStatus();
  }

  // There is nothing to write: as if it had not been opened.
  void discard() const {
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  absl::Status write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::write(file_.get(), text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return problem(os::failure(), "the policy");
      text.remove_prefix(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }

 private:
  os::Fd file_;
  std::string path_;  // of a file that was made
};

std::string words_of(const std::vector<std::string>& command) {
  std::string words;
  for (const std::string& word : command) {
    absl::StrAppend(&words, words.empty() ? "" : " ", core::escaped(word));
  }
  return words.size() > 200 ? absl::StrCat(words.substr(0, 200), "...") : words;
}

struct Learned {
  const LearnOptions& options;
  const Touches& touches;
  const std::vector<LearnedRule>& rules;
  int status;
};

std::string json_text(const Learned& learned) {
  json out{{"command", words_of(learned.options.run.command)},
           {"status", learned.status},
           {"lost", learned.touches.lost()}};
  out["paths"] = json::array();
  for (const auto& [path, touched] : learned.touches.paths()) {
    json one{{"path", core::escaped(path)}, {"kind", touched.is_directory ? "directory" : "file"}};
    one["ways"] = json::array();
    for (const auto& [way, word] : kWords) {
      if (touched.has(way)) one["ways"].push_back(word);
    }
    out["paths"].push_back(std::move(one));
  }
  out["rules"] = json::array();
  for (const LearnedRule& rule : learned.rules) {
    json one{{"access", rule.access}, {"reason", core::escaped(rule.reason)}};
    one["patterns"] = json::array();
    for (const std::string& path : rule.paths) one["patterns"].push_back(core::escaped(path));
    one["comments"] = rule.comments;
    out["rules"].push_back(std::move(one));
  }
  return absl::StrCat(out.dump(2), "\n");
}

std::string toml_text(const Learned& learned) {
  size_t there = 0, absent = 0;
  for (const auto& [path, touched] : learned.touches.paths())
    ++(touched.was_there() ? there : absent);
  std::vector<std::string> comments = {
      absl::StrCat("What this touched: ", words_of(learned.options.run.command)),
      "A proposal. Read it before you use it, and take out what need not be touched.",
      absl::StrCat(there, " paths were touched; ", absent, " more were asked for and not there.")};
  if (learned.status != 0) {
    comments.push_back(absl::StrCat("The command ended with ", learned.status,
                                    ": it may need more than it got to."));
  }
  if (learned.touches.lost() > 0) {
    comments.push_back(
        absl::StrCat(learned.touches.lost(), " touches were lost: learn again, and compare."));
  }
  return policy_text(comments, learned.rules);
}

absl::Status propose(const Learned& learned, const Destination& destination) {
  return destination.write(learned.options.json ? json_text(learned) : toml_text(learned));
}

}  // namespace

int policy_learn_command(const LearnOptions& given) {
  LearnOptions options = given;
  options.run.usage = kLearnUsage;
  options.run.view.record = true;
  // Whatever is asked for is asked of the worker, which records it: the kernel answers nothing
  // itself.
  options.run.view.coherence = "0s";
  if (auto clear = check_words(options.run); !clear.ok()) return report(clear);
  const std::string source = options.run.view.source.empty() ? "." : options.run.view.source;
  const auto directory = open_source(source);
  if (!directory.ok()) return report(directory.status());
  const auto careful = load_policy(kCareful);
  if (!careful.ok()) return report(careful.status());
  Destination destination;
  if (auto opened = destination.open(options.output); !opened.ok()) return report(opened);

  TouchReader reader;
  const int status = run_command(options.run, &reader);
  const Touches& touches = reader.finish();
  if (!reader.has_begun()) {  // there was no view, which was said
    destination.discard();
    return status;
  }
  const ListSource list = [&](std::string_view path) {
    std::vector<SourceName> names;
    auto found = names_in(directory->fd.get(), path);
    if (!found.ok()) return names;
    for (TreeName& name : *found) names.push_back({std::move(name.name), S_ISDIR(name.type)});
    return names;
  };
  const auto rules = learn_rules(touches, list, *careful);
  if (!rules.ok()) return report(rules.status());
  if (auto written = propose({options, touches, *rules, status}, destination); !written.ok()) {
    return report(written);
  }
  return status;
}

}  // namespace sluice::cli
