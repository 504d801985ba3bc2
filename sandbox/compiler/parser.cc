#include "sandbox/compiler/parser.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "sandbox/compiler/line_parser.h"

namespace sluice::sandbox {
namespace {

std::string trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

std::string beside(const std::string& path, const std::string& name) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  return folder + name + ".policy";
}

class FileParser {
 public:
  FileParser(const Loader& load, bool extra, Policy& policy, Diagnostics& diagnostics)
      : load_(load), extra_(extra), policy_(policy), diagnostics_(diagnostics) {}

  void file(const std::string& path, const Position& asked_at) {
    if (std::find(seen_.begin(), seen_.end(), path) != seen_.end()) {
      diagnostics_.push_back({asked_at, "'" + path + "' is included twice"});
      return;
    }
    seen_.push_back(path);
    const auto text = load_(path);
    if (!text) {
      diagnostics_.push_back({asked_at, "cannot read '" + path + "'"});
      return;
    }
    File state{{path, 0, 1}, false, {}, {}, {}};
    std::string_view rest = *text;
    while (!rest.empty()) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      ++state.at.line;
      line(rest.substr(0, end), state);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    if (!state.has_default) {
      diagnostics_.push_back(
          {{path, std::max(state.at.line, 1), 1}, "a policy starts with 'default kill'"});
    }
  }

 private:
  struct File {
    Position at;
    bool has_default;
    std::string comment;      // the comment lines directly above
    std::string last_call;    // of the line directly above, if it was a rule
    std::string last_reason;  // and its reason
  };

  void line(std::string_view text, File& file) {
    const std::string content = trimmed(text);
    if (content.empty() || content[0] == '#') {
      file.last_call.clear();
      if (content.empty()) {
        file.comment.clear();
      } else {
        file.comment += (file.comment.empty() ? "" : " ") + trimmed(content.substr(1));
      }
      return;
    }
    LineParser parser(tokens_of(text), file.at, diagnostics_);
    const std::string comment = std::exchange(file.comment, {});
    const std::string last_call = std::exchange(file.last_call, {});
    const Token first = parser.take();
    if (first.text == "default") {
      if (file.has_default) {
        parser.fail(first, "'default' stands once, as the first line");
      } else if (!parser.accept("kill")) {
        parser.fail(parser.peek(), "the only default is 'kill'");
      } else {
        parser.end();
      }
      file.has_default = true;
      return;
    }
    if (!file.has_default) {
      parser.fail(first, "a policy starts with 'default kill'");
      file.has_default = true;
    }
    if (first.kind != TokenKind::kWord) {
      parser.fail(first, "expected the name of a system call, found '" + first.text + "'");
    } else if (first.text == "include") {
      include(parser, file);
    } else {
      rule(parser, first, text, comment, last_call, file);
    }
  }

  void include(LineParser& parser, const File& state) {
    const Token name = parser.take();
    if (name.kind != TokenKind::kWord) {
      parser.fail(name, "expected the name of a policy");
    } else if (parser.end()) {
      file(beside(state.at.file, name.text), parser.position(name));
    }
  }

  void rule(LineParser& parser, const Token& name, std::string_view text,
            const std::string& comment, const std::string& last_call, File& file) {
    Rule rule;
    rule.call = name.text;
    rule.at = parser.position(name);
    rule.extra = extra_;
    rule.own_reason = !comment.empty();
    rule.reason = comment;
    if (comment.empty() && last_call == name.text) rule.reason = file.last_reason;
    file.last_call = name.text;
    file.last_reason = rule.reason;
    if (parser.accept("when")) {
      rule.text = trimmed(text.substr(static_cast<size_t>(parser.peek().column) - 1));
      do {
        const auto condition = parser.condition();
        if (!condition) return;
        rule.conditions.push_back(*condition);
      } while (parser.accept("and"));
    }
    if (parser.end()) policy_.rules.push_back(std::move(rule));
  }

  const Loader& load_;
  const bool extra_;
  Policy& policy_;
  Diagnostics& diagnostics_;
  std::vector<std::string> seen_;
};

}  // namespace

bool parse_policy(const std::string& path, bool extra, const Loader& load, Policy& policy,
                  Diagnostics& diagnostics) {
  const size_t before = diagnostics.size();
  FileParser(load, extra, policy, diagnostics).file(path, {path, 1, 1});
  return diagnostics.size() == before;
}

}  // namespace sluice::sandbox
