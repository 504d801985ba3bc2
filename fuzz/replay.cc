// Runs a target on files, where the compiler has no fuzzing engine: what was found once, and what
// the corpus covers, is tried by every build.
//
//   fuzz_NAME FILE|DIRECTORY...      a directory: all files in it
//
// All of it is libc and templates, for MemorySanitizer, to which what a library wrote is not
// written.
#include <dirent.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "fuzz/message.h"
#include "fuzz/target.h"

extern "C" int LLVMFuzzerInitialize(int* count, char*** words) __attribute__((weak));

// The engine's, for mutators, which nobody calls here.
extern "C" size_t LLVMFuzzerMutate(uint8_t*, size_t size, size_t) { return size; }

namespace {

bool read_input(const std::string& file, std::vector<uint8_t>* bytes) {
  std::FILE* const in = std::fopen(file.c_str(), "re");
  if (in == nullptr) return false;
  uint8_t piece[4096];
  for (size_t length; (length = std::fread(piece, 1, sizeof(piece), in)) > 0;)
    bytes->insert(bytes->end(), piece, piece + length);
  const bool good = std::ferror(in) == 0;
  std::fclose(in);
  return good;
}

}  // namespace

int main(int count, char** words) {
  if (LLVMFuzzerInitialize != nullptr) LLVMFuzzerInitialize(&count, &words);
  std::vector<std::string> files;
  for (int i = 1; i < count; ++i) {
    DIR* const list = ::opendir(words[i]);
    if (list == nullptr) files.emplace_back(words[i]);
    while (const struct dirent* entry = list == nullptr ? nullptr : ::readdir(list)) {
      if (entry->d_name[0] != '.') files.push_back(std::string(words[i]) + "/" + entry->d_name);
    }
    if (list != nullptr) ::closedir(list);
  }
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) {
    std::vector<uint8_t> bytes;
    if (!read_input(file, &bytes)) {
      std::fprintf(stderr, "%s: cannot be read\n", file.c_str());
      return 2;
    }
    // Of its own size, so that a sanitizer sees each byte behind it.
    const std::vector<uint8_t> input(bytes);
    std::fprintf(stderr, "%s\n", file.c_str());
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%zu inputs\n", files.size());
  return files.empty() ? 2 : 0;
}
