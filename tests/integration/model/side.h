// One of the two directories that are compared, and all that a process holds open in it.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>

namespace sluice::model {

// Part of a file mapped into memory.
struct Mapping {
  char* start = nullptr;
  size_t length = 0;
  int64_t offset = 0;
  int file = -1;  // the size decides how far may be written
  bool writable = false;
};

class Side {
 public:
  static constexpr int kFiles = 6;
  static constexpr int kDirectories = 3;
  static constexpr int kMappings = 3;

  // path: an existing directory, absolute. Everything happens below it.
  explicit Side(const std::string& path);
  ~Side();
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;

  const std::string& path() const { return path_; }
  // For the calls that only take a path.
  std::string below(const std::string& name) const { return path_ + "/" + name; }

  // -1: closed, and a call with it says EBADF, on both sides.
  int file(int slot) const { return files_[static_cast<size_t>(slot)]; }
  void set_file(int slot, int fd);  // consumes fd, closes the one before
  // directory -1: the side's root.
  int at(int directory) const {
    return directory < 0 ? root_ : directories_[static_cast<size_t>(directory)];
  }
  void set_directory(int slot, int fd);
  Mapping& mapping(int slot) { return mappings_[static_cast<size_t>(slot)]; }
  const Mapping& mapping(int slot) const { return mappings_[static_cast<size_t>(slot)]; }
  void unmap(int slot);

 private:
  std::string path_;
  int root_;
  std::array<int, kFiles> files_;
  std::array<int, kDirectories> directories_;
  std::array<Mapping, kMappings> mappings_;
};

}  // namespace sluice::model
