// Whole files in one call.
#pragma once

#include <string>

namespace sluice::model {

// The name of errno, "ENOENT".
std::string error_name();

// Says why, by errno, where it was not.
void expect_done(bool done, const std::string& what);

// Opens for writing with O_CREAT and `flags`, and writes all of data.
bool write_file(const std::string& path, int flags, const std::string& data);

// The content, at most 1 MiB; where it cannot be read, the name of the error.
std::string read_file(const std::string& path);

}  // namespace sluice::model
