/* A FUSE server without privilege whose files the kernel reads and writes itself, with libsluice.
 *
 *     passthrough_server DIRECTORY MOUNTPOINT
 *
 * It shows the files of one DIRECTORY (no directories in it) at MOUNTPOINT, which it may mount at: as root of a user
 * and mount namespace of its own, `unshare -Urm passthrough_server ...`, or MOUNTPOINT is /dev/fd/N, a connection
 * that is mounted already. SIGUSR1 prints how often the kernel asked for data: never, while passthrough works.
 *
 * libfuse 3.17 and later have backing_id in struct fuse_file_info. This one is for those before, too: it answers
 * INIT and OPEN itself, in the kernel's words. */
#define FUSE_USE_VERSION 35
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <limits.h>
#include <signal.h>
#include <sluice/sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* What include/uapi/linux/fuse.h has since Linux 6.9. */
#define INIT_PASSTHROUGH (1ull << 37)
#define INIT_EXT (1u << 30)
#define OPENED_PASSTHROUGH (1u << 7)
struct opened {
  uint64_t handle;
  uint32_t flags;
  int32_t backing_id;
};
struct init_answer {
  uint32_t length, error;
  uint64_t unique;
  uint32_t major, minor, max_readahead, flags;
  uint16_t max_background, congestion_threshold;
  uint32_t max_write, time_gran;
  uint16_t max_pages, map_alignment;
  uint32_t flags2, max_stack_depth;
  uint16_t request_timeout, unused[11];
};

static struct file {
  char name[NAME_MAX + 1];
  unsigned opens;
  int backing_id; /* of all its opens */
  int ended;      /* it has, with a service that was restarted: until the last close, this inode is not opened again */
} files[1024];
#define MOST_FILES (sizeof(files) / sizeof(files[0]))
static int directory, data_requests;
static struct sluice_session *session;

static struct file *file_of(fuse_ino_t ino) {
  return ino > FUSE_ROOT_ID && ino < FUSE_ROOT_ID + 1 + MOST_FILES ? &files[ino - FUSE_ROOT_ID - 1] : NULL;
}
static int attributes_of(fuse_ino_t ino, struct stat *attr) {
  struct file *file = file_of(ino);
  if (fstatat(directory, file ? file->name : ".", attr, AT_SYMLINK_NOFOLLOW) < 0) return errno;
  attr->st_ino = ino;
  return 0;
}
static int look_up(const char *name, struct fuse_entry_param *entry) {
  struct stat attr;
  if (strlen(name) > NAME_MAX || fstatat(directory, name, &attr, AT_SYMLINK_NOFOLLOW) < 0) return ENOENT;
  if (!S_ISREG(attr.st_mode)) return ENOENT;
  size_t i = 0;
  while (i < MOST_FILES && files[i].name[0] != 0 && (files[i].ended || strcmp(files[i].name, name) != 0)) ++i;
  if (i == MOST_FILES) return ENFILE;
  strcpy(files[i].name, name);
  memset(entry, 0, sizeof(*entry));
  entry->ino = FUSE_ROOT_ID + 1 + i;
  return attributes_of(entry->ino, &entry->attr);
}

static void lookup(fuse_req_t request, fuse_ino_t parent, const char *name) {
  struct fuse_entry_param entry;
  int error = parent == FUSE_ROOT_ID ? look_up(name, &entry) : ENOTDIR;
  if (error != 0) fuse_reply_err(request, error);
  else fuse_reply_entry(request, &entry);
}
static void getattr(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *info) {
  struct stat attr;
  int error = attributes_of(ino, &attr);
  (void)info;
  if (error != 0) fuse_reply_err(request, error);
  else fuse_reply_attr(request, &attr, 0);
}
static void setattr(fuse_req_t request, fuse_ino_t ino, struct stat *attr, int set, struct fuse_file_info *info) {
  struct file *file = file_of(ino);
  int fd = file && (set & FUSE_SET_ATTR_SIZE) ? openat(directory, file->name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
  int failed = fd >= 0 && ftruncate(fd, attr->st_size) < 0;
  if (fd >= 0) close(fd);
  if (failed) fuse_reply_err(request, EIO);
  else getattr(request, ino, info);
}

/* The file's id: for reading and writing where the server may do both, since all opens share it. */
static int backing_of(struct file *file) {
  if (file->opens++ > 0 && file->backing_id > 0) return file->backing_id;
  int fd = openat(directory, file->name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) fd = openat(directory, file->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  file->backing_id = fd < 0 ? -errno : sluice_backing_open(session, fd);
  if (file->backing_id < 0 && fd >= 0) {
    fprintf(stderr, "%s: no passthrough: %s (%s)\n", file->name, strerror(-file->backing_id),
            sluice_reason_text(sluice_last_reason()));
  }
  if (fd >= 0) close(fd);
  return file->backing_id;
}
static void open_file(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *info) {
  struct file *file = file_of(ino);
  struct opened opened = {0, 0, 0};
  (void)info;
  if (file->opens > 0 && file->backing_id > 0 && !sluice_backing_valid(session, file->backing_id)) file->ended = 1;
  opened.backing_id = file->ended ? 0 : backing_of(file);
  if (opened.backing_id > 0) opened.flags = OPENED_PASSTHROUGH;
  else opened.backing_id = 0;
  if (file->ended) fuse_reply_err(request, ESTALE); /* the kernel looks it up anew, and gets another inode for it */
  else fuse_reply_buf(request, (const char *)&opened, sizeof(opened));
}
static void release(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *info) {
  struct file *file = file_of(ino);
  (void)info;
  if (--file->opens == 0 && file->backing_id > 0) sluice_backing_close(session, file->backing_id);
  if (file->opens == 0) file->ended = 0;
  fuse_reply_err(request, 0);
}

/* Where there is no passthrough. */
static void read_file(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info) {
  char buffer[128 * 1024];
  int fd = openat(directory, file_of(ino)->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  ssize_t got = pread(fd, buffer, size < sizeof(buffer) ? size : sizeof(buffer), offset);
  (void)info, ++data_requests;
  close(fd);
  if (got < 0) fuse_reply_err(request, EIO);
  else fuse_reply_buf(request, buffer, (size_t)got);
}
static void write_file(fuse_req_t request, fuse_ino_t ino, const char *data, size_t size, off_t offset,
                       struct fuse_file_info *info) {
  int fd = openat(directory, file_of(ino)->name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
  ssize_t put = pwrite(fd, data, size, offset);
  (void)info, ++data_requests;
  close(fd);
  if (put < 0) fuse_reply_err(request, EIO);
  else fuse_reply_write(request, (size_t)put);
}

/* INIT is the one answer that libfuse writes in this shape: it says, for us, that files may be passed through. */
static ssize_t answer_kernel(int fd, struct iovec *pieces, int count, void *data) {
  static int begun;
  (void)data;
  if (!begun && count == 2 && pieces[1].iov_len >= sizeof(struct init_answer) - 16) {
    struct init_answer answer;
    begun = 1;
    memcpy(&answer, pieces[0].iov_base, 16);
    memcpy((char *)&answer + 16, pieces[1].iov_base, sizeof(answer) - 16);
    answer.flags |= INIT_EXT;
    answer.flags2 |= INIT_PASSTHROUGH >> 32;
    answer.max_stack_depth = 1;
    answer.length = sizeof(answer);
    return write(fd, &answer, sizeof(answer));
  }
  return writev(fd, pieces, count);
}
static ssize_t ask_kernel(int fd, void *buffer, size_t length, void *data) {
  (void)data;
  return read(fd, buffer, length);
}

static void print_count(int signal) {
  char text[64];
  int length = snprintf(text, sizeof(text), "data requests: %d\n", data_requests);
  (void)signal;
  if (write(STDOUT_FILENO, text, (size_t)length) != length) abort();
}

int main(int argc, char **argv) {
  const struct fuse_lowlevel_ops ops = {.lookup = lookup, .getattr = getattr, .setattr = setattr, .open = open_file,
                                        .release = release, .read = read_file, .write = write_file};
  const struct fuse_custom_io io = {.writev = answer_kernel, .read = ask_kernel};
  struct fuse_args args = FUSE_ARGS_INIT(argc > 0 ? 1 : 0, argv);
  struct fuse_session *fuse;
  if (argc != 3 || (directory = open(argv[1], O_PATH | O_DIRECTORY)) < 0) {
    fprintf(stderr, "usage: passthrough_server DIRECTORY MOUNTPOINT\n");
    return 2;
  }
  signal(SIGUSR1, print_count);
  fuse = fuse_session_new(&args, &ops, sizeof(ops), NULL);
  if (fuse == NULL || fuse_set_signal_handlers(fuse) != 0 || fuse_session_mount(fuse, argv[2]) != 0) return 1;
  const int connection = fuse_session_fd(fuse);
  if (fuse_session_custom_io(fuse, &io, connection) != 0 || sluice_open(connection, NULL, &session) < 0) return 1;
  fuse_session_loop(fuse);
  sluice_close(session);
  fuse_session_unmount(fuse);
  fuse_session_destroy(fuse);
  return 0;
}
