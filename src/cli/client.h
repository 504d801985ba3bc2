// Reaching a service: the host's, or a private one for one view.
#pragma once

#include <absl/status/statusor.h>

#include <span>
#include <string>
#include <vector>

#include "os/fd.h"
#include "wire/control.h"
#include "wire/totals.h"

namespace sluice::cli {

// The socket that an option, SLUICE_SOCKET or the default names.
std::string service_socket(const std::string& option);
// A program of ours, which lies beside this command in a build tree, and in libexec when installed.
std::string program_beside(const std::string& name);

// The host's service, or a private one.
struct Service {
  os::Fd connection;
  pid_t private_pid = -1;  // a child of this process, if it is a private one in the foreground
};
// After the connection was closed: waits until a private service has ended its view.
void wait_for_service(const Service& service);

// How a private service is to be.
struct PrivateService {
  bool preserve;    // may keep all owners
  bool background;  // outlives this command and its terminal
  bool quiet;       // its log does not mix with a command's output
  std::vector<std::string> allow_missing;  // names of protections
  bool device_nodes;  // may make them
  bool never = false;  // only the host's will do
};

// Connects to the service. Where none listens and the caller is root, starts a private sluiced for
// one view instead.
absl::StatusOr<Service> reach_service(const std::string& socket, const PrivateService& how);

struct Answer {
  wire::Reply reply;
  std::vector<os::Fd> fds;
};
// Sends a hello and fds (borrowed) and waits for the reply. A refusal is a status that says why.
absl::StatusOr<Answer> ask(int connection, const wire::Hello& hello, std::span<const int> fds,
                           const std::string& what);

// A view and the socket at which its service answers.
struct ListedView {
  wire::ViewInfo info;
  std::string socket;
};
// All views of the service and of private ones that the caller may see. Touches no mounted path.
absl::StatusOr<std::vector<ListedView>> list_views(const std::string& socket);

// What a service has counted; only root is told.
absl::StatusOr<wire::Totals> totals_of(const std::string& socket);

}  // namespace sluice::cli
