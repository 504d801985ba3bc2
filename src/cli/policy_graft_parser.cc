#include "cli/policy_graft_parser.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "cli/grafts.h"
#include "cli/policy_values.h"
#include "cli/suggestion.h"
#include "core/path.h"

namespace sluice::cli {
namespace {

// "a/../b": whether a path goes back up.
bool goes_up(std::string_view path) {
  while (!path.empty()) {
    if (core::pop_name(path) == "..") return true;
  }
  return false;
}

class GraftParser {
 public:
  GraftParser(const FileName& file, const toml::table& table) : file_(file), table_(table) {}

  absl::Status parse(std::vector<PolicyGraft>* grafts);

 private:
  absl::Status take_at(const toml::node& node) {
    if (auto status = take_string(file_, "at", node, "write at = \"PATH\"", &graft_.at);
        !status.ok()) {
      return status;
    }
    at_ = &node;
    const core::Graft place{graft_.at, false};
    if (core::valid_grafts({&place, 1})) return absl::OkStatus();
    return problem_in(file_, node,
                      absl::StrCat("at ", in_quotes(graft_.at), " is no place in a view"),
                      kHowPlaces);
  }

  absl::Status take_directory(const toml::node& node) {
    std::string& path = graft_.directory;
    if (auto status =
            take_string(file_, "directory", node, "write directory = \"DIRECTORY\"", &path);
        !status.ok()) {
      return status;
    }
    directory_ = &node;
    if (path.empty() || path.find('\0') != std::string::npos) {
      return problem_in(file_, node,
                        absl::StrCat("directory ", in_quotes(path), " is not the name of one"),
                        "write directory = \"DIRECTORY\"");
    }
    if (path[0] == '/' || !goes_up(path)) return absl::OkStatus();
    return problem_in(file_, node,
                      absl::StrCat("directory ", in_quotes(path), " is not below the policy's own"),
                      "write the whole path, from / on");
  }

  absl::Status take_access(const toml::node& node) {
    constexpr std::string_view kHow = "write read-only or read-write";
    std::string word;
    if (auto status = take_string(file_, "access", node, kHow, &word); !status.ok()) return status;
    graft_.read_only = word == "read-only";
    if (graft_.read_only || word == "read-write") return absl::OkStatus();
    return problem_in(file_, node, absl::StrCat("unknown access of a graft ", in_quotes(word)),
                      did_you_mean(word, {"read-only", "read-write"}, kHow));
  }

  absl::Status take_reason(const toml::node& node) {
    return take_reason_text(file_, node, &graft_.reason);
  }

  static const Key<GraftParser> kKeys[];

  const FileName& file_;
  const toml::table& table_;
  const toml::node* at_ = nullptr;
  const toml::node* directory_ = nullptr;
  PolicyGraft graft_;
};

// The keys of a graft.
constexpr Key<GraftParser> GraftParser::kKeys[] = {
    {"at", &GraftParser::take_at},
    {"directory", &GraftParser::take_directory},
    {"access", &GraftParser::take_access},
    {"reason", &GraftParser::take_reason},
};

absl::Status GraftParser::parse(std::vector<PolicyGraft>* grafts) {
  if (auto status = take_table<GraftParser>(file_, table_, kKeys, *this); !status.ok())
    return status;
  if (at_ == nullptr)
    return problem_in(file_, table_, "the graft has no place", "write at = \"PATH\"");
  if (directory_ == nullptr)
    return problem_in(file_, table_, "the graft has no directory",
                      "write directory = \"DIRECTORY\"");
  const auto same = std::find_if(grafts->begin(), grafts->end(),
                                 [&](const PolicyGraft& each) { return each.at == graft_.at; });
  if (same != grafts->end()) {
    return problem_in(
        file_, *at_,
        absl::StrCat("another graft is at ", in_quotes(graft_.at), ": ", place_text(same->place)),
        "name each place once");
  }
  if (grafts->size() == core::kMostGrafts) {
    return problem_in(file_, *at_,
                      absl::StrCat("there are more than ", core::kMostGrafts, " grafts"),
                      "graft fewer directories");
  }
  graft_.place = place_of(file_, at_->source());
  graft_.directory_place = place_of(file_, directory_->source());
  grafts->push_back(std::move(graft_));
  return absl::OkStatus();
}

}  // namespace

absl::Status parse_graft(const FileName& file, const toml::table& table,
                         std::vector<PolicyGraft>* grafts) {
  return GraftParser(file, table).parse(grafts);
}

}  // namespace sluice::cli
