#include "cli/policy_rule_parser.h"

#include <absl/strings/str_cat.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "cli/policy_values.h"
#include "cli/suggestion.h"

namespace sluice::cli {
namespace {

struct Access {
  std::string_view word;
  core::Effect effect;
};
constexpr Access kAccesses[] = {
    {"hide", core::Effect::kHide},          {"show", core::Effect::kShow},
    {"deny", core::Effect::kDeny},          {"mask", core::Effect::kMask},
    {"read-only", core::Effect::kReadOnly}, {"read-write", core::Effect::kReadWrite},
};

class RuleParser {
 public:
  RuleParser(const FileName& file, const toml::table& table) : file_(file), table_(table) {}

  absl::Status parse(std::vector<PolicyRule>* rules);

 private:
  // Something that is said of the paths, and the value that says it.
  struct Said {
    core::Rule rule;
    std::string text;
    const toml::node* node;
  };
  struct Window;

  absl::Status take_path(const toml::node& node);
  absl::Status take_paths(const toml::node& node);
  absl::Status take_access(const toml::node& node);
  absl::Status take_errno(const toml::node& node);
  absl::Status take_owner(const toml::node& node);
  absl::Status take_group(const toml::node& node);
  absl::Status take_mode(const toml::node& node);
  absl::Status take_execute(const toml::node& node);
  absl::Status take_names(const toml::node& node);
  absl::Status take_window(const toml::node& node);
  absl::Status take_from(const toml::node& node);
  absl::Status take_until(const toml::node& node);
  absl::Status take_reason(const toml::node& node);

  absl::Status take_time(std::string_view key, const toml::node& node, int64_t* out);
  absl::Status take_id(std::string_view key, core::Effect effect, const toml::node& node,
                       absl::StatusOr<uint32_t> (*parse_text)(std::string_view));
  void say(core::Effect effect, std::string text, const toml::node& node, uint64_t value = 0,
           uint64_t value2 = 0) {
    said_.push_back({{effect, false, value, value2}, std::move(text), &node});
  }
  absl::Status check();

  static const Key<RuleParser> kKeys[];

  const FileName& file_;
  const toml::table& table_;
  std::vector<Item> paths_;
  std::vector<Said> said_;
  const toml::node* access_ = nullptr;
  const toml::node* errno_ = nullptr;
  int error_ = EACCES;
  int64_t from_ = 0;
  int64_t until_ = 0;
  std::shared_ptr<const std::string> reason_;
};

// The keys of a rule.
constexpr Key<RuleParser> RuleParser::kKeys[] = {
    {"path", &RuleParser::take_path},     {"paths", &RuleParser::take_paths},
    {"access", &RuleParser::take_access}, {"errno", &RuleParser::take_errno},
    {"owner", &RuleParser::take_owner},   {"group", &RuleParser::take_group},
    {"mode", &RuleParser::take_mode},     {"execute", &RuleParser::take_execute},
    {"names", &RuleParser::take_names},   {"window", &RuleParser::take_window},
    {"from", &RuleParser::take_from},     {"until", &RuleParser::take_until},
    {"reason", &RuleParser::take_reason},
};

absl::Status RuleParser::take_path(const toml::node& node) {
  std::string text;
  if (auto status =
          take_string(file_, "path", node, "write path = \"PATTERN\", or paths = [...]", &text);
      !status.ok()) {
    return status;
  }
  paths_.push_back({std::move(text), place_of(file_, node.source())});
  return absl::OkStatus();
}

absl::Status RuleParser::take_paths(const toml::node& node) {
  return take_strings(file_, "paths", "a pattern", node, &paths_);
}

absl::Status RuleParser::take_access(const toml::node& node) {
  std::string word;
  if (auto status =
          take_string(file_, "access", node, "write for example access = \"read-only\"", &word);
      !status.ok()) {
    return status;
  }
  std::vector<std::string_view> words;
  for (const Access& access : kAccesses) {
    words.push_back(access.word);
    if (access.word != word) continue;
    access_ = &node;
    say(access.effect, word, node);
    return absl::OkStatus();
  }
  return problem_in(
      file_, node, absl::StrCat("unknown access ", in_quotes(word)),
      did_you_mean(word, words, "write hide, show, deny, mask, read-only or read-write"));
}

absl::Status RuleParser::take_errno(const toml::node& node) {
  std::string name;
  if (auto status =
          take_string(file_, "errno", node, "write for example errno = \"EACCES\"", &name);
      !status.ok()) {
    return status;
  }
  const auto error = parse_errno(name);
  if (!error.ok()) return with_place(file_, node, error.status());
  error_ = *error;
  errno_ = &node;
  return absl::OkStatus();
}

absl::Status RuleParser::take_id(std::string_view key, core::Effect effect, const toml::node& node,
                                 absl::StatusOr<uint32_t> (*parse_text)(std::string_view)) {
  std::string text;
  if (const auto* number = node.as_integer()) {
    text = absl::StrCat(number->get());
    if (number->get() < 0) {
      return problem_in(file_, node, absl::StrCat(std::string(key), " ", text, " is negative"),
                        "write a name or a number");
    }
  } else if (auto status = take_string(file_, key, node, "write a name or a number", &text);
             !status.ok()) {
    return status;
  }
  const auto id = parse_text(text);
  if (!id.ok()) return with_place(file_, node, id.status());
  say(effect, absl::StrCat(std::string(key), " ", text), node, *id);
  return absl::OkStatus();
}

absl::Status RuleParser::take_owner(const toml::node& node) {
  return take_id("owner", core::Effect::kOwner, node, parse_user);
}
absl::Status RuleParser::take_group(const toml::node& node) {
  return take_id("group", core::Effect::kGroup, node, parse_group);
}

absl::Status RuleParser::take_mode(const toml::node& node) {
  std::string text;
  const auto* number = node.as_integer();
  if (number != nullptr &&
      (number->flags() & toml::value_flags::format_as_octal) != toml::value_flags::none) {
    for (int64_t rest = number->get(); rest != 0; rest /= 8)
      text.insert(text.begin(), static_cast<char>('0' + rest % 8));
    text.insert(text.begin(), '0');
  } else if (auto status = take_string(file_, "mode", node,
                                       "write it like \"0640\", 0o640 or \"go-rwx\"", &text);
             !status.ok()) {
    return status;
  }
  const auto mode = parse_mode(text);
  if (!mode.ok()) return with_place(file_, node, mode.status());
  say(core::Effect::kMode, absl::StrCat("mode ", text), node, mode->value());
  return absl::OkStatus();
}

absl::Status RuleParser::take_execute(const toml::node& node) {
  bool execute;
  if (auto status = take_bool(file_, "execute", node, &execute); !status.ok()) return status;
  say(execute ? core::Effect::kExecute : core::Effect::kNoExecute,
      execute ? "execute" : "no execute", node);
  return absl::OkStatus();
}

absl::Status RuleParser::take_names(const toml::node& node) {
  const auto* number = node.as_integer();
  if (number == nullptr || number->get() < 0 || number->get() > UINT32_MAX) {
    return problem_in(file_, node, "names is not a number from 0 to 4294967295",
                      "write for example names = 100");
  }
  say(core::Effect::kMostNames, absl::StrCat("at most ", number->get(), " names"), node,
      static_cast<uint64_t>(number->get()));
  return absl::OkStatus();
}

// The keys of a window.
struct RuleParser::Window {
  const FileName& file;
  uint64_t offset = 0;
  std::optional<uint64_t> length;

  absl::Status take_offset(const toml::node& node) {
    return take_size(file, "offset", node, &offset);
  }
  absl::Status take_length(const toml::node& node) {
    return take_size(file, "length", node, &length.emplace());
  }

  static constexpr std::string_view kHow = "write window = { offset = 0, length = 4096 }";
};

absl::Status RuleParser::take_window(const toml::node& node) {
  static constexpr Key<Window> kWindowKeys[] = {
      {"offset", &Window::take_offset},
      {"length", &Window::take_length},
  };
  const toml::table* table = node.as_table();
  if (table == nullptr) return problem_in(file_, node, "window is not a table", Window::kHow);
  Window window{file_, 0, {}};
  if (auto status = take_table<Window>(file_, *table, kWindowKeys, window); !status.ok())
    return status;
  if (!window.length) return problem_in(file_, node, "window has no length", Window::kHow);
  say(core::Effect::kWindow, absl::StrCat("window ", window.offset, "+", *window.length), node,
      window.offset, *window.length);
  return absl::OkStatus();
}

absl::Status RuleParser::take_time(std::string_view key, const toml::node& node, int64_t* out) {
  constexpr std::string_view kHow = "write it with its time zone, as 2026-01-31T00:00:00Z";
  const auto* written = node.as_date_time();
  if (written == nullptr || !written->get().offset) {
    return problem_in(file_, node,
                      absl::StrCat(std::string(key), " is not a time with a time zone"), kHow);
  }
  const toml::date_time& time = written->get();
  const std::chrono::year_month_day day{std::chrono::year(time.date.year),
                                        std::chrono::month(time.date.month),
                                        std::chrono::day(time.date.day)};
  const int64_t seconds = std::chrono::sys_days(day).time_since_epoch().count() * int64_t{86400} +
                          time.time.hour * 3600 + time.time.minute * 60 + time.time.second -
                          time.offset->minutes * 60;
  if (seconds <= 0)
    return problem_in(file_, node, absl::StrCat(std::string(key), " is before 1970"), kHow);
  *out = seconds;
  return absl::OkStatus();
}

absl::Status RuleParser::take_from(const toml::node& node) {
  return take_time("from", node, &from_);
}
absl::Status RuleParser::take_until(const toml::node& node) {
  return take_time("until", node, &until_);
}

absl::Status RuleParser::take_reason(const toml::node& node) {
  return take_reason_text(file_, node, &reason_);
}

// What the keys say together.
absl::Status RuleParser::check() {
  if (paths_.empty())
    return problem_in(file_, table_, "the rule has no path", "write paths = [\"PATTERN\", ...]");
  if (said_.empty()) {
    return problem_in(file_, table_, "the rule says nothing of its paths",
                      "write for example access = \"hide\"");
  }
  if (until_ != 0 && until_ <= from_) {
    return problem_in(file_, *table_.get("until"), "the rule ends before it begins",
                      "write a later time");
  }
  bool deny = false, sight = false, window = false;
  for (Said& said : said_) {
    if (said.rule.effect == core::Effect::kWindow) window = true;
    if (core::is_about_sight(said.rule.effect)) sight = true;
    if (said.rule.effect != core::Effect::kDeny) continue;
    deny = true;
    said.rule.value = static_cast<uint64_t>(error_);
    said.text = absl::StrCat("deny ", errno_name(error_));
  }
  if (errno_ != nullptr && !deny) {
    return problem_in(file_, *errno_, "errno is for what is denied",
                      "write access = \"deny\", or leave out errno");
  }
  for (const Said& said : said_) {
    if (sight && said.node != access_) {
      return problem_in(file_, *said.node, "nothing else can be said by a rule that hides or shows",
                        "make it a [[rule]] of its own");
    }
  }
  if (window && access_ != nullptr) {
    return problem_in(file_, *access_, "a window is an access of its own",
                      "leave out access or window");
  }
  return absl::OkStatus();
}

absl::Status RuleParser::parse(std::vector<PolicyRule>* rules) {
  if (auto status = take_table<RuleParser>(file_, table_, kKeys, *this); !status.ok())
    return status;
  if (auto status = check(); !status.ok()) return status;
  if (rules->size() + paths_.size() * said_.size() > core::kMaxRules) {
    return problem_in(file_, table_, "with this rule there are more than 10000",
                      "use fewer rules, with patterns that say more");
  }
  for (const Item& path : paths_) {
    for (const Said& said : said_) {
      PolicyRule& rule =
          rules->emplace_back(PolicyRule{path.text, said.rule, said.text, path.place, reason_});
      rule.rule.from = from_;
      rule.rule.until = until_;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status parse_rule(const FileName& file, const toml::table& table,
                        std::vector<PolicyRule>* rules) {
  return RuleParser(file, table).parse(rules);
}

}  // namespace sluice::cli
