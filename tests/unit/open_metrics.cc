#include "open_metrics.h"

#include <cstdlib>
#include <set>
#include <sstream>

namespace sluice::test {
namespace {

bool is_name(const std::string& text, bool colons) {
  if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!letter && !(colons && c == ':')) return false;
  }
  return true;
}
bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

class Reader {
 public:
  Metrics read(const std::string& text) {
    std::istringstream stream(text);
    if (text.empty() || text.back() != '\n') complain("the last line has no end");
    if (text.find('\r') != std::string::npos) complain("a carriage return");
    for (std::string line; std::getline(stream, line);) {
      if (ended_) complain("something behind # EOF: " + line);
      if (line == "# EOF") {
        ended_ = true;
      } else if (line.rfind("# ", 0) == 0) {
        read_comment(line);
      } else {
        read_sample(line);
      }
    }
    if (!ended_) complain("no # EOF");
    return std::move(result_);
  }

 private:
  void complain(const std::string& what) { result_.complaints.push_back(what); }

  void read_comment(const std::string& line) {
    std::istringstream words(line);
    std::string hash, kind, name, type, more;
    words >> hash >> kind >> name;
    if (kind != "TYPE" && kind != "HELP" && kind != "UNIT") return complain("a comment: " + line);
    if (!is_name(name, true)) complain("not a name: " + line);
    if (name != family_) {
      if (!families_.insert(name).second) complain("a family in two places: " + name);
      family_ = name;
      type_.clear();
      said_.clear();
      in_samples_ = false;
    }
    if (in_samples_) complain("behind its samples: " + line);
    if (!said_.insert(kind).second) complain("twice: " + line);
    if (kind == "TYPE") {
      words >> type_ >> more;
      if (type_ != "counter" && type_ != "gauge") complain("the type: " + line);
      if (!more.empty()) complain("too much: " + line);
      for (const char* suffix : {"_total", "_created", "_bucket", "_count", "_sum", "_info"}) {
        if (ends_with(name, suffix)) complain("a reserved end of a family's name: " + line);
      }
    } else if (kind == "HELP") {
      const std::string help = line.substr(std::string("# HELP ").size() + name.size());
      if (help.size() < 3 || help[0] != ' ') complain("no help: " + line);
    }
  }

  void read_sample(const std::string& line) {
    size_t at = line.find_first_of("{ ");
    if (at == std::string::npos) return complain("no value: " + line);
    const std::string name = line.substr(0, at);
    if (name != family_ + (type_ == "counter" ? "_total" : "")) complain("not of its family: " + line);
    if (said_.count("TYPE") == 0) complain("no type: " + line);
    in_samples_ = true;
    std::set<std::string> labels;
    if (line[at] == '{') {
      ++at;
      while (line[at] != '}') {
        const size_t equals = line.find('=', at);
        if (equals == std::string::npos || line[equals + 1] != '"') return complain("a label: " + line);
        const std::string label = line.substr(at, equals - at);
        if (!is_name(label, false) || label.rfind("__", 0) == 0) complain("the label " + label);
        if (!labels.insert(label).second) complain("a label twice: " + line);
        at = equals + 2;
        for (; at < line.size() && line[at] != '"'; ++at) {
          const auto byte = static_cast<unsigned char>(line[at]);
          if (byte < 0x20 || byte > 0x7e) complain("not printable: " + line);
          if (line[at] != '\\') continue;
          ++at;
          if (at >= line.size() || (line[at] != '\\' && line[at] != '"' && line[at] != 'n')) {
            return complain("an escape: " + line);
          }
        }
        if (at >= line.size()) return complain("a value without an end: " + line);
        ++at;
        if (line[at] == ',') {
          if (line[++at] == '}') complain("a comma at the end: " + line);
        } else if (line[at] != '}') {
          return complain("behind a label: " + line);
        }
      }
      ++at;
    }
    const std::string key = line.substr(0, at);
    if (at >= line.size() || line[at] != ' ') return complain("no value: " + line);
    const std::string number = line.substr(at + 1);
    char* end = nullptr;
    const double value = std::strtod(number.c_str(), &end);
    if (number.empty() || number[0] == ' ' || *end != '\0') complain("the number: " + line);
    if (type_ == "counter" && !(value >= 0)) complain("a counter below 0: " + line);
    if (!result_.samples.emplace(key, value).second) complain("the same sample twice: " + line);
  }

  Metrics result_;
  std::set<std::string> families_, said_;
  std::string family_, type_;
  bool in_samples_ = false, ended_ = false;
};

}  // namespace

Metrics read_open_metrics(const std::string& text) { return Reader().read(text); }

}  // namespace sluice::test
