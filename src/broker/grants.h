// The grants of one connection: files that the kernel may pass through, and their descriptors.
//
// Broker only. Every method may be called by any of its threads. What is granted is decided here,
// on the descriptor that is then registered: nothing is looked up a second time after a check.
#pragma once

#include <cstdint>
#include <string_view>

#include "broker/view.h"
#include "core/filter.h"
#include "core/ledger.h"
#include "core/result.h"
#include "os/fd.h"
#include "os/file.h"
#include "wire/broker_message.h"

namespace sluice::broker {

// Which root, and with it which Landlock domain, the calling thread grants from.
enum class Domain { kReadOnly, kReadWrite };

struct Granted {
  core::GrantId grant;
  int backing_id;
  bool is_new;
};

class Grants {
 public:
  // All borrowed. most: grants at once. left: memory for them, which a broker before this one may have used.
  Grants(const View& view, Rulebook& book, uint32_t most, core::Grant* left);

  // kOpen: grants a regular file. kGrantReadOnly with errno 0 from the read-write domain: this file is
  // granted by the read-only one; ask there.
  core::Result<Granted> open(Domain domain, const wire::DecodedRequest& request);
  // Of a file of which a rule shows a part: what is in the window at offset: as much as fits, less only at its end.
  core::Result<size_t> read_window(core::GrantId id, int64_t offset, std::span<uint8_t> buffer);
  // Makes a nameless file in the directory at path and grants it.
  core::Result<Granted> open_temp(std::string_view path, uint32_t mode, bool exclusive);
  // What is not there, or open for nothing else, stays as it is.
  core::Outcome drop_write(core::GrantId id);
  core::Outcome close(core::GrantId id);
  // For a worker that comes after another: the first grants from that slot on, as many as there is room for.
  void next(uint32_t slot, wire::BrokerReply& reply);

  // A descriptor of a granted file for one operation. kGrantNotWritable where nobody has it open
  // for writing.
  core::Result<os::Fd> borrow(core::GrantId id, bool write);
  core::Outcome truncate_path(std::string_view path, core::FileId file, int64_t length);

 private:
  core::Result<os::Fd> open_checked(const std::vector<int>& roots, std::string_view path,
                                    const core::Decision& decision, int flags, core::FileId file, os::Stat* stat);
  void give_back(core::Grant* grant);
  core::Result<Granted> add(core::FileId file, os::Fd file_fd, os::Fd write_fd, bool writable);

  const View& view_;
  Rulebook& book_;       // whose lock is the ledger's too
  core::Ledger ledger_;
};

}  // namespace sluice::broker
