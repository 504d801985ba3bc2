#include "tests/integration/model/whole_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tests/integration/model/checks.h"

namespace sluice::model {

std::string error_name() { return ::strerrorname_np(errno); }

void expect_done(bool done, const std::string& what) { expect(done, what + ": " + error_name()); }

bool write_file(const std::string& path, int flags, const std::string& data) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
  if (fd < 0) return false;
  const bool done = ::write(fd, data.data(), data.size()) == static_cast<ssize_t>(data.size());
  ::close(fd);
  return done;
}

std::string read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return error_name();
  std::string all(1 << 20, '\0');
  const ssize_t got = ::read(fd, all.data(), all.size());
  const std::string error = got < 0 ? error_name() : std::string();
  ::close(fd);
  if (got < 0) return error;
  all.resize(static_cast<size_t>(got));
  return all;
}

}  // namespace sluice::model
