#include "cli/view_file.h"

#include <absl/strings/str_cat.h>

#include <memory>
#include <string_view>
#include <utility>

#include "cli/output.h"
#include "cli/policy_file.h"
#include "wire/control.h"

namespace sluice::cli {
namespace {

// "/etc/sluice/views/NAME.toml" is the view NAME, unless the file says otherwise.
std::string name_of(std::string_view file) {
  file.remove_prefix(file.rfind('/') + 1);
  if (file.ends_with(".toml")) file.remove_suffix(5);
  return wire::valid_view_name(file) ? std::string(file) : std::string();
}

// What the command line says already, stays.
void take(const Item& item, std::string* value, std::string* place) {
  if (item.text.empty() || !value->empty()) return;
  *value = item.text;
  *place = place_text(item.place);
}

}  // namespace

absl::Status take_view_file(ViewOptions* options, std::string* target, std::vector<std::string>* command) {
  if (options->view_file.empty()) return absl::OkStatus();
  const std::string_view file = options->view_file;
  if (!options->policy.empty()) {
    return problem(absl::StatusCode::kInvalidArgument, "--view and --policy, which is in it",
                   "include the policy in the file");
  }
  auto read = read_view(options->view_file);
  if (!read.ok()) return read.status();
  const ViewTable& view = read->view;
  take(view.source, &options->source, &options->source_place);
  take(view.target, target, &options->target_place);
  take(view.identity, &options->identity, &options->identity_place);
  if (options->name.empty()) options->name = view.name.text.empty() ? name_of(file) : view.name.text;
  if (command->empty()) {
    for (const Item& word : view.command) command->push_back(word.text);
  }
  // Once, so that table and rules are of one text.
  options->read = std::make_shared<const Policy>(std::move(read->policy));
  return absl::OkStatus();
}

}  // namespace sluice::cli
