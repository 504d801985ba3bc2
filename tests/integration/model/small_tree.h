// A few names in a directory of its own, for one change of them.
#pragma once

#include <string>

namespace sluice::model {

// The files a and b, the directories d and e with a file f each, and the symbolic link s to a. A
// file holds "this is " and its path.
void make_small_tree(const std::string& at);

// What can be told of these names, and of `new`, without opening anything: after an open the kernel
// asks again.
std::string look(const std::string& at);

// flags: of renameat2(2).
bool rename_with(const std::string& from, const std::string& to, unsigned flags = 0);

}  // namespace sluice::model
