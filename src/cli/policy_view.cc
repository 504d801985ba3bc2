#include "cli/policy_view.h"

#include <absl/strings/str_cat.h>

#include "cli/policy_values.h"
#include "wire/control.h"

namespace sluice::cli {
namespace {

class ViewParser {
 public:
  ViewParser(const FileName& file, ViewTable* out) : file_(file), out_(out) {}

  absl::Status parse(const toml::table& table) {
    out_->place = place_of(file_, table.source());
    if (auto status = take_table<ViewParser>(file_, table, kKeys, *this); !status.ok()) return status;
    if (!out_->source.text.empty()) return absl::OkStatus();
    return problem_at(out_->place, "[view] has no source", "write it as source = \"/DIRECTORY\"");
  }

 private:
  absl::Status take(std::string_view key, const toml::node& node, std::string_view how, Item* item) {
    item->place = place_of(file_, node.source());
    if (auto status = take_string(file_, key, node, how, &item->text); !status.ok()) return status;
    if (!item->text.empty() && item->text.find('\0') == std::string::npos) return absl::OkStatus();
    return problem_in(file_, node, absl::StrCat(std::string(key), " is not usable: ", in_quotes(item->text)), how);
  }
  absl::Status take_path(std::string_view key, const toml::node& node, Item* item) {
    constexpr std::string_view kHow = "write the whole path, from / on";
    if (auto status = take(key, node, kHow, item); !status.ok()) return status;
    if (item->text.starts_with('/') || (key == "source" && item->text == "none")) return absl::OkStatus();
    return problem_in(file_, node, absl::StrCat(std::string(key), " ", in_quotes(item->text), " is not an absolute path"),
                      kHow);
  }
  absl::Status take_source(const toml::node& node) { return take_path("source", node, &out_->source); }
  absl::Status take_target(const toml::node& node) { return take_path("target", node, &out_->target); }
  absl::Status take_identity(const toml::node& node) {
    return take("identity", node, "write a user's name in quotes, or \"preserve\"", &out_->identity);
  }
  absl::Status take_name(const toml::node& node) {
    constexpr std::string_view kHow = "use letters, digits, '.', '_' and '-', at most 64";
    if (auto status = take("name", node, kHow, &out_->name); !status.ok()) return status;
    if (wire::valid_view_name(out_->name.text)) return absl::OkStatus();
    return problem_in(file_, node, absl::StrCat("name ", in_quotes(out_->name.text), " is not a name"), kHow);
  }
  absl::Status take_command(const toml::node& node) {
    if (auto status = take_strings(file_, "command", "a word of the command", node, &out_->command); !status.ok()) {
      return status;
    }
    for (const Item& word : out_->command) {
      if (word.text.find('\0') == std::string::npos) continue;
      return problem_at(word.place, absl::StrCat("command is not usable: ", in_quotes(word.text)),
                        "write words without NUL: a program could not be given more than what is before it");
    }
    return absl::OkStatus();
  }

  static constexpr Key<ViewParser> kKeys[] = {
      {"source", &ViewParser::take_source},     {"target", &ViewParser::take_target},
      {"identity", &ViewParser::take_identity}, {"name", &ViewParser::take_name},
      {"command", &ViewParser::take_command},
  };

  const FileName& file_;
  ViewTable* out_;
};

}  // namespace

absl::Status parse_view(const FileName& file, const toml::table& table, ViewTable* out) {
  return ViewParser(file, out).parse(table);
}

}  // namespace sluice::cli
