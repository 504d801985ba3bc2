// Names that the rules hide: no call may find, make, take or reveal one, and what is hidden stays
// as it is.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "tests/integration/model/checks.h"
#include "tests/integration/model/hidden_names.h"
#include "tests/integration/model/stage.h"
#include "tests/integration/model/tree.h"
#include "tests/integration/model/whole_file.h"

namespace sluice::model {
namespace {

// A directory goes nowhere where other names below it would be hidden than before.
void expect_not_moved(const std::string& view) {
  const auto move = [&](const char* from, const char* to, unsigned flags = 0) {
    return ::renameat2(AT_FDCWD, (view + from).c_str(), AT_FDCWD, (view + to).c_str(), flags);
  };
  expect_error(move("/dir", "/moved"), EXDEV, "would show dir/deep.txt");
  expect_error(move("/only", "/moved"), EXDEV, "would show only/here.txt");
  expect_error(move("/private", "/moved"), EXDEV, "would show private/a");
  expect_error(move("/vault", "/moved"), EXDEV, "would show vault/a");
  expect_error(move("/other", "/dir/moved"), EXDEV, "would hide other/deep.txt");
  expect_error(move("/other", "/dir/private/moved"), EACCES, "would hide other itself");
  expect_error(move("/dir", "/other", RENAME_EXCHANGE), EXDEV, "would show and hide deep.txt");
  expect_error(move("/file", "/dir/only", RENAME_EXCHANGE), EXDEV, "would show names in dir/only");
  expect_error(move("/dir/only", "/file", RENAME_EXCHANGE), EXDEV, "the other way round");
  expect_error(move("/dir/build", "/dir/log", RENAME_EXCHANGE), EACCES, "dir/log would be hidden");
  expect_error(move("/dir/log", "/dir/build", RENAME_EXCHANGE), EACCES, "the other way round");
  expect_error(move("/dir/build", "/dir/only/build"), EACCES, "onto a hidden directory");
  expect_error(::rmdir((view + "/private").c_str()), ENOTEMPTY, "rmdir with hidden names");
  // What stays hidden goes along.
  expect(move("/dir/private", "/dir/log/moved") < 0 && errno == EXDEV, "would show .c");
  expect_done(::mkdir((view + "/dir/log/sub").c_str(), 0755) == 0, "mkdir");
  expect_done(move("/dir/private", "/dir/log/sub/private") == 0, "move");
  expect_absent(view, "dir/log/sub/private/.c");
  expect_done(move("/dir/log/sub/private", "/dir/private") == 0, "move back");
  expect_done(::rmdir((view + "/dir/log/sub").c_str()) == 0, "rmdir");
}

// A file with a visible and a hidden name is visible, by the one.
void follow_links(const std::string& view) {
  const std::string alias = view + "/alias", second = view + "/dir/second";
  const int fd = ::open(alias.c_str(), O_RDWR | O_CLOEXEC);
  const std::string by_fd = "/proc/self/fd/" + std::to_string(fd);
  char path[4096];
  const ssize_t length = ::readlink(by_fd.c_str(), path, sizeof(path));
  expect(std::string(path, static_cast<size_t>(std::max<ssize_t>(length, 0))) == alias,
         "the path of an open file");
  const auto link = [&](const std::string& to) {
    return ::linkat(AT_FDCWD, by_fd.c_str(), AT_FDCWD, to.c_str(), AT_SYMLINK_FOLLOW);
  };
  expect_error(link(view + "/dir/.env"), EACCES, "link of an open file");
  expect_done(link(second) == 0, "link of an open file");
  expect_done(::rename(second.c_str(), alias.c_str()) == 0, "rename of two links");
  expect_absent(view, ".env");
  // rename(2) of two names of one file leaves both.
  expect_done(::unlink(second.c_str()) == 0, "unlink");
  // Symbolic links lead nowhere else than their target's path does.
  expect_done(::symlink("../.env", second.c_str()) == 0, "symlink");
  expect_error(open_and_close(::open(second.c_str(), O_RDONLY | O_CLOEXEC)), ENOENT, "by a link");
  expect_error(open_and_close(::open(second.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644)), EACCES,
               "create by a link");
  expect_done(::unlink(second.c_str()) == 0, "unlink");
  ::close(fd);
}

// By a handle that the source's filesystem gave.
void expect_no_handle(const std::string& source, const std::string& view, const char* who) {
  struct {
    struct file_handle handle;
    unsigned char bytes[MAX_HANDLE_SZ];
  } handle{};
  const int fd = ::open(view.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  expect(fd >= 0, std::string("open the view: ") + error_name());
  for (const char* name : {"/.env", "/secrets", "/file"}) {
    int mount;
    handle.handle.handle_bytes = MAX_HANDLE_SZ;
    expect_done(
        ::name_to_handle_at(AT_FDCWD, (source + name).c_str(), &handle.handle, &mount, 0) == 0,
        "handle");
    const int opened = open_and_close(::open_by_handle_at(fd, &handle.handle, O_RDONLY));
    expect(opened < 0, std::string(who) + " opens " + name + " by its handle");
  }
  ::close(fd);
}

void attempt_everything(const std::string& source, const std::string& view) {
  expect_visible(view);
  for (const char* path : kHidden) {
    expect_absent(view, bare(path));
    expect_not_made(view, bare(path), true);
    expect_not_made(view, bare(path), false);
  }
  for (const char* path : kBelow) expect_absent(view, bare(path));
  for (const char* path : kAbsent) {
    expect_absent(view, bare(path));
    expect_not_made(view, bare(path), true);
    expect_not_made(view, bare(path), false);
  }
  expect_not_moved(view);
  follow_links(view);
  expect_no_handle(source, view, "the user");
  expect_visible(view);
}

void play_identity(const Stage& stage, const std::string& identity, const char* coherence, uid_t uid) {
  std::vector<std::string> options = hiding_options();
  options.insert(options.end(), {"--coherence", coherence});
  const auto view = stage.mount_as(identity, options);
  const Tree before = tree_of(stage.under());
  run_as(uid, identity + ", " + coherence,
         [&] { attempt_everything(stage.under(), stage.view()); });
  const std::string found = differences(before, tree_of(stage.under()), "before", "after");
  expect(found.empty(), "the source has changed:\n" + found);
}

}  // namespace

void play_hidden(Stage& stage) {
  if (stage.options().self_check) return;  // nothing hides anything there
  expect_done(::chown(stage.under().c_str(), kUser, kUser) == 0, "chown");
  run_as(kUser, "tree", [&] { make_hidden_tree(stage.under()); });
  const std::string user = std::to_string(kUser);
  play_identity(stage, user, "0s", kUser);  // every look-up reaches the view
  play_identity(stage, user, "10s", kUser);
  play_identity(stage, "preserve", "1s", 0);
  // What comes to be behind the view is hidden from the start.
  const auto view = stage.mount(hiding_options());
  run_as(kUser, "made behind", [&] {
    for (const char* path : kAbsent) {
      const std::string whole = stage.under() + "/" + bare(path);
      expect_done(
          is_directory(path) ? ::mkdir(whole.c_str(), 0755) == 0 : write_file(whole, 0, "x"),
          whole);
      expect_absent(stage.view(), bare(path));
    }
    expect_visible(stage.view());
  });
  view->expect_passthrough();
}

}  // namespace sluice::model
