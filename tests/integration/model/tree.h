// Everything that can be seen below a directory, and the comparison of two such trees.
#pragma once

#include <map>
#include <string>

namespace sluice::model {

// Path to type, attributes, extended attributes and content, in words. What may not be seen is
// there with its errno.
using Tree = std::map<std::string, std::string>;

Tree tree_of(const std::string& path);

// Empty if equal; else the first differences, one a line.
std::string differences(const Tree& a, const Tree& b, const char* a_name, const char* b_name);

}  // namespace sluice::model
