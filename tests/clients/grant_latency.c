/* How long a grant takes: by the ioctl, which root is given by the kernel and a server under `sluice exec` by its
 * supervisor, or by libsluice.
 *
 *     grant_latency FILE /dev/fd/N ioctl|library COUNT
 *
 * It answers INIT on connection N and then asks COUNT times for an id of FILE, which it closes. It prints the 50th
 * and the 99th of a hundred, in nanoseconds. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sluice/sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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

static struct mini mini;
static void *serve(void *unused) {
  (void)unused;
  while (mini_serve(&mini)) {
  }
  return NULL;
}
static long nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000l + now.tv_nsec;
}
static int compare(const void *a, const void *b) {
  const long left = *(const long *)a, right = *(const long *)b;
  return (left > right) - (left < right);
}

int main(int argc, char **argv) {
  struct sluice_session *session = NULL;
  pthread_t server;
  if (argc != 5) return 2;
  const int library = strcmp(argv[3], "library") == 0, count = atoi(argv[4]);
  long *times = calloc((size_t)count, sizeof(*times));
  mini.device = atoi(argv[2] + strlen("/dev/fd/"));
  mini.file = open(argv[1], O_RDWR | O_CLOEXEC);
  if (mini.file < 0 || mini_serve(&mini) == 0 || pthread_create(&server, NULL, serve, NULL) != 0) return 1;
  if (library && sluice_open(mini.device, NULL, &session) < 0) return 1;
  /* The first connects, and warms up. */
  for (int i = -20; i < count; ++i) {
    const long begin = nanoseconds();
    struct backing_map map = {mini.file, 0, 0};
    const long id = library ? sluice_backing_open(session, mini.file) : sys_ioctl(mini.device, BACKING_OPEN, &map);
    if (i >= 0) times[i] = nanoseconds() - begin;
    uint32_t number = (uint32_t)id;
    if (id <= 0 || (library ? sluice_backing_close(session, (int)id) : sys_ioctl(mini.device, BACKING_CLOSE, &number)) != 0) {
      fprintf(stderr, "grant_latency: %ld\n", id);
      return 1;
    }
  }
  qsort(times, (size_t)count, sizeof(*times), compare);
  printf("%ld %ld\n", times[count / 2], times[count * 99 / 100]);
  return 0;
}
