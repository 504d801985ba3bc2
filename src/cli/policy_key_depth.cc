#include "cli/policy_key_depth.h"

namespace sluice::cli {
namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::optional<TextPosition> find() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') step();
        continue;
      }
      if (c == '"' || c == '\'') {
        begin_part();
        skip_string(c);
        continue;
      }
      if (c == '.') {
        if (++dots_ == kMostKeyParts) return key_;
      } else if (is_end(c)) {
        dots_ = 0;
        begun_ = false;
      } else if (c != ' ' && c != '\t' && c != '\r') {
        begin_part();
      }
      step();
    }
    return std::nullopt;
  }

 private:
  // What no key goes on behind.
  static bool is_end(char c) {
    return c == '\n' || c == ',' || c == '=' || c == '[' || c == ']' || c == '{' || c == '}';
  }

  void step() {
    const auto byte = static_cast<unsigned char>(text_[at_++]);
    if (byte == '\n') {
      here_ = {here_.line + 1, 1};
    } else if ((byte & 0xC0) != 0x80) {
      ++here_.column;
    }
  }
  void begin_part() {
    if (!begun_) key_ = here_;
    begun_ = true;
  }

  bool follows(char quote, size_t times) const {
    for (size_t i = 0; i < times; ++i) {
      if (at_ + i >= text_.size() || text_[at_ + i] != quote) return false;
    }
    return true;
  }
  void skip(size_t bytes) {
    for (; bytes > 0 && at_ < text_.size(); --bytes) step();
  }
  void skip_string(char quote) {
    const bool lines = follows(quote, 3);
    const size_t marks = lines ? 3 : 1;
    skip(marks);
    while (at_ < text_.size()) {
      if (follows(quote, marks)) {
        skip(marks);
        // Of five quotes at the end the first two belong to the string.
        while (lines && follows(quote, 1)) skip(1);
        return;
      }
      if (!lines && text_[at_] == '\n') return;  // an error
      skip(quote == '"' && text_[at_] == '\\' ? 2 : 1);
    }
  }

  std::string_view text_;
  size_t at_ = 0;
  TextPosition here_{1, 1};
  TextPosition key_{1, 1};
  size_t dots_ = 0;
  bool begun_ = false;
};

}  // namespace

std::optional<TextPosition> find_deep_key(std::string_view text) { return Scanner(text).find(); }

}  // namespace sluice::cli
