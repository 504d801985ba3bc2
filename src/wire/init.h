// FUSE_INIT: the one message that decides what a connection may do, read and answered by the
// service, never by a worker. PURE.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "core/result.h"
#include "wire/fuse.h"

namespace sluice::wire {

struct Init {
  uint64_t unique;
  uint32_t minor;
  uint32_t max_readahead;
  uint64_t flags;  // what the kernel offers
};

// Service. message: what was read from /dev/fuse. kKernelNoPassthrough where the kernel does not
// offer passthrough or what it needs beside it.
core::Result<Init> decode_init(std::span<const uint8_t> message);

// Service. Freezes the connection: passthrough at stack depth 1, and no feature by which data or
// mounts could come from the worker (no writeback cache, submounts, export by handle or io_uring).
// posix_acl: the kernel asks for ACLs and checks them (preserve mode).
std::array<uint8_t, sizeof(FuseOutHeader) + sizeof(FuseInitOut)> encode_init_reply(const Init& init,
                                                                                    bool posix_acl);

}  // namespace sluice::wire
