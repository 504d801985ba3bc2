#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/view_file.h"
#include "core/escape.h"
#include "core/limits.h"
#include "os/socket.h"

namespace sluice::cli {
namespace {

absl::StatusOr<uint32_t> reload(const ReloadOptions& options, core::Rules rules) {
  const std::string shown = absl::StrCat("view \"", core::escaped(options.name), "\"");
  auto views = list_views(service_socket(options.view.socket));
  if (!views.ok()) return views.status();
  const auto view = std::find_if(views->begin(), views->end(), [&](const ListedView& listed) {
    return listed.info.name == options.name;
  });
  if (view == views->end()) return problem({ENOENT, core::Reason::kNoSuchView}, shown);
  if (view->info.foreign) {
    return problem(absl::StatusCode::kFailedPrecondition,
                   absl::StrCat("\"", core::escaped(options.name), "\" is no view, but the connection of another FUSE server"),
                   "name a view of sluice ls: a connection has no rules");
  }
  auto connection = os::connect_to(view->socket);
  if (!connection.ok()) return problem(connection.failure(), core::escaped(view->socket));
  (void)os::set_timeout(connection->get(), core::Limits::kSetupSeconds * 1000);
  wire::Hello hello;
  hello.kind = wire::HelloKind::kReload;
  hello.name = options.name;
  hello.rules = std::move(rules);
  auto answer = ask(connection->get(), hello, {}, shown);
  if (!answer.ok()) return answer.status();
  return answer->reply.count;
}

}  // namespace

int reload_command(const ReloadOptions& given) {
  ReloadOptions options = given;
  std::string target;                // of the file, as for sluice mount
  std::vector<std::string> command;  // and for sluice run
  if (auto taken = take_view_file(&options.view, &target, &command); !taken.ok()) return report(taken);
  if (options.name.empty()) options.name = options.view.name;
  if (options.name.empty()) {
    return report(problem(absl::StatusCode::kInvalidArgument, "NAME is missing", "see sluice ls for the names"));
  }
  auto rules = compile_rules(options.view);
  if (!rules.ok()) return report(rules.status());
  const size_t count = rules->size();
  auto open = reload(options, *std::move(rules));
  if (!open.ok()) return report(open.status());
  if (options.json) {
    const nlohmann::json said{{"name", options.name}, {"rules", count}, {"open_by_old_rules", *open}};
    std::printf("%s\n", said.dump().c_str());
    return kExitOk;
  }
  std::printf("sluice: %s: %zu %s from now on", options.name.c_str(), count, count == 1 ? "rule" : "rules");
  if (*open > 0) {
    std::printf("; %u open %s what the old rules gave, until closed", *open,
                *open == 1 ? "file keeps" : "files keep");
  }
  std::printf("\n");
  return kExitOk;
}

}  // namespace sluice::cli
