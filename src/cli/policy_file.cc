#include "cli/policy_file.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "cli/output.h"
#include "cli/policy_parser.h"
#include "cli/policy_text.h"
#include "cli/policy_values.h"

namespace sluice::cli {
namespace {

constexpr size_t kMostDepth = 8;
constexpr size_t kMostFiles = 32;

class Reader {
 public:
  // The rules of what is included come before those of the file that includes it. at: where it is
  // included, if it is.
  absl::Status read(const PolicyPlace& place, const Place* at) {
    if (++files_ > kMostFiles)
      return problem_at(*at, "more than 31 policies are included", "include fewer");
    const auto text = read_policy_text(place, kMostPolicyBytes - bytes_);
    if (!text.ok()) {
      if (at == nullptr) return text.status();
      return absl::Status(text.status().code(),
                          absl::StrCat(place_text(*at), ": ", text.status().message()));
    }
    bytes_ += text->size();
    const auto name = std::make_shared<const std::string>(place.name);
    auto file = parse_policy(name, *text);
    if (!file.ok()) return file.status();
    if (file->view && at != nullptr) {
      return problem_at(file->view->place, "a policy with a [view] table is no policy to include",
                        "put its rules into a file of their own, and include that in both");
    }
    if (at == nullptr) view_ = std::move(file->view);
    open_.push_back(place.path);
    for (const Item& include : file->includes) {
      if (auto status = read_included(place, include); !status.ok()) return status;
    }
    open_.pop_back();
    return add(name, directory_of(place), *std::move(file));
  }

  Policy take() { return std::move(policy_); }
  std::optional<ViewTable> take_view() { return std::move(view_); }

 private:
  // With its '/'; empty: the working directory.
  static std::string directory_of(const PolicyPlace& place) {
    const size_t slash = place.path.rfind('/');
    return slash == std::string::npos ? "" : place.path.substr(0, slash + 1);
  }

  absl::Status read_included(const PolicyPlace& from, const Item& include) {
    const PolicyPlace place = place_of_policy(include.text, directory_of(from));
    if (std::find(open_.begin(), open_.end(), place.path) != open_.end()) {
      return problem_at(include.place,
                        absl::StrCat("policy ", in_quotes(include.text), " includes itself"),
                        "take it out of the list");
    }
    if (open_.size() == kMostDepth) {
      return problem_at(include.place, "policies are included 8 deep",
                        "include them from one file");
    }
    return read(place, &include.place);
  }

  absl::Status add(const FileName& name, const std::string& directory, PolicyFile file) {
    if (policy_.rules.size() + file.rules.size() > core::kMaxRules) {
      return problem_at({name, 1, 1}, "with these there are more than 10000 rules",
                        "use fewer rules, with patterns that say more");
    }
    policy_.rules.insert(policy_.rules.end(), std::make_move_iterator(file.rules.begin()),
                         std::make_move_iterator(file.rules.end()));
    for (PolicyGraft& graft : file.grafts) {
      if (graft.directory[0] != '/') graft.directory.insert(0, directory);
      put_graft(policy_, std::move(graft));
    }
    policy_.description = std::move(file.description);
    if (file.read_only) policy_.read_only = *file.read_only;
    if (file.file_size) policy_.file_size = file.file_size;
    if (file.coherence_milliseconds) policy_.coherence_milliseconds = file.coherence_milliseconds;
    return absl::OkStatus();
  }

  Policy policy_;
  std::optional<ViewTable> view_;  // of the first file: no other may have one
  std::vector<std::string> open_;  // the files that include this one
  size_t files_ = 0;
  size_t bytes_ = 0;
};

}  // namespace

absl::StatusOr<Policy> read_policy(const std::string& word) {
  Reader reader;
  if (auto status = reader.read(place_of_policy(word, ""), nullptr); !status.ok()) return status;
  return reader.take();
}

absl::StatusOr<ViewFile> read_view(const std::string& file) {
  Reader reader;
  if (auto status = reader.read({file, file}, nullptr); !status.ok()) return status;
  if (auto view = reader.take_view()) return ViewFile{reader.take(), *std::move(view)};
  return problem(absl::StatusCode::kInvalidArgument, absl::StrCat(in_quotes(file), " has no [view] table"),
                 "write a line [view] and, below it, source and target");
}

absl::StatusOr<CompiledPolicy> load_policy(const std::string& word) {
  auto policy = read_policy(word);
  if (!policy.ok()) return policy.status();
  auto rules = compile_policy(*policy);
  if (!rules.ok()) return rules.status();
  return CompiledPolicy{*std::move(policy), *std::move(rules)};
}

}  // namespace sluice::cli
