#include "sandbox/compiler/compile.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <tuple>

#include "sandbox/compiler/lint.h"
#include "sandbox/compiler/resolve.h"

namespace sluice::sandbox {
namespace {

std::string name_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string file = slash == std::string::npos ? path : path.substr(slash + 1);
  return file.substr(0, file.find('.'));
}

}  // namespace

Policy load_policy(const std::string& path, const std::vector<std::string>& extras,
                   const Loader& load, Diagnostics& diagnostics) {
  Policy policy{name_of(path), {}};
  parse_policy(path, false, load, policy, diagnostics);
  for (const std::string& extra : extras) parse_policy(extra, true, load, policy, diagnostics);
  resolve(policy, diagnostics);
  lint(policy, diagnostics);
  std::stable_sort(diagnostics.begin(), diagnostics.end(),
                   [](const Diagnostic& a, const Diagnostic& b) {
                     return std::tie(a.at.file, a.at.line, a.at.column) <
                            std::tie(b.at.file, b.at.line, b.at.column);
                   });
  return policy;
}

std::optional<std::string> load_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (in.bad()) return std::nullopt;
  return text;
}

}  // namespace sluice::sandbox
