#include "cli/mount_words.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <set>

#include "cli/output.h"
#include "cli/policy_values.h"
#include "cli/suggestion.h"

namespace sluice::cli {
namespace {

constexpr char kSeeHelp[] = "see mount.sluice --help";

absl::Status wrong(std::string_view what, std::string_view remedy) {
  return problem(absl::StatusCode::kInvalidArgument, what, remedy);
}

// What says of the view what is so anyway, or is said to mount(8), to systemd or to people.
constexpr std::string_view kOfOthers[] = {
    "async", "atime", "auto",  "comment", "defaults", "exec",   "group",    "noauto", "nodev",
    "nofail", "nosuid", "nouser", "owner",   "relatime", "rw", "user", "users",  "_netdev",
};
bool is_of_others(std::string_view name) {
  return name.starts_with("x-") || name.starts_with("X-") ||
         std::find(std::begin(kOfOthers), std::end(kOfOthers), name) != std::end(kOfOthers);
}

// What other filesystems have, and why a view does not.
struct Refused {
  std::string_view name;
  std::string_view why;
  std::string_view remedy;
};
constexpr Refused kRefused[] = {
    {"suid", "a view is always nosuid", "leave it out"},
    {"dev", "a view is always nodev", "leave it out"},
    {"remount", "a view is not mounted anew", "use sluice reload for other rules, or unmount it first"},
    {"bind", "a view is no bind mount", "name the source and the target of the view"},
    {"rbind", "a view is no bind mount", "name the source and the target of the view"},
    {"move", "a view is not moved by this program", "use mount --move without -t"},
    {"allow_other", "identity=preserve is what lets others use a view", "use identity=preserve"},
};

// One that has a value, and may be given once.
struct Valued {
  std::string_view name;
  void (*take)(ViewOptions& view, std::string value);
};
constexpr Valued kValued[] = {
    {"coherence", [](ViewOptions& view, std::string value) { view.coherence = std::move(value); }},
    {"identity", [](ViewOptions& view, std::string value) { view.identity = std::move(value); }},
    {"name", [](ViewOptions& view, std::string value) { view.name = std::move(value); }},
    {"policy", [](ViewOptions& view, std::string value) { view.policy = std::move(value); }},
    {"socket", [](ViewOptions& view, std::string value) { view.socket = std::move(value); }},
};
// One that may be given again.
constexpr Valued kRepeated[] = {
    {"graft", [](ViewOptions& view, std::string value) { view.graft.push_back(std::move(value)); }},
    {"hide", [](ViewOptions& view, std::string value) { view.hide.push_back(std::move(value)); }},
};
// One without a value.
struct Bare {
  std::string_view name;
  bool& (*of)(MountWords& words);
};
constexpr Bare kBare[] = {
    {"device_nodes", [](MountWords& words) -> bool& { return words.view.device_nodes; }},
    {"noexec", [](MountWords& words) -> bool& { return words.no_programs; }},
    {"ro", [](MountWords& words) -> bool& { return words.view.read_only; }},
};

template <typename List>
auto named(const List& list, std::string_view name) {
  return std::find_if(std::begin(list), std::end(list),
                      [&](const auto& each) { return each.name == name; });
}

absl::Status unknown_option(std::string_view name) {
  std::vector<std::string_view> known(std::begin(kOfOthers), std::end(kOfOthers));
  for (const Bare& each : kBare) known.push_back(each.name);
  for (const Valued& each : kValued) known.push_back(each.name);
  for (const Valued& each : kRepeated) known.push_back(each.name);
  return wrong(absl::StrCat("no option ", in_quotes(name)), did_you_mean(name, known, kSeeHelp));
}

absl::Status take_value(ViewOptions& view, const Valued& taker, const MountOption& option) {
  if (!option.value || option.value->empty()) {
    return wrong(absl::StrCat("option ", in_quotes(option.name), " has no value"),
                 absl::StrCat("write it as ", option.name, "=VALUE"));
  }
  taker.take(view, *option.value);
  return absl::OkStatus();
}

absl::Status take_option(MountWords& out, const MountOption& option) {
  if (const auto repeated = named(kRepeated, option.name); repeated != std::end(kRepeated)) {
    return take_value(out.view, *repeated, option);
  }
  if (const auto valued = named(kValued, option.name); valued != std::end(kValued)) {
    return take_value(out.view, *valued, option);
  }
  if (const auto refused = named(kRefused, option.name); refused != std::end(kRefused)) {
    return wrong(absl::StrCat("option ", in_quotes(option.name), ": ", std::string(refused->why)),
                 refused->remedy);
  }
  if (is_of_others(option.name)) {
    // Of ro and rw the last counts, as with any filesystem.
    if (option.name == "rw") out.view.read_only = false;
    if (option.name == "exec") out.no_programs = false;
    return absl::OkStatus();
  }
  const auto bare = named(kBare, option.name);
  if (bare == std::end(kBare)) {
    // What has a value says something that would be missed.
    return out.sloppy && !option.value ? absl::OkStatus() : unknown_option(option.name);
  }
  if (option.value) {
    return wrong(absl::StrCat("option ", in_quotes(option.name), " takes no value"),
                 absl::StrCat("write it as ", option.name));
  }
  bare->of(out) = true;
  return absl::OkStatus();
}

// What a letter with a value means.
absl::Status take_letter(MountWords& out, char letter, const std::string& value) {
  if (letter == 'N') {
    out.mount_namespace = value;
  } else if (letter == 'o') {
    auto options = split_mount_options(value);
    if (!options.ok()) return options.status();
    out.options.insert(out.options.end(), options->begin(), options->end());
  } else if (value != "sluice" && value != "fuse.sluice") {
    return wrong(absl::StrCat("-t ", in_quotes(value), " is another type"), "use -t sluice");
  }
  return absl::OkStatus();
}

// Letters may stand together; the last of them may have its value behind it, or as the next word.
absl::Status take_letters(MountWords& out, std::span<const std::string> words, size_t* at) {
  const std::string& word = words[*at];
  for (size_t i = 1; i < word.size(); ++i) {
    switch (word[i]) {
      case 'o':
      case 'N':
      case 't':
        if (i + 1 < word.size()) return take_letter(out, word[i], word.substr(i + 1));
        if (*at + 1 == words.size()) return wrong(absl::StrCat(in_quotes(word), " has no value"), kSeeHelp);
        return take_letter(out, word[i], words[++*at]);
      case 's':
        out.sloppy = true;
        break;
      case 'f':
        out.fake = true;
        break;
      case 'n':  // there is no /etc/mtab to be written
        break;
      case 'v':
        out.verbose = true;
        break;
      case 'r':
        out.options.push_back({"ro", "ro", {}});
        break;
      case 'w':
        out.options.push_back({"rw", "rw", {}});
        break;
      case 'h':
        out.help = true;
        break;
      case 'V':
        out.version = true;
        break;
      default:
        return wrong(absl::StrCat("no option ", in_quotes(absl::StrCat("-", word.substr(i, 1)))), kSeeHelp);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<MountWords> divide_mount_words(std::span<const std::string> words) {
  MountWords out;
  std::vector<std::string> operands;
  bool only_operands = false;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (only_operands || word.size() < 2 || word[0] != '-') {
      operands.push_back(word);
    } else if (word == "--") {
      only_operands = true;
    } else if (word == "--help") {
      out.help = true;
    } else if (word == "--version") {
      out.version = true;
    } else if (word[1] == '-') {
      return wrong(absl::StrCat("no option ", in_quotes(word)), kSeeHelp);
    } else if (auto status = take_letters(out, words, &i); !status.ok()) {
      return status;
    }
  }
  if (out.help || out.version) return out;
  if (operands.size() < 2) return wrong("SOURCE or TARGET is missing", kSeeHelp);
  if (operands.size() > 2) return wrong(absl::StrCat("a word too many: ", in_quotes(operands[2])), kSeeHelp);
  out.view.source = operands[0];
  out.target = operands[1];
  return out;
}

absl::Status take_mount_options(MountWords* words) {
  std::set<std::string> given;
  for (const MountOption& option : words->options) {
    if (named(kValued, option.name) != std::end(kValued) && !given.insert(option.name).second) {
      return wrong(absl::StrCat("option ", in_quotes(option.name), " is given twice"),
                   "leave one of them out");
    }
    if (auto status = take_option(*words, option); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<MountOption>> split_mount_options(std::string_view list) {
  std::vector<MountOption> options;
  MountOption option;
  std::string text;
  bool quoted = false;
  const auto finish = [&] {
    if (!option.written.empty()) {
      if (!option.value) option.name = std::move(text);
      else option.value = std::move(text);
      options.push_back(std::move(option));
    }
    option = {};
    text.clear();
  };
  for (size_t i = 0; i < list.size(); ++i) {
    const char c = list[i];
    if (c == ',' && !quoted) {
      finish();
      continue;
    }
    option.written += c;
    const char next = i + 1 < list.size() ? list[i + 1] : '\0';
    if (c == '\\' && (next == ',' || next == '"' || next == '\\')) {
      option.written += next;
      text += next;
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == '=' && !option.value && !quoted) {
      option.name = std::move(text);
      text.clear();
      option.value.emplace();
    } else {
      text += c;
    }
  }
  if (quoted) return wrong("a quote in the options is not closed", "close it, or write it as \\\"");
  finish();
  return options;
}

}  // namespace sluice::cli
