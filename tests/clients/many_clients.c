/* As many clients of the service at once as it is told: connections of their own, each with a session of libsluice
 * and a grant that it keeps.
 *
 *     many_clients FILE DIRECTORY COUNT      as root of a user and mount namespace
 *
 * It prints how many have a grant, and how many milliseconds that took; then it waits for the end of its input. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sluice/sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static long result_of(long result) { return result < 0 ? -errno : result; }
static long sys_ioctl(int fd, unsigned long request, void *argument) { return result_of(ioctl(fd, request, argument)); }
static long sys_read(int fd, void *buffer, size_t size) { return result_of(read(fd, buffer, size)); }
static long sys_write(int fd, const void *buffer, size_t size) { return result_of(write(fd, buffer, size)); }
static long sys_pread(int fd, void *buffer, size_t size, off_t offset) { return result_of(pread(fd, buffer, size, offset)); }
static long sys_pwrite(int fd, const void *buffer, size_t size, off_t offset) {
  return result_of(pwrite(fd, buffer, size, offset));
}
#include "mini_fuse.h"

static long milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  const int count = atoi(argv[3]), file = open(argv[1], O_RDONLY | O_CLOEXEC);
  int good = 0;
  const long begin = milliseconds();
  for (int i = 0; i < count; ++i) {
    struct mini mini = {.device = open("/dev/fuse", O_RDWR | O_CLOEXEC), .file = file};
    struct sluice_session *session;
    char path[4096], options[128];
    snprintf(path, sizeof(path), "%s/%d", argv[2], i);
    snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", mini.device);
    if (mkdir(path, 0755) < 0 || mount("client", path, "fuse", MS_NOSUID | MS_NODEV, options) < 0 || !mini_serve(&mini) ||
        sluice_open(mini.device, NULL, &session) < 0) {
      perror(path);
      return 1;
    }
    int id = -EAGAIN;
    for (int tries = 0; id == -EAGAIN && tries < 100; ++tries) {
      id = sluice_backing_open(session, file);
      if (id == -EAGAIN) usleep(100000);
    }
    if (id > 0) ++good;
    else fprintf(stderr, "client %d: %s (%s)\n", i, strerror(-id), sluice_reason_name(sluice_last_reason()));
  }
  printf("%d %ld\n", good, milliseconds() - begin);
  fflush(stdout);
  while (getchar() != EOF) {
  }
  return 0;
}
