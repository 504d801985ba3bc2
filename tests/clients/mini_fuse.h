/* A FUSE server of one file, `file`, in the kernel's own words: of no library, so that it can be a program without
 * any. Whoever includes it has the calls: sys_ioctl(), sys_read(), sys_write(), sys_pread(), sys_pwrite(), each as
 * the kernel has it, -errno when it fails. */
#ifndef SLUICE_TESTS_CLIENTS_MINI_FUSE_H
#define SLUICE_TESTS_CLIENTS_MINI_FUSE_H

#include <stddef.h>
#include <stdint.h>

enum { LOOKUP = 1, FORGET = 2, GETATTR = 3, SETATTR = 4, OPEN = 14, READ = 15, WRITE = 16, RELEASE = 18, FLUSH = 25,
       INIT = 26, OPENDIR = 27, RELEASEDIR = 29, BATCH_FORGET = 42 };

struct backing_map {
  int32_t fd;
  uint32_t flags;
  uint64_t padding;
};
#define BACKING_OPEN 0x4010e501ul
#define BACKING_CLOSE 0x4004e502ul

struct in_header {
  uint32_t len, opcode;
  uint64_t unique, nodeid;
  uint32_t uid, gid, pid, padding;
};
struct out_header {
  uint32_t len;
  int32_t error;
  uint64_t unique;
};
struct attributes {
  uint64_t ino, size, blocks, atime, mtime, ctime;
  uint32_t atimensec, mtimensec, ctimensec, mode, nlink, uid, gid, rdev, blksize, flags;
};
struct entry_out {
  uint64_t nodeid, generation, entry_valid, attr_valid;
  uint32_t entry_valid_nsec, attr_valid_nsec;
  struct attributes attr;
};
struct attr_out {
  uint64_t valid;
  uint32_t valid_nsec, dummy;
  struct attributes attr;
};
struct open_out {
  uint64_t handle;
  uint32_t flags;
  int32_t backing_id;
};
struct init_out {
  uint32_t major, minor, max_readahead, flags;
  uint16_t max_background, congestion_threshold;
  uint32_t max_write, time_gran;
  uint16_t max_pages, map_alignment;
  uint32_t flags2, max_stack_depth;
  uint16_t request_timeout, unused[11];
};
struct read_in {
  uint64_t handle, offset;
  uint32_t size, flags;
};

struct mini {
  int device, file;    /* the descriptor of the file that is granted */
  uint64_t size;       /* that the file is said to have */
  int backing_id;      /* of all opens */
  unsigned opens;
  unsigned data, granted, refused;  /* how often: the kernel asked for data; ids were given, and not */
  int last_error;
};

static char mini_reply[256 * 1024];

static void mini_answer(struct mini *mini, uint64_t unique, int error, size_t size) {
  struct out_header *header = (struct out_header *)mini_reply;
  header->len = (uint32_t)(sizeof(*header) + (error ? 0 : size));
  header->error = -error;
  header->unique = unique;
  sys_write(mini->device, mini_reply, header->len);
}

static struct attributes mini_attributes(struct mini *mini, const struct in_header *in, uint64_t node) {
  struct attributes attr = {0};
  attr.ino = node;
  attr.nlink = 1;
  attr.uid = in->uid; /* whoever asks */
  attr.gid = in->gid;
  attr.mode = node == 2 ? 0100666 : 0040777;
  attr.size = node == 2 ? mini->size : 0;
  return attr;
}

static void mini_open(struct mini *mini) {
  struct backing_map map = {0};
  long id;
  if (mini->opens++ > 0 && mini->backing_id > 0) return;
  map.fd = mini->file;
  id = sys_ioctl(mini->device, BACKING_OPEN, &map);
  mini->backing_id = id > 0 ? (int)id : 0;
  if (id > 0) ++mini->granted;
  else ++mini->refused, mini->last_error = (int)-id;
}

/* 0 when the connection has ended, else 1. */
static int mini_serve(struct mini *mini) {
  static char request[256 * 1024];
  const struct in_header *in = (const struct in_header *)request;
  char *out = mini_reply + sizeof(struct out_header);
  const long length = sys_read(mini->device, request, sizeof(request));
  if (length < (long)sizeof(*in)) return length != -19 && length != -103; /* ENODEV, ECONNABORTED */
  switch (in->opcode) {
    case FORGET:
    case BATCH_FORGET:
      return 1;
    case INIT: {
      struct init_out init = {0};
      init.major = 7;
      init.minor = 40;
      init.flags = 1u << 30;
      init.flags2 = 1u << (37 - 32);
      init.max_write = 65536;
      init.max_stack_depth = 1;
      *(struct init_out *)out = init;
      mini_answer(mini, in->unique, 0, sizeof(init));
      return 1;
    }
    case LOOKUP: {
      const char *name = request + sizeof(*in);
      struct entry_out entry = {0};
      if (name[0] != 'f' || name[1] != 'i' || name[2] != 'l' || name[3] != 'e' || name[4] != 0) {
        mini_answer(mini, in->unique, 2, 0);
        return 1;
      }
      entry.nodeid = 2;
      entry.attr = mini_attributes(mini, in, 2);
      *(struct entry_out *)out = entry;
      mini_answer(mini, in->unique, 0, sizeof(entry));
      return 1;
    }
    case GETATTR:
    case SETATTR: {
      struct attr_out attr = {0};
      attr.attr = mini_attributes(mini, in, in->nodeid);
      *(struct attr_out *)out = attr;
      mini_answer(mini, in->unique, 0, sizeof(attr));
      return 1;
    }
    case OPEN:
    case OPENDIR: {
      struct open_out open = {0};
      if (in->opcode == OPEN) mini_open(mini);
      if (in->opcode == OPEN && mini->backing_id > 0) {
        open.backing_id = mini->backing_id;
        open.flags = 1u << 7;
      }
      *(struct open_out *)out = open;
      mini_answer(mini, in->unique, 0, sizeof(open));
      return 1;
    }
    case READ: {
      const struct read_in *read = (const struct read_in *)(request + sizeof(*in));
      const long got = sys_pread(mini->file, out, read->size, read->offset);
      ++mini->data;
      mini_answer(mini, in->unique, got < 0 ? 5 : 0, got < 0 ? 0 : (size_t)got);
      return 1;
    }
    case WRITE: {
      const struct read_in *write = (const struct read_in *)(request + sizeof(*in));
      const long put = sys_pwrite(mini->file, request + sizeof(*in) + 40, write->size, write->offset);
      ++mini->data;
      ((uint32_t *)out)[0] = (uint32_t)put;
      ((uint32_t *)out)[1] = 0;
      mini_answer(mini, in->unique, put < 0 ? 5 : 0, 8);
      return 1;
    }
    case RELEASE:
      if (--mini->opens == 0 && mini->backing_id > 0) {
        uint32_t id = (uint32_t)mini->backing_id;
        sys_ioctl(mini->device, BACKING_CLOSE, &id);
        mini->backing_id = 0;
      }
      mini_answer(mini, in->unique, 0, 0);
      return 1;
    case RELEASEDIR:
    case FLUSH:
      mini_answer(mini, in->unique, 0, 0);
      return 1;
    default:
      mini_answer(mini, in->unique, 38, 0);
      return 1;
  }
}

#endif
