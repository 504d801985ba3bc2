#include "cli/policy_parser.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "cli/output.h"
#include "cli/policy_graft_parser.h"
#include "cli/policy_key_depth.h"
#include "cli/policy_rule_parser.h"
#include "cli/policy_values.h"
#include "core/escape.h"

namespace sluice::cli {
namespace {

// A megabyte of "a.a.a.a" would become a hundred of tables.
constexpr ptrdiff_t kMostMarks = 60000;

class PolicyParser {
 public:
  explicit PolicyParser(const FileName& file) : file_(file) {}

  absl::StatusOr<PolicyFile> parse(std::string_view text);

 private:
  absl::Status take_hide(const toml::node& node) {
    std::vector<Item> patterns;
    if (auto status = take_strings(file_, "hide", "a pattern", node, &patterns); !status.ok())
      return status;
    if (patterns.size() > core::kMaxRules) {
      return problem_in(file_, node, "there are more than 10000 rules",
                        "use fewer rules, with patterns that say more");
    }
    // They come first, also where the file has a [[rule]] before them, as `rule = [{...}]`.
    std::vector<PolicyRule> rules;
    for (Item& pattern : patterns) {
      rules.push_back(
          {std::move(pattern.text), {core::Effect::kHide}, "hide", pattern.place, nullptr});
    }
    out_.rules.insert(out_.rules.begin(), std::make_move_iterator(rules.begin()),
                      std::make_move_iterator(rules.end()));
    return absl::OkStatus();
  }

  absl::Status take_read_only(const toml::node& node) {
    return take_bool(file_, "read-only", node, &out_.read_only.emplace());
  }

  absl::Status take_coherence(const toml::node& node) {
    std::string text;
    if (auto status =
            take_string(file_, "coherence", node, "write it like \"1s\" or \"500ms\"", &text);
        !status.ok()) {
      return status;
    }
    const auto time = parse_duration("coherence", text);
    if (!time.ok()) return with_place(file_, node, time.status());
    out_.coherence_milliseconds = *time;
    return absl::OkStatus();
  }

  absl::Status take_file_size(const toml::node& node) {
    out_.file_size = FileSize{0, place_of(file_, node.source())};
    return take_size(file_, "file-size", node, &out_.file_size->bytes);
  }

  absl::Status take_include(const toml::node& node) {
    return take_strings(file_, "include", "a policy", node, &out_.includes);
  }

  absl::Status take_rule(const toml::node& node) {
    constexpr std::string_view kHow = "begin each rule with a line [[rule]]";
    const toml::array* list = node.as_array();
    if (list == nullptr) return problem_in(file_, node, "rule is not a list of rules", kHow);
    for (const toml::node& item : *list) {
      const toml::table* table = item.as_table();
      if (table == nullptr) return problem_in(file_, item, "a rule is not a table", kHow);
      if (auto status = parse_rule(file_, *table, &out_.rules); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status take_graft(const toml::node& node) {
    constexpr std::string_view kHow = "begin each graft with a line [[graft]]";
    const toml::array* list = node.as_array();
    if (list == nullptr) return problem_in(file_, node, "graft is not a list of grafts", kHow);
    for (const toml::node& item : *list) {
      const toml::table* table = item.as_table();
      if (table == nullptr) return problem_in(file_, item, "a graft is not a table", kHow);
      if (auto status = parse_graft(file_, *table, &out_.grafts); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status take_view(const toml::node& node) {
    const toml::table* table = node.as_table();
    if (table == nullptr) return problem_in(file_, node, "view is not a table", "begin it with a line [view]");
    return parse_view(file_, *table, &out_.view.emplace());
  }

  static const Key<PolicyParser> kKeys[];

  const FileName& file_;
  PolicyFile out_;
};

// The keys of a policy. A new kind of part, as [[rule]] is one, has its line here and a parser of
// its own.
constexpr Key<PolicyParser> PolicyParser::kKeys[] = {
    {"hide", &PolicyParser::take_hide},           {"read-only", &PolicyParser::take_read_only},
    {"coherence", &PolicyParser::take_coherence}, {"file-size", &PolicyParser::take_file_size},
    {"include", &PolicyParser::take_include},
    {"rule", &PolicyParser::take_rule},           {"graft", &PolicyParser::take_graft},
    {"view", &PolicyParser::take_view},
};

absl::StatusOr<PolicyFile> PolicyParser::parse(std::string_view text) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return problem_at(place_of(file_, parsed.error().source()),
                      core::escaped(parsed.error().description()),
                      "mend the file; sluice-policy(5) has examples");
  }
  if (auto status = take_table<PolicyParser>(file_, parsed.table(), kKeys, *this); !status.ok())
    return status;
  return std::move(out_);
}

std::string first_comment(std::string_view text) {
  std::string_view line = text.substr(0, text.find('\n'));
  if (!line.starts_with('#')) return {};
  line.remove_prefix(std::min(line.find_first_not_of("# "), line.size()));
  return std::string(line);
}

}  // namespace

absl::StatusOr<PolicyFile> parse_policy(const FileName& file, std::string_view text) {
  // Each key and each value has one of these before or behind it; so may have strings, which does
  // no harm.
  if (std::count_if(text.begin(), text.end(), [](char c) {
        return c == '.' || c == ',' || c == '=' || c == '[' || c == '{';
      }) > kMostMarks) {
    return problem_at({file, 1, 1}, "the policy has too many keys and values",
                      "use fewer rules, with patterns that say more");
  }
  if (const auto deep = find_deep_key(text)) {
    return problem_at({file, deep->line, deep->column},
                      absl::StrCat("a key has more than ", kMostKeyParts, " parts"),
                      "the keys of a policy have one or two");
  }
  auto parsed = PolicyParser(file).parse(text);
  if (parsed.ok()) parsed->description = first_comment(text);
  return parsed;
}

}  // namespace sluice::cli
