/* The two ioctls with arguments that mean nothing, or something else: what a supervisor must let the kernel refuse, or
 * not fall over.
 *
 *     odd_calls FILE DIRECTORY /dev/fd/N
 *
 * It answers INIT on connection N, and prints for each call what became of it: an id, 0, or the errno. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static long result_of(long result) { return result < 0 ? -errno : result; }
static long sys_ioctl(int fd, unsigned long request, void *argument) {
  return result_of(syscall(SYS_ioctl, fd, request, argument));
}
static long sys_read(int fd, void *buffer, size_t size) { return result_of(read(fd, buffer, size)); }
static long sys_write(int fd, const void *buffer, size_t size) { return result_of(write(fd, buffer, size)); }
static long sys_pread(int fd, void *buffer, size_t size, off_t offset) { return result_of(pread(fd, buffer, size, offset)); }
static long sys_pwrite(int fd, const void *buffer, size_t size, off_t offset) {
  return result_of(pwrite(fd, buffer, size, offset));
}
#include "mini_fuse.h"

static int device;
static void show(const char *what, long result) {
  printf("%s: %s\n", what, result > 0 ? "an id" : result == 0 ? "done" : strerrorname_np((int)-result));
}
static long ask(int on, unsigned long request, int fd, uint32_t flags) {
  struct backing_map map = {fd, flags, 0};
  return sys_ioctl(on, request, &map);
}

int main(int argc, char **argv) {
  struct mini mini = {0};
  if (argc != 4) return 2;
  const int file = open(argv[1], O_RDWR | O_CLOEXEC), directory = open(argv[2], O_RDONLY | O_CLOEXEC);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC), unmounted = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  mini.device = device = atoi(argv[3] + strlen("/dev/fd/"));
  if (!mini_serve(&mini)) return 1;
  show("no connection", ask(null, BACKING_OPEN, file, 0));
  show("a connection that is not mounted", ask(unmounted, BACKING_OPEN, file, 0));
  show("no descriptor", ask(-1, BACKING_OPEN, file, 0));
  show("no memory", sys_ioctl(device, BACKING_OPEN, (void *)8));
  show("no file", ask(device, BACKING_OPEN, 999, 0));
  show("a directory", ask(device, BACKING_OPEN, directory, 0));
  show("a device", ask(device, BACKING_OPEN, null, 0));
  show("the connection itself", ask(device, BACKING_OPEN, device, 0));
  show("flags", ask(device, BACKING_OPEN, file, 1));
  uint32_t id = 0;
  show("closing none", sys_ioctl(device, BACKING_CLOSE, &id));
  id = 54321;
  show("closing another's", sys_ioctl(device, BACKING_CLOSE, &id));
  id = (uint32_t)-1;
  show("closing a negative one", sys_ioctl(device, BACKING_CLOSE, &id));
  show("closing without memory", sys_ioctl(device, BACKING_CLOSE, NULL));
  show("a request with an upper half", ask(device, BACKING_OPEN | 0x123400000000ul, file, 0));
  show("a file", ask(device, BACKING_OPEN, file, 0));
  return 0;
}
