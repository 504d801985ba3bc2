// policyc: compiles a policy to BPF in a C++ header, or describes it.
//
//   policyc NAME.policy -o out.h [--extra sanitizer.policy] [--symbol function]
//   policyc --describe|--json|--golden NAME.policy [--extra ...]
//
// Exit status: 0 done, 1 the policy is at fault (file:line:column: message), 2 wrong use.
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "sandbox/compiler/builder.h"
#include "sandbox/compiler/compile.h"
#include "sandbox/compiler/meaning.h"
#include "sandbox/compiler/report.h"

namespace sluice::sandbox {
namespace {

struct Options {
  std::string path;
  std::string out;
  std::string symbol;
  std::string mode;  // --describe, --json, --golden, or empty: compile
  std::vector<std::string> extras;
};

int usage() {
  std::fputs(
      "usage: policyc NAME.policy -o OUT.h [--extra EXTRA.policy]... [--symbol FUNCTION]\n"
      "       policyc --describe|--json|--golden NAME.policy [--extra EXTRA.policy]...\n",
      stderr);
  return 2;
}

bool read_options(const std::vector<std::string>& args, Options& options) {
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i];
    const bool takes_value = arg == "-o" || arg == "--symbol" || arg == "--extra";
    if (takes_value && i + 1 == args.size()) return false;
    if (arg == "-o") {
      options.out = args[++i];
    } else if (arg == "--symbol") {
      options.symbol = args[++i];
    } else if (arg == "--extra") {
      options.extras.push_back(args[++i]);
    } else if (arg == "--describe" || arg == "--json" || arg == "--golden") {
      if (!options.mode.empty()) return false;
      options.mode = arg;
    } else if (arg.starts_with("-") || !options.path.empty()) {
      return false;
    } else {
      options.path = arg;
    }
  }
  return !options.path.empty() && options.mode.empty() != options.out.empty();
}

bool write_file(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (out) return true;
  std::fprintf(stderr, "policyc: cannot write '%s'\n", path.c_str());
  return false;
}

std::string symbol_for(const Policy& policy) {
  std::string symbol = policy.name + "_policy";
  for (char& c : symbol) c = c == '-' ? '_' : c;
  return symbol;
}

int fault(const std::string& path, const std::string& message) {
  std::fprintf(stderr, "%s:1:1: %s\n", path.c_str(), message.c_str());
  return 1;
}

int run(const Options& options) {
  Diagnostics diagnostics;
  const Policy policy = load_policy(options.path, options.extras, load_file, diagnostics);
  for (const Diagnostic& d : diagnostics) std::fprintf(stderr, "%s\n", to_string(d).c_str());
  if (!diagnostics.empty()) return 1;

  std::string error;
  const std::vector<Instruction> program = build_program(policy, error);
  if (program.empty()) return fault(options.path, error);
  // A filter that does not say what its text says is not written, whoever is at fault.
  const std::string difference = first_difference(policy, program);
  if (!difference.empty()) return fault(options.path, "wrong program: " + difference);

  if (options.mode == "--describe") {
    std::fputs(describe_text(policy).c_str(), stdout);
  } else if (options.mode == "--json") {
    std::fputs(json_text(policy, program.size()).c_str(), stdout);
  } else if (options.mode == "--golden") {
    std::fputs(golden_text(policy).c_str(), stdout);
  } else {
    const std::string symbol = options.symbol.empty() ? symbol_for(policy) : options.symbol;
    if (!write_file(options.out, header_text(policy, program, symbol))) return 1;
  }
  return 0;
}

}  // namespace
}  // namespace sluice::sandbox

int main(int argc, char** argv) {
  sluice::sandbox::Options options;
  if (!sluice::sandbox::read_options({argv + 1, argv + argc}, options)) {
    return sluice::sandbox::usage();
  }
  return sluice::sandbox::run(options);
}
