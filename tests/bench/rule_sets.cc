#include "rule_sets.h"

#include <cstdio>
#include <random>

#include "core/path.h"

namespace sluicebench {
namespace {

using sluice::core::Effect;
using sluice::core::Rule;

constexpr size_t kMostRules = sluice::core::kMaxRules;
constexpr size_t kMostBytes = sluice::core::kMaxRulesBytes;

std::string Repeated(std::string_view piece, size_t times) {
  std::string all;
  while (times-- > 0) all += piece;
  return all;
}

std::string Number(size_t number) {
  char text[24];
  std::snprintf(text, sizeof(text), "%zx", number);
  return text;
}

// The same for the same seed, however many are asked for.
size_t Mixed(size_t number) { return (number * 2654435761u) >> 7 & 0xFFFFF; }

Rule EffectOf(size_t number) {
  switch (number % 16) {
    case 11: return {Effect::kReadOnly};
    case 12: return {Effect::kDeny, false, 13};
    case 13: return {Effect::kMask};
    case 14: return {Effect::kMode, false, 0700u << 16};
    case 15: return {Effect::kNoExecute};
    default: return {};
  }
}

std::string Pattern(size_t number) {
  const std::string name = Number(Mixed(number) % 0xFFFF);
  switch (number % 8) {
    case 0: return "*." + name;
    case 1: return "key" + name;
    case 2: return "/src/" + name + "/";
    case 3: return name + "/";
    case 4: return "doc/**/" + name;
    case 5: return "*~" + name.substr(0, 3) + "?";
    case 6: return "/build/x" + name;
    default: return "." + name + "*";
  }
}

}  // namespace

RuleTexts PeoplesRules(size_t count) {
  // What everybody has, and then more and more of it.
  static constexpr std::string_view kFirst[] = {".env", "*.key", "*.pem", "id_*", "/build/", "node_modules/",
                                               "/doc/**/draft*", "*.[oa]", "!public.key", ".git/"};
  RuleTexts rules;
  for (size_t i = 0; i < count; ++i) {
    if (i < std::size(kFirst)) {
      rules.push_back({std::string(kFirst[i]), {}});
    } else {
      rules.push_back({Pattern(i), EffectOf(i)});
    }
  }
  return rules;
}

std::vector<std::string> PeoplesPaths() {
  static constexpr std::string_view kDirectories[] = {"src", "src/net", "src/net/tls", "doc", "doc/man", "tests",
                                                      "tests/unit", "include/app", "build/obj", "tools"};
  static constexpr std::string_view kNames[] = {"main", "server", "client", "config", "README", "table", "index", "utils"};
  static constexpr std::string_view kEndings[] = {".cc", ".h", ".md", ".json", ".o", ".key", "", "_test.cc"};
  std::vector<std::string> paths;
  for (const auto directory : kDirectories) {
    for (const auto name : kNames) {
      for (const auto ending : kEndings) {
        std::string path(directory);
        path.append("/").append(name).append(ending);
        paths.push_back(path);
      }
    }
  }
  for (size_t i = 16; i < 176; ++i) {
    const std::string name = Number(Mixed(i) % 0xFFFF);
    switch (i % 8) {
      case 0: paths.push_back("src/net/file." + name); break;
      case 1: paths.push_back("tests/key" + name); break;
      case 2: paths.push_back("src/" + name + "/main.cc"); break;
      case 4: paths.push_back("doc/man/old/" + name); break;
      case 6: paths.push_back("build/x" + name); break;
      default: paths.push_back("tools/" + name);
    }
  }
  return paths;
}

RuleTexts HostileRules(size_t count) {
  RuleTexts rules;
  for (size_t i = 0; i < count; ++i) {
    const std::string name = Number(Mixed(i) % 0xFFF);
    switch (i % 4) {
      case 0: rules.push_back({"*a" + Repeated("?", 1 + i % 16) + name, {}}); break;
      case 1: rules.push_back({"*a*b*" + name, {}}); break;
      case 2: rules.push_back({"**/a/**/" + name, {}}); break;
      default: rules.push_back({"*[ab]?" + name + "*", EffectOf(i)});
    }
  }
  return rules;
}

std::vector<std::string> HostilePaths() {
  std::mt19937 random(1);
  std::vector<std::string> paths;
  for (int i = 0; i < 50; ++i) {
    std::string path;
    for (int names = 0; names < 4; ++names) {
      if (names > 0) path += '/';
      for (int byte = 0; byte < 60; ++byte) path += "ab0a"[random() % 4];
    }
    paths.push_back(path);
  }
  return paths;
}

std::string HostilePath() {
  std::mt19937 random(2);
  std::string path;
  while (path.size() < sluice::core::kMaxPathBytes) path += path.size() % 256 == 255 ? '/' : "abcd01ef"[random() % 8];
  return path;
}

std::vector<HostilePolicy> HostilePolicies() {
  std::vector<HostilePolicy> all;
  const auto repeat = [&](const std::string& name, size_t count, auto pattern) {
    all.push_back({name, [count, pattern] {
                     RuleTexts rules;
                     for (size_t i = 0; i < count; ++i) rules.push_back({pattern(i), {}});
                     return rules;
                   }});
  };
  repeat("10,000 rules, all different", kMostRules, [](size_t i) { return "x" + Number(i); });
  repeat("10,000 rules, all the same", kMostRules, [](size_t) { return std::string("*a?"); });
  repeat("10,001 rules", kMostRules + 1, [](size_t i) { return Number(i); });
  repeat("10,000 rules of 100 bytes that begin alike", kMostRules,
         [](size_t i) { return std::string(96, 'a') + Number(0x1000 + i); });
  repeat("10,000 rules of 4,095 bytes, all the same", kMostRules, [](size_t) { return std::string(4095, 'a'); });
  repeat("160 KiB of bytes", kMostBytes / 4104, [](size_t i) { return "/" + Number(16 + i) + std::string(4080, 'a'); });
  repeat("160 KiB of stars", kMostBytes / 6200,
         [](size_t i) { return "/" + Number(16 + i) + Repeated("a*", 2040); });
  repeat("stars in names as long as names are", 200, [](size_t i) { return Number(i) + Repeated("*a", 250); });
  repeat("deep stars", kMostBytes / 4200, [](size_t i) { return "**/" + Number(16 + i) + Repeated("/**/a", 810); });
  repeat("many short deep stars", 4000, [](size_t i) { return "**/" + Number(i) + "/**/*/**/*a"; });
  repeat("many stars of many rules", 5000, [](size_t i) { return "*" + Number(i) + "*a*b*"; });
  repeat("question marks", 250, [](size_t) { return std::string(4090, '?'); });
  repeat("brackets of the widest range", 250, [](size_t) { return "[" + Repeated("\x01-\xff", 1360) + "]"; });
  repeat("brackets of classes", 250, [](size_t) { return "[!" + Repeated("[:alnum:]", 454) + "]"; });
  repeat("as many sets as there may be, and then the last", 300, [](size_t i) {
    if (i < 254) return std::string("[") + static_cast<char>('a' + i % 16) + "-" + static_cast<char>(0x80 + i / 16) + "]";
    return Repeated("[p-\x8f]", 680);
  });
  // The first tells them apart; of the others there are forty.
  repeat("sets between stars, of which each goes on by itself", 200, [](size_t i) {
    std::string pattern = std::string("*[abcdef") + static_cast<char>(0x80 + i % 100) + static_cast<char>('0' + i / 100) + "]";
    for (size_t k = 0; k < 145; ++k) {
      const size_t which = (i * 7 + k * k) % 40;
      pattern += std::string("*[") + "abcdef01"[which % 8] + "abcdef01"[(which + 1 + which / 8) % 8] + "]";
    }
    return pattern;
  });
  repeat("sets without end", 10, [](size_t i) {
    std::string pattern;
    for (size_t k = 0; k < 500; ++k) {
      pattern += std::string("[") + static_cast<char>(0x80 + k % 100) + static_cast<char>('a' + i) + static_cast<char>('!' + 2 + k / 100) + "]";
    }
    return pattern;
  });
  return all;
}

}  // namespace sluicebench
