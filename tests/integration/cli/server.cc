// A FUSE server that is no part of the project and has a broker for its connection, until standard input ends.
//   cli_server SOCKET DIRECTORY UID FILE     prints the reason of a refusal, or "none" once FILE is granted
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "core/reason_text.h"
#include "tests/adversary/idle_server.h"

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const auto uid = static_cast<uint32_t>(std::atoi(argv[3]));
  const sluice::adversary::IdleServer server(argv[1], argv[2], uid, uid, argv[4]);
  const std::string reason(sluice::core::reason_name(server.reason()));
  std::printf("%s\n", reason.c_str());
  std::fflush(stdout);
  char nothing;
  while (::read(STDIN_FILENO, &nothing, 1) > 0) {
  }
  return 0;
}
