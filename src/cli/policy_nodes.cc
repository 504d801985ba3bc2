#include "cli/policy_nodes.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "cli/policy_values.h"
#include "cli/suggestion.h"

namespace sluice::cli {

namespace {
constexpr size_t kMostReasonBytes = 400;
}

Place place_of(const FileName& file, const toml::source_region& where) {
  return {file, where.begin.line, where.begin.column};
}

absl::Status problem_in(const FileName& file, const toml::node& node, std::string_view what,
                        std::string_view remedy) {
  return problem_at(place_of(file, node.source()), what, remedy);
}

absl::Status with_place(const FileName& file, const toml::node& node, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(place_text(place_of(file, node.source())), ": ",
                                                  status.message()));
}

absl::Status take_string(const FileName& file, std::string_view key, const toml::node& node,
                         std::string_view remedy, std::string* out) {
  const auto* text = node.as_string();
  if (text == nullptr)
    return problem_in(file, node, absl::StrCat(std::string(key), " is not a string"), remedy);
  *out = text->get();
  return absl::OkStatus();
}

absl::Status take_bool(const FileName& file, std::string_view key, const toml::node& node,
                       bool* out) {
  const auto* truth = node.as_boolean();
  if (truth == nullptr) {
    return problem_in(file, node, absl::StrCat(std::string(key), " is neither true nor false"),
                      absl::StrCat("write ", std::string(key), " = true"));
  }
  *out = truth->get();
  return absl::OkStatus();
}

absl::Status take_reason_text(const FileName& file, const toml::node& node,
                              std::shared_ptr<const std::string>* out) {
  std::string text;
  if (auto status = take_string(file, "reason", node, "put it in quotes", &text); !status.ok())
    return status;
  if (text.size() > kMostReasonBytes) {
    return problem_in(file, node, "the reason is longer than 400 bytes", "say it in a sentence");
  }
  *out = std::make_shared<const std::string>(std::move(text));
  return absl::OkStatus();
}

absl::Status take_size(const FileName& file, std::string_view key, const toml::node& node,
                       uint64_t* out) {
  std::string text;
  if (const auto* number = node.as_integer(); number != nullptr && number->get() >= 0) {
    text = absl::StrCat(number->get());
  } else if (auto status =
                 take_string(file, key, node, "write bytes, or for example \"4KiB\"", &text);
             !status.ok()) {
    return status;
  }
  const auto size = parse_size(text);
  if (!size.ok()) return with_place(file, node, size.status());
  *out = *size;
  return absl::OkStatus();
}

absl::Status take_strings(const FileName& file, std::string_view key, std::string_view what,
                          const toml::node& node, std::vector<Item>* out) {
  const toml::array* list = node.as_array();
  if (list == nullptr) {
    return problem_in(file, node, absl::StrCat(std::string(key), " is not a list"),
                      absl::StrCat("write ", std::string(key), " = [\"...\", \"...\"]"));
  }
  for (const toml::node& item : *list) {
    const auto* text = item.as_string();
    if (text == nullptr) {
      return problem_in(file, item, absl::StrCat(std::string(what), " is not a string"),
                        "put it in quotes");
    }
    out->push_back({text->get(), place_of(file, item.source())});
  }
  return absl::OkStatus();
}

absl::Status unknown_key(const FileName& file, const toml::key& key,
                         const std::vector<std::string_view>& known) {
  std::string all = "the keys are ";
  for (const std::string_view name : known) {
    absl::StrAppend(&all, name == known.front() ? "" : ", ", std::string(name));
  }
  return problem_at(place_of(file, key.source()),
                    absl::StrCat("unknown key ", in_quotes(key.str())),
                    did_you_mean(key.str(), known, all));
}

}  // namespace sluice::cli
