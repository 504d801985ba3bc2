// A policy file, as the command reads it, to compiled rules.
#include <memory>

#include "cli/policy_parser.h"
#include "fuzz/target.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto kName = std::make_shared<const std::string>("policy.toml");
  auto file = cli::parse_policy(kName, fuzz::text_of({data, size}));
  const auto is_printable = [](const absl::Status& status) {
    // One line what, one line what to do; names safe to print, wherever they come from.
    size_t lines = 1;
    for (const char c : status.message()) {
      FUZZ_HOLDS((c >= ' ' && c != 0x7f) || c == '\n');
      lines += c == '\n';
    }
    FUZZ_HOLDS(lines <= 2);
  };
  if (!file.ok()) {
    is_printable(file.status());
    FUZZ_HOLDS(std::string(file.status().message()).starts_with("policy.toml:"));
    return 0;
  }
  cli::Policy policy;
  policy.rules = std::move(file->rules);
  cli::add_hidden(policy, {".of-the-command-line"});
  for (auto& graft : file->grafts) cli::put_graft(policy, std::move(graft));
  for (size_t i = 1; i < policy.grafts.size(); ++i)
    FUZZ_HOLDS(policy.grafts[i - 1].at < policy.grafts[i].at);
  const auto rules = cli::compile_policy(policy);
  if (!rules.ok()) {
    is_printable(rules.status());
    return 0;
  }
  FUZZ_HOLDS(rules->size() == policy.rules.size());
  // The privileged processes take what it compiles to.
  const auto again = core::Rules::decode(rules->bytes());
  FUZZ_HOLDS(again.ok() && *again == *rules);
  for (uint16_t i = 0; i < policy.rules.size(); ++i) {
    FUZZ_HOLDS(again->rule(static_cast<uint16_t>(i + 1)) == policy.rules[i].rule);
  }
  return 0;
}
