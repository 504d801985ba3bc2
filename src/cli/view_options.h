// What `mount` and `run` have in common: the words of the command, and the view that comes of them.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/identity.h"
#include "core/rules.h"
#include "os/fd.h"

namespace CLI {
class App;
}

namespace sluice::cli {

struct Policy;  // cli/policy_rules.h

struct ViewOptions {
  std::string source;
  std::string identity;
  std::string name;
  std::string policy;
  std::optional<std::string> coherence;  // not given: as the policy says, or 1s
  std::string socket;
  std::vector<std::string> hide;
  std::vector<std::string> graft;  // AT=DIRECTORY[:ro]
  std::vector<std::string> allow_missing;
  bool read_only = false;
  bool device_nodes = false;
  bool record = false;  // asked for by no option: of sluice policy learn
  std::shared_ptr<const Policy> read;  // instead of policy: read already, of view_file
  std::string view_file;  // --view, and where it says what is above: "FILE:LINE:COLUMN", or empty
  std::string source_place, target_place, identity_place;
};
// A problem with what was said at a place, if it was said in a file.
absl::Status problem_of(const std::string& place, const absl::Status& status);

void add_view_options(CLI::App& command, ViewOptions& options);
// Of these, who the view acts as, and which service makes it.
void add_who_options(CLI::App& command, ViewOptions& options);

// What makes the rules: --policy and --hide, in this order.
void add_rule_options(CLI::App& command, ViewOptions& options);
absl::StatusOr<core::Rules> compile_rules(const ViewOptions& options);  // for a view that serves

// The source, opened and looked at.
struct Source {
  os::Fd fd;         // O_PATH; none: no descriptor
  std::string path;  // absolute, without links
  uint32_t owner;
};
// what: it is for people.
absl::StatusOr<Source> open_source(const std::string& path, const char* what = "source");
// The same; "none", as mount(8) has it, is a tree of nothing but grafts. A directory of that name is
// ./none.
absl::StatusOr<Source> open_source_or_none(const std::string& path);

enum class Lifetime {
  kCommand,     // of `sluice run`: ends with it, and does not disturb its output
  kForeground,  // of `sluice mount`: ends with it
  kMount,       // until it is unmounted
  kHostMount,   // the same, and by the host's service: never by a private one
};

struct View {
  os::Fd mount;       // detached; to be attached somewhere
  Service service;    // while its connection is open, a tied view lives
  std::string name;
  Identity identity;
  bool read_only;
  os::Fd record;  // wire/touch.h, if it was asked for
  std::optional<uint64_t> file_size;  // Lifetime::kCommand: what the policy bounds the command by
};
// Asks the service, or a private one where there is none, for a view of source. target: shown only.
absl::StatusOr<View> request_view(const ViewOptions& options, const Source& source,
                                  const std::string& target, Lifetime lifetime);

}  // namespace sluice::cli
