/* A FUSE server as they are written for libfuse 3.17 and later: fuse_passthrough_open(), and one id for all opens of a
 * file, by the descriptor of the first. It knows nothing of Sluice.
 *
 *     server DIRECTORY MOUNTPOINT
 *
 * It prints the version of libfuse, "data" for each request for data, and "refused" for each id that it did not get. */
#define _GNU_SOURCE
#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 17)
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int directory;
static struct { int fd, backing_id; unsigned opens; } file = {-1, 0, 0};

static void begin(void *data, struct fuse_conn_info *connection) {
  (void)data;
  if (!fuse_set_feature_flag(connection, FUSE_CAP_PASSTHROUGH)) printf("refused\n");
  connection->max_backing_stack_depth = 1;
}
static int attributes(fuse_ino_t ino, struct stat *attr) {
  if (fstatat(directory, ino == FUSE_ROOT_ID ? "." : "file", attr, 0) < 0) return errno;
  attr->st_ino = ino;
  return 0;
}
static void lookup(fuse_req_t request, fuse_ino_t parent, const char *name) {
  struct fuse_entry_param entry = {.ino = 2};
  if (parent != FUSE_ROOT_ID || strcmp(name, "file") != 0 || attributes(2, &entry.attr) != 0)
    fuse_reply_err(request, ENOENT);
  else
    fuse_reply_entry(request, &entry);
}
static void getattr(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *info) {
  struct stat attr;
  (void)info;
  if (attributes(ino, &attr) != 0) fuse_reply_err(request, ENOENT);
  else fuse_reply_attr(request, &attr, 0);
}
static void open_file(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *info) {
  (void)ino;
  if (file.opens++ == 0) {
    file.fd = openat(directory, "file", (info->flags & O_ACCMODE) | O_CLOEXEC);
    file.backing_id = file.fd < 0 ? 0 : fuse_passthrough_open(request, file.fd);
    if (file.backing_id <= 0) printf("refused\n");
  }
  info->backing_id = file.backing_id;
  info->keep_cache = 0;
  fuse_reply_open(request, info);
}
static void release(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *info) {
  (void)ino;
  (void)info;
  if (--file.opens == 0) {
    if (file.backing_id > 0 && fuse_passthrough_close(request, file.backing_id) < 0) printf("not closed\n");
    close(file.fd);
  }
  fuse_reply_err(request, 0);
}
static void data(fuse_req_t request) {
  printf("data\n");
  fuse_reply_err(request, EIO);
}
static void read_file(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info) {
  (void)ino, (void)size, (void)offset, (void)info;
  data(request);
}
static void write_file(fuse_req_t request, fuse_ino_t ino, const char *from, size_t size, off_t offset,
                       struct fuse_file_info *info) {
  (void)ino, (void)from, (void)size, (void)offset, (void)info;
  data(request);
}

int main(int argc, char **argv) {
  const struct fuse_lowlevel_ops ops = {.init = begin, .lookup = lookup, .getattr = getattr, .open = open_file,
                                        .release = release, .read = read_file, .write = write_file};
  struct fuse_args args = FUSE_ARGS_INIT(1, argv);
  struct fuse_session *fuse;
  if (argc != 3 || (directory = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("libfuse %s\n", fuse_version() >= FUSE_MAKE_VERSION(3, 17) ? "3.17 or later" : fuse_pkgversion());
  fuse = fuse_session_new(&args, &ops, sizeof(ops), NULL);
  if (fuse == NULL || fuse_set_signal_handlers(fuse) != 0 || fuse_session_mount(fuse, argv[2]) != 0) return 1;
  fuse_session_loop(fuse);
  fuse_session_unmount(fuse);
  fuse_session_destroy(fuse);
  return 0;
}
