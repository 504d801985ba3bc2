#include "process_facts.h"

#include <cap-ng.h>
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace sluice::adversary {
namespace {

std::string link_of(const std::string& path) {
  char text[PATH_MAX];
  const ssize_t length = ::readlink(path.c_str(), text, sizeof(text));
  return {text, length < 0 ? 0 : static_cast<size_t>(length)};
}

std::vector<std::string> names_of(uint64_t set) {
  std::vector<std::string> names;
  for (unsigned capability = 0; capability < 64; ++capability) {
    if ((set >> capability & 1) == 0) continue;
    const char* name = capng_capability_to_name(capability);
    std::string text = name != nullptr ? name : std::to_string(capability);
    for (char& letter : text) letter = static_cast<char>(std::toupper(letter));
    names.push_back(text);
  }
  return names;
}

// What a descriptor is, without what tells two of a kind apart.
std::string kind_of(const std::string& path) {
  const std::string link = link_of(path);
  struct stat stat;
  if (link == "/dev/fuse" || link == "/dev/null") return link;
  if (link.rfind("socket:", 0) == 0) return "socket";
  if (link.rfind("/memfd:", 0) == 0) return "memfd";
  if (link.rfind("anon_inode:", 0) == 0) {
    std::string kind = link.substr(11);
    if (kind.size() > 2 && kind.front() == '[') kind = kind.substr(1, kind.size() - 2);
    return kind;
  }
  if (link.starts_with("mnt:")) return "mount namespace";
  if (::stat(path.c_str(), &stat) != 0) return "gone";
  if (S_ISDIR(stat.st_mode)) return "directory";
  if ((stat.st_mode & 0111) != 0 && S_ISREG(stat.st_mode)) return "program";
  return S_ISREG(stat.st_mode) ? "log" : "other";
}

void read_status(const std::string& path, ProcessFacts& facts, uint64_t* effective) {
  std::ifstream file(path);
  uint64_t permitted = 0, inheritable = 0, ambient = 0, bounding = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key;
    words >> key;
    if (key == "Uid:") words >> facts.real >> facts.effective >> facts.saved >> facts.file_system;
    if (key == "Threads:") words >> facts.threads;
    if (key == "Seccomp_filters:") words >> facts.seccomp_filters;
    if (key == "NoNewPrivs:") words >> facts.no_new_privileges;
    words >> std::hex;
    if (key == "CapPrm:") words >> permitted;
    if (key == "CapEff:") words >> *effective;
    if (key == "CapInh:") words >> inheritable;
    if (key == "CapAmb:") words >> ambient;
    if (key == "CapBnd:") words >> bounding;
  }
  facts.other_capabilities = inheritable != 0 || ambient != 0 || permitted != *effective;
  facts.bounding = names_of(bounding).size();
}

}  // namespace

std::string learn(pid_t pid, ProcessFacts& facts) {
  const std::string process = "/proc/" + std::to_string(pid);
  facts.pid = pid;
  uint64_t effective = 0;
  read_status(process + "/status", facts, &effective);
  facts.capabilities = names_of(effective);
  for (const auto& thread : std::filesystem::directory_iterator(process + "/task")) {
    ProcessFacts other;
    uint64_t its = 0;
    read_status(thread.path().string() + "/status", other, &its);
    if (its != effective || other.seccomp_filters != facts.seccomp_filters ||
        other.real != facts.real) {
      return "its threads are not alike";
    }
  }
  for (const char* kind : {"mnt", "pid", "net", "ipc", "uts", "cgroup", "user"}) {
    const std::string mine = link_of(std::string("/proc/self/ns/") + kind);
    const std::string its = link_of(process + "/ns/" + kind);
    if (its.empty()) return std::string("no namespace ") + kind;
    if (its != mine) facts.namespaces.push_back(kind);
  }
  for (const auto& entry : std::filesystem::directory_iterator(process + "/fd")) {
    ++facts.descriptors[kind_of(entry.path().string())];
  }
  std::vector<std::vector<sandbox::Instruction>> programs;
  if (const std::string problem = dump_filters(pid, programs); !problem.empty()) return problem;
  if (programs.size() != static_cast<size_t>(facts.seccomp_filters))
    return "not all filters could be had";
  for (const auto& program : programs) facts.filters.push_back(facts_of(program));
  return {};
}

}  // namespace sluice::adversary
