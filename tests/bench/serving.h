// Programs that serve a mount: how they are started, and when they do.
#pragma once

#include <string>
#include <vector>

namespace sluicebench {

double Now();  // seconds, of the clock that only goes on

// In a child: a program, ended with the benchmark, that writes to log.
[[noreturn]] void RunLogged(int log, const std::vector<std::string>& words);
// What it wrote, its beginning.
std::string LogText(int log);

// As kIdentity: when the file is first seen. Looks every 20 us, which costs the machine little and
// the figure less.
double SeenAt(const std::string& path);

}  // namespace sluicebench
