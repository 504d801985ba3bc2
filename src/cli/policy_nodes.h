// What every part of a policy's parser needs: places, kinds of values, and keys with did-you-mean.
#pragma once

#include <absl/status/status.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/policy_rules.h"
#include "cli/toml.h"

namespace sluice::cli {

using FileName = std::shared_ptr<const std::string>;

Place place_of(const FileName& file, const toml::source_region& where);
absl::Status problem_in(const FileName& file, const toml::node& node, std::string_view what,
                        std::string_view remedy);
// A status about a value alone, with the place of the value in front.
absl::Status with_place(const FileName& file, const toml::node& node, const absl::Status& status);

// The string; or the problem that it is none: "KEY is not a string". remedy: how to write it.
absl::Status take_string(const FileName& file, std::string_view key, const toml::node& node,
                         std::string_view remedy, std::string* out);
absl::Status take_bool(const FileName& file, std::string_view key, const toml::node& node,
                       bool* out);

// A reason, in not too many words.
absl::Status take_reason_text(const FileName& file, const toml::node& node,
                              std::shared_ptr<const std::string>* out);

// Bytes: a number, or a string such as "4KiB".
absl::Status take_size(const FileName& file, std::string_view key, const toml::node& node,
                       uint64_t* out);

struct Item {
  std::string text;
  Place place;
};
// Strings of a list, each with its place. what: "a pattern"
absl::Status take_strings(const FileName& file, std::string_view key, std::string_view what,
                          const toml::node& node, std::vector<Item>* out);

// One key of a table, and the member that takes its value.
template <typename T>
struct Key {
  std::string_view name;
  absl::Status (T::*take)(const toml::node& node);
};

absl::Status unknown_key(const FileName& file, const toml::key& key,
                         const std::vector<std::string_view>& known);

// Gives each value of the table to its member, in the order of the file.
template <typename T>
absl::Status take_table(const FileName& file, const toml::table& table,
                        std::span<const Key<T>> keys, T& taker) {
  std::vector<std::pair<const toml::key*, const toml::node*>> entries;
  for (const auto& [key, value] : table) entries.emplace_back(&key, &value);
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return a.first->source().begin < b.first->source().begin;
  });
  for (const auto& entry : entries) {
    const toml::key& key = *entry.first;
    const auto known = std::find_if(keys.begin(), keys.end(),
                                    [&](const Key<T>& each) { return each.name == key.str(); });
    if (known == keys.end()) {
      std::vector<std::string_view> names;
      for (const Key<T>& each : keys) names.push_back(each.name);
      return unknown_key(file, key, names);
    }
    if (auto status = (taker.*known->take)(*entry.second); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace sluice::cli
