#include "turns.h"

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace sluicebench {
namespace {

// The service starts the programs that lie beside its own.
std::string Assemble(const Ground& ground, const Variant& variant) {
  const std::string directory = ground.base + "/programs-" + variant.name;
  Must(::mkdir(directory.c_str(), 0755), directory);
  for (const char* program : {"/sluice", "/sluiced", "/sluice-foreign-broker", "/sluice-broker", "/sluice-worker"}) {
    const bool shipped = std::strchr(program, '-') == nullptr || std::strstr(program, "foreign") != nullptr;
    const std::string from = (shipped ? BinDirectory() : variant.directory) + program;
    std::error_code error;
    std::filesystem::copy_file(from, directory + program, error);
    if (error) throw Failure(from + ": " + error.message());
  }
  return directory;
}

int FiltersOf(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("Seccomp_filters:", 0) == 0) return std::stoi(line.substr(16));
  }
  throw Failure("the kernel does not say how many filters a process has");
}

double Time(const Turn& turn, const std::string& directory, int* number) {
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < turn.batch; ++i) turn.once(directory, (*number)++);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  return took.count() / turn.batch;
}

}  // namespace

std::vector<double> Timings::Of(size_t variant) const {
  std::vector<double> all;
  for (const auto& round : seconds) all.push_back(round[variant]);
  return all;
}

Ratio Timings::ToFirst(size_t variant) const {
  std::vector<double> all;
  for (const auto& round : seconds) all.push_back(round[variant] / round[0]);
  return RatioOf(all);
}

Stage::Stage(const Ground& ground, const std::vector<Variant>& variants, const Deadline& deadline)
    : deadline_(deadline) {
  for (const Variant& variant : variants) {
    Ground& its = grounds_.emplace_back(ground);
    its.view = "/view-" + variant.name;
    MakeOwned(its.target());
    const std::string programs = Assemble(ground, variant);
    views_.push_back(std::make_unique<View>(its, deadline, std::string(), programs));
    CheckFilters(variant, *views_.back());
  }
}

// That the variant is one: what the linker left out is not there, and what it left in is.
void Stage::CheckFilters(const Variant& variant, const View& view) const {
  int found = 0;
  for (const Process& process : Descendants(view.command_pid())) {
    if (process.name != "sluice-broker" && process.name != "sluice-worker") continue;
    ++found;
    if ((FiltersOf(process.pid) != 0) != variant.filtered) {
      throw Failure(variant.name + ": " + process.name + " is not confined as its name says");
    }
  }
  if (found != 2) throw Failure(variant.name + ": not one broker and one worker");
}

uint64_t Stage::Count(size_t variant, const char* request) const {
  const Counts counts = views_[variant]->Requests(deadline_);
  const auto found = counts.find(request);
  return found == counts.end() ? 0 : found->second;
}

Timings Stage::Run(const Turn& turn, int rounds) {
  const size_t count = views_.size();
  std::vector<uint64_t> before;
  for (size_t i = 0; i < count; ++i) before.push_back(Count(i, turn.request));
  const auto timed = [&] {
    std::vector<int> numbers(count, next_[turn.name]);
    std::string bytes;
    for (int round = -kWarmUpRounds; round < rounds; ++round) {
      std::vector<double> seconds(count);
      // Each is first as often as the others, and follows each of them.
      for (size_t i = 0; i < count; ++i) {
        const size_t of = (static_cast<size_t>(round + kWarmUpRounds) + i) % count;
        seconds[of] = Time(turn, grounds_[of].target(), &numbers[of]);
      }
      if (round < 0) continue;
      bytes.append(reinterpret_cast<const char*>(seconds.data()), count * sizeof(double));
    }
    return bytes;
  };
  const std::string bytes = InChild(kIdentity, timed, deadline_, turn.name);
  const int done = (rounds + kWarmUpRounds) * turn.batch;
  const auto operations = static_cast<uint64_t>(done);
  next_[turn.name] += done;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t asked = Count(i, turn.request) - before[i];
    if (asked < operations || asked > operations + operations / 10) {
      throw Failure(std::string(turn.name) + ": " + std::to_string(asked) + " times " +
                    turn.request + " for " + std::to_string(operations) + " operations");
    }
  }
  Timings timings{turn.name, {}};
  for (size_t at = 0; at < bytes.size(); at += count * sizeof(double)) {
    std::vector<double>& round = timings.seconds.emplace_back(count);
    std::memcpy(round.data(), bytes.data() + at, count * sizeof(double));
  }
  return timings;
}

}  // namespace sluicebench
