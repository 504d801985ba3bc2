// Paths that a worker which was taken over says were touched, as the policy that is proposed from
// them: whatever they are called, its text is read as the rules that it was made of and as no
// other, and shows what was touched.
#include <memory>

#include "cli/grafts.h"
#include "cli/learned_policy.h"
#include "cli/policy_parser.h"
#include "core/compiler.h"
#include "core/matcher.h"
#include "fuzz/target.h"

using namespace sluice;

namespace {

// Hides .env and *.key, keeps hooks/.
cli::CompiledPolicy careful_policy() {
  cli::CompiledPolicy made;
  const auto reason = std::make_shared<const std::string>("a \"reason\"");
  for (const auto& [pattern, effect] : {std::pair{".env", core::Effect::kHide},
                                        {"*.key", core::Effect::kHide},
                                        {"hooks/", core::Effect::kReadOnly}}) {
    made.policy.rules.push_back({pattern, {effect}, "says", {}, reason});
  }
  auto rules = cli::compile_policy(made.policy);
  FUZZ_HOLDS(rules.ok());
  made.rules = *std::move(rules);
  return made;
}

// A line each: how it was touched, and its path.
void touch_all(std::string_view text, cli::Touches* touches) {
  uint8_t message[wire::kTouchMost];
  while (text.size() > 1) {
    const auto how = static_cast<uint8_t>(text[0]);
    const size_t end = std::min(text.find('\n', 1), text.size());
    const std::string_view path = text.substr(1, std::min<size_t>(end - 1, 300));
    text.remove_prefix(std::min(end + 1, text.size()));
    const wire::TouchHeader header{0, static_cast<wire::Way>(1 + how % (wire::kWays - 1)), (how & 0x80) != 0,
                                   0};
    touches->take(std::span(message, wire::encode_touch(header, path, message)));
  }
}

}  // namespace

// Of policies with grafts, which none here has.
std::vector<core::Graft> cli::places_of(const std::vector<cli::PolicyGraft>&) { return {}; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const cli::CompiledPolicy careful = careful_policy();
  cli::Touches touches;
  touch_all(fuzz::text_of({data, size}), &touches);
  // What is there afterwards: some names of the directory that was touched, and others.
  const auto list = [&](std::string_view path) {
    std::vector<cli::SourceName> names = {
        {"Makefile", false}, {"a.c", false}, {"b.c", false}, {"dir", true}};
    if (path.size() % 2 == 1) names.push_back({"d.c", false});
    return names;
  };
  const auto learned = cli::learn_rules(touches, list, careful);
  if (!learned.ok()) {
    for (const char c : learned.status().message())
      FUZZ_HOLDS(static_cast<unsigned char>(c) >= ' ' || c == '\n');
    return 0;
  }
  const std::string text = cli::policy_text({"learned"}, *learned);
  for (const char c : text) FUZZ_HOLDS(static_cast<unsigned char>(c) >= ' ' || c == '\n');
  const auto file = cli::parse_policy(std::make_shared<const std::string>("learned.toml"), text);
  FUZZ_HOLDS(file.ok() && !file->read_only && !file->view && file->grafts.empty() &&
             file->includes.empty());
  size_t at = 0;
  cli::Policy policy;
  policy.rules = file->rules;
  for (const cli::LearnedRule& rule : *learned) {
    for (const std::string& path : rule.paths) {
      FUZZ_HOLDS(at < file->rules.size() && file->rules[at].pattern == path);
      FUZZ_HOLDS(file->rules[at].says.starts_with(rule.access));
      ++at;
    }
  }
  FUZZ_HOLDS(at == file->rules.size());
  const auto rules = cli::compile_policy(policy);
  if (!rules.ok()) return 0;
  core::Matcher matcher(*rules, 0), secrets(careful.rules, 0);
  for (const auto& [path, touched] : touches.paths()) {
    if (!touched.was_there() || careful.rules.hides(secrets.decide(path).of(touched.is_directory)))
      continue;
    FUZZ_HOLDS(!rules->hides(matcher.decide(path).of(touched.is_directory)));
  }
  return 0;
}
