#include "cli/grafts.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "cli/output.h"
#include "cli/view_options.h"
#include "core/escape.h"

namespace sluice::cli {

absl::StatusOr<Grafts> open_grafts(const std::vector<std::string>& words) {
  struct Written {
    core::Graft graft;
    std::string directory;
  };
  std::vector<Written> written;
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    Written one{{word.substr(0, equals), false},
                equals == std::string::npos ? "" : word.substr(equals + 1)};
    one.graft.read_only = one.directory.ends_with(":ro");
    if (one.graft.read_only) one.directory.resize(one.directory.size() - 3);
    if (one.directory.empty() || !core::valid_grafts({&one.graft, 1})) {
      return problem(absl::StatusCode::kInvalidArgument,
                     absl::StrCat("--graft ", "\"", core::escaped(word), "\"", " is not AT=DIRECTORY"),
                     "AT is a path in the view, without '/' at its ends, \".\" or \"..\"");
    }
    written.push_back(std::move(one));
  }
  std::sort(written.begin(), written.end(),
            [](const Written& a, const Written& b) { return a.graft.at < b.graft.at; });
  Grafts grafts;
  for (Written& one : written) {
    auto source = open_source(one.directory);
    if (!source.ok()) return source.status();
    grafts.directories.push_back(std::move(source->fd));
    grafts.places.push_back(std::move(one.graft));
  }
  if (!core::valid_grafts(grafts.places)) {
    return problem(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("more than ", core::kMostGrafts, " grafts, or two at one place"),
                   "name each place once");
  }
  return grafts;
}

}  // namespace sluice::cli
