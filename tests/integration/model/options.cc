#include "tests/integration/model/options.h"

#include <getopt.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>

namespace sluice::model {
namespace {

constexpr char kUsage[] =
    "model_test [--seed N] [--steps N] [--rounds N] [--processes N] [--only PHASE]\n"
    "           [--deadline SECONDS] [--keep-going] [--self-check]\n"
    "  --seed N      replay one round, in one process (with --only and --steps as it was)\n"
    "  --self-check  both sides are plain directories: no difference may be found\n"
    "SLUICE_BIN: the directory of the programs. TMPDIR: where to work (default /var/tmp).\n";

std::string directory_of_this() {
  char path[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof(path) - 1);
  std::string directory(path, length < 0 ? 0 : static_cast<size_t>(length));
  directory.resize(directory.rfind('/') + 1);
  return directory.empty() ? "." : directory;
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  const char* programs = std::getenv("SLUICE_BIN");
  options.programs = programs != nullptr ? programs : directory_of_this();
  const char* work = std::getenv("TMPDIR");
  options.work = work != nullptr ? work : "/var/tmp";
  const struct option kLong[] = {{"seed", 1, nullptr, 's'},       {"steps", 1, nullptr, 'n'},
                                 {"rounds", 1, nullptr, 'r'},     {"processes", 1, nullptr, 'p'},
                                 {"only", 1, nullptr, 'o'},       {"deadline", 1, nullptr, 'd'},
                                 {"keep-going", 0, nullptr, 'k'}, {"self-check", 0, nullptr, 'c'},
                                 {nullptr, 0, nullptr, 0}};
  int option;
  while ((option = ::getopt_long(argc, argv, "", kLong, nullptr)) != -1) {
    const auto number = [] { return std::strtoull(optarg, nullptr, 10); };
    switch (option) {
      case 's':
        options.seed = number();
        options.one_round = true;
        break;
      case 'n':
        options.steps = number();
        break;
      case 'r':
        options.rounds = number();
        break;
      case 'p':
        options.processes = number();
        break;
      case 'o':
        options.only = optarg;
        break;
      case 'd':
        options.deadline_seconds = static_cast<int>(number());
        break;
      case 'k':
        options.keep_going = true;
        break;
      case 'c':
        options.self_check = true;
        break;
      default:
        std::fputs(kUsage, stderr);
        std::exit(2);
    }
  }
  return options;
}

}  // namespace sluice::model
