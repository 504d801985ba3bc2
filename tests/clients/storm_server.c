/* A FUSE server of several threads, each of which asks for ids and closes them as fast as it can, while a signal comes
 * every 200 us; and what of it a test wants to know.
 *
 *     storm_server FILE /dev/fd/N SECONDS [keep]
 *
 * At the end it prints how many ids it got, closed, and did not get, with the last error, and waits for SIGTERM; the
 * connection stays. With `keep`, it asks for one id without an end and without closing any: for who kills it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
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
static const char *path;
static time_t until;
static int keeps;
static atomic_uint got, closed, missed, error, alarms;

static void on_alarm(int signal) {
  (void)signal;
  ++alarms;
}
static void *serve(void *unused) {
  (void)unused;
  while (mini_serve(&mini)) {
  }
  return NULL;
}
static void *ask(void *unused) {
  (void)unused;
  while (keeps || time(NULL) < until) {
    struct backing_map map = {open(path, O_RDONLY | O_CLOEXEC), 0, 0};
    const int id = (int)sys_ioctl(mini.device, BACKING_OPEN, &map);
    close(map.fd);
    if (id <= 0) {
      ++missed;
      error = (unsigned)-id;
      if (keeps) usleep(1000);
      continue;
    }
    ++got;
    if (keeps) continue;
    uint32_t number = (uint32_t)id;
    if (sys_ioctl(mini.device, BACKING_CLOSE, &number) == 0) ++closed;
  }
  return NULL;
}

int main(int argc, char **argv) {
  enum { THREADS = 4 };
  pthread_t server, threads[THREADS];
  struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  const struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
  if (argc < 4) return 2;
  path = argv[1];
  keeps = argc > 4;
  mini.device = atoi(argv[2] + strlen("/dev/fd/"));
  mini.file = open(path, O_RDONLY | O_CLOEXEC);
  if (mini.file < 0 || mini_serve(&mini) == 0) return 1; /* INIT */
  sigaction(SIGALRM, &action, NULL);
  until = time(NULL) + atoi(argv[3]);
  pthread_create(&server, NULL, serve, NULL);
  if (!keeps) setitimer(ITIMER_REAL, &often, NULL);
  for (int i = 0; i < THREADS; ++i) pthread_create(&threads[i], NULL, ask, NULL);
  for (int i = 0; i < THREADS; ++i) pthread_join(threads[i], NULL);
  setitimer(ITIMER_REAL, &never, NULL);
  printf("got %u closed %u missed %u error %u alarms %u\n", got, closed, missed, error, alarms);
  fflush(stdout);
  pause();
  return 0;
}
