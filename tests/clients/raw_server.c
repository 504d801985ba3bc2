/* A FUSE server without a library, libc among them, as programs in Go are: its calls are instructions of its own.
 *
 *     raw_server FILE /dev/fd/N [read]
 *
 * It serves FILE as `file` on connection N. With `read` it opens FILE for reading only. For each request for data it
 * prints "data", and for each id that it did not get "refused". */
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
enum { SYS_READ = 0, SYS_WRITE = 1, SYS_IOCTL = 16, SYS_PREAD = 17, SYS_PWRITE = 18, SYS_OPENAT = 257,
       SYS_EXIT_GROUP = 231 };
static long call(long number, long a, long b, long c, long d) {
  register long r10 __asm__("r10") = d;
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
}
__asm__(".globl _start\n_start:\n xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call begin\n");
#elif defined(__aarch64__)
enum { SYS_READ = 63, SYS_WRITE = 64, SYS_IOCTL = 29, SYS_PREAD = 67, SYS_PWRITE = 68, SYS_OPENAT = 56,
       SYS_EXIT_GROUP = 94 };
static long call(long number, long a, long b, long c, long d) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}
__asm__(".globl _start\n_start:\n mov x0, sp\n bl begin\n");
#endif

static long sys_ioctl(int fd, unsigned long request, void *argument) {
  return call(SYS_IOCTL, fd, (long)request, (long)argument, 0);
}
static long sys_read(int fd, void *buffer, size_t size) { return call(SYS_READ, fd, (long)buffer, (long)size, 0); }
static long sys_write(int fd, const void *buffer, size_t size) {
  return call(SYS_WRITE, fd, (long)buffer, (long)size, 0);
}
static long sys_pread(int fd, void *buffer, size_t size, uint64_t offset) {
  return call(SYS_PREAD, fd, (long)buffer, (long)size, (long)offset);
}
static long sys_pwrite(int fd, const void *buffer, size_t size, uint64_t offset) {
  return call(SYS_PWRITE, fd, (long)buffer, (long)size, (long)offset);
}

/* The compiler may ask for them. */
void *memcpy(void *to, const void *from, size_t count) {
  for (size_t i = 0; i < count; ++i) ((char *)to)[i] = ((const char *)from)[i];
  return to;
}
void *memset(void *to, int value, size_t count) {
  for (size_t i = 0; i < count; ++i) ((char *)to)[i] = (char)value;
  return to;
}

#include "mini_fuse.h"

void begin(long *stack) {
  const int argc = (int)stack[0];
  char **argv = (char **)(stack + 1);
  static struct mini mini;
  const char *number = argc > 2 ? argv[2] : "";
  int device = 0;
  while (*number != 0 && (*number < '0' || *number > '9')) ++number;
  while (*number != 0) device = device * 10 + (*number++ - '0');
  mini.device = device;
  mini.size = 1 << 20;
  mini.file = argc > 2 ? (int)call(SYS_OPENAT, -100, (long)argv[1], argc > 3 ? 0 : 2, 0) : -1;
  if (mini.file < 0) call(SYS_EXIT_GROUP, 2, 0, 0, 0);
  while (mini_serve(&mini)) {
    for (; mini.data > 0; --mini.data) sys_write(1, "data\n", 5);
    for (; mini.refused > 0; --mini.refused) sys_write(1, "refused\n", 8);
  }
  call(SYS_EXIT_GROUP, 0, 0, 0, 0);
}
