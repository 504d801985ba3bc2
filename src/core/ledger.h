// The broker's ledger: which file of this connection is granted, under which id. PURE.
//
// Used by the broker only. All memory is taken when it is made; nothing here allocates later. A
// grant holds an open descriptor, so the kernel cannot give (dev, ino) to another file while the
// grant lives: the pair identifies the file.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/rule.h"
#include "core/zeroed_memory.h"

namespace sluice::core {

// A file, and how it may be used by the name that led to it: by another name of the same file there
// may be a grant of another kind.
struct FileId {
  uint64_t dev;
  uint64_t ino;
  TermValue access{};  // kReadWrite, kReadOnly or kWindow
  uint32_t root = 0;   // by which of the view's trees: core::Place
  friend bool operator==(const FileId&, const FileId&) = default;
};

// A slot and how often it was used: a closed grant's id never names a later one.
struct GrantId {
  uint32_t slot;
  uint32_t generation;
  uint64_t packed() const { return uint64_t{generation} << 32 | slot; }
  static GrantId unpack(uint64_t packed) {
    return {static_cast<uint32_t>(packed), static_cast<uint32_t>(packed >> 32)};
  }
};

// Trivial, so that a large ledger costs no memory before it is used.
struct Grant {
  FileId file;
  int backing_id;       // as the kernel gave it, > 0; of a window: 0
  int file_fd;          // held while the grant lives, read-only; -1 while there is only the other
  int write_fd;         // held while somebody has it open for writing, or as long as there is no other; else -1
  uint32_t generation;
  bool writable;        // granted under the read-write root
  bool used;
  uint32_t next;        // in the bucket's chain or the free list, slot + 1
};

class Ledger {
 public:
  // capacity: most grants at once, > 0.
  explicit Ledger(uint32_t capacity);

  // nullptr: no such grant. The pointer lives until erase().
  Grant* find(FileId file);
  Grant* get(GrantId id);
  Grant* at(uint32_t slot) { return slot < untouched_ && grants_[slot].used ? &grants_[slot] : nullptr; }

  // nullptr: full. The file must not be in the ledger yet.
  Grant* insert(FileId file);
  void erase(Grant* grant);

  GrantId id_of(const Grant* grant) const;
  uint32_t size() const { return size_; }
  uint32_t capacity() const { return capacity_; }

 private:
  uint32_t bucket_of(FileId file) const;

  uint32_t capacity_;
  uint32_t mask_;
  uint32_t size_ = 0;
  uint32_t free_ = 0;       // slot + 1
  uint32_t untouched_ = 0;  // slots from here on were never used: their memory is not touched yet
  Memory<Grant> grants_;
  Memory<uint32_t> buckets_;  // slot + 1, 0 for none
};

}  // namespace sluice::core
