// A tree with names that rules hide, and what must be so of every such name.
#pragma once

#include <string>
#include <vector>

namespace sluice::model {

// A path that ends in '/' is a directory.
inline constexpr const char* kVisible[] = {
    "file",
    "env",
    ".env2",
    "dir/",
    "dir/file",
    "dir/secrets/",
    "dir/secrets/a",
    "dir/only/",
    "dir/only/here.txt",
    "public.key",
    "dir/public.key",
    "private/",
    "dir/private/",
    "logs.txt",
    "log10.txt",
    "ABC1",
    "Abc",
    "dir/build",
    "vault/",
    "vault/open",
    "deep.txt",
    "dir/log/",
    "only/",
    "other/",
    "other/deep.txt",
    "empty/",
};
inline constexpr const char* kHidden[] = {
    ".env",
    "dir/.env",
    "dir/only/.env/",
    "a.key",
    "dir/a.key",
    "dir/b.key/",
    ".key",
    "secrets/",
    "private/a",
    "private/b/",
    "dir/private/.c",
    "log5.txt",
    "dir/log0.txt",
    "AB1",
    "dir/X_y",
    "build/",
    "dir/only/build/",
    "vault/a",
    "vault/b/",
    "dir/deep.txt",
    "dir/log/deep.txt",
    "only/here.txt",
};
// Below something that is hidden, whatever other rules say.
inline constexpr const char* kBelow[] = {"secrets/a",    "secrets/public.key", "build/file",
                                         "vault/b/open", "dir/only/.env/x/",   "private/b/file"};
// Nothing is there; of those that end in '/' only a directory would be hidden.
// Nothing can be made by such a name either: otherwise it would tell whether a hidden directory is
// there.
inline constexpr const char* kAbsent[] = {"dir/secrets/.env", "new.key",     "dir/private/new",
                                          "log7.txt",         "vault/new",   "dir/log/A-b",
                                          "other/x.key",      "other/build/"};

// The rules, as options of `sluice mount`.
std::vector<std::string> hiding_options();

// All but what is absent, in a directory; .env has a second name there, alias.
void make_hidden_tree(const std::string& top);

bool is_directory(const std::string& path);  // one of these paths
std::string bare(std::string path);          // without the '/' at the end

void expect_error(int result, int error, const std::string& what);
// Keeps errno.
int open_and_close(int fd);

// What is visible can be listed and read; nothing else is listed.
void expect_visible(const std::string& view);
// What looks for a name finds none.
void expect_absent(const std::string& view, const std::string& path);
// What makes a name may not, whether something hidden is there already or not; directory: what
// makes directories, otherwise what makes all else.
void expect_not_made(const std::string& view, const std::string& path, bool directory);

}  // namespace sluice::model
