// Every limit of the service, the broker and the worker, in one table: those that a broker reads are a part of it. PURE.
#pragma once

#include <cstdint>

#include "core/view_limits.h"

namespace sluice::core {

struct Limits : ViewLimits {
  // Views on one host: each costs two processes and a connection.
  static constexpr uint32_t kViewsPerHost = 10000;
  // Views of one uid: a user cannot take the host's.
  static constexpr uint32_t kViewsPerUser = 100;
  // Peers whose hello is being served: each is a process of the service for at most kSetupSeconds.
  static constexpr uint32_t kSetupsPerHost = 64;
  static constexpr uint32_t kSetupsPerUser = 8;
  // Beside so many others a view that is mounted begins at rest: its processes start with its first request, and not all at
  // once with those of every other.
  static constexpr uint32_t kSetupsThatStart = 2;
  // From a peer's connect to its view: a peer that dawdles loses its place.
  static constexpr uint32_t kSetupSeconds = 10;
  // Grants of all views of one uid, shared out when a view starts: a quarter of what is left each.
  static constexpr uint32_t kGrantsPerUser = 65536;
  // A view with fewer would be of no use: it is refused.
  static constexpr uint32_t kGrantsLeast = 256;
  // Grants that the worker has asked for before anybody opened the file, and that have not come yet.
  static constexpr uint32_t kGrantsAhead = 32;
  // Grants that the worker keeps after the last close, so that the next open asks nobody.
  static constexpr uint32_t kIdleGrants = 1024;
  // How long it keeps them: a file deleted behind the view holds its blocks for so long.
  static constexpr uint32_t kIdleGrantMilliseconds = 2000;
  // The same of a file that was replaced or deleted through the view.
  static constexpr uint32_t kNamelessGrantMilliseconds = 20;
  // For how long, after an open lost to a removal of its name, whatever loses its name keeps a grant,
  // and how long it keeps it.
  static constexpr uint32_t kContestedMilliseconds = 500;
  // Further names that the worker remembers of a file.
  static constexpr uint32_t kLinks = 16;
  // Directory descriptors that the worker keeps open.
  static constexpr uint32_t kOpenDirectories = 2048;
  // Names that wait for the kernel to forget them; with one more, it forgets all.
  static constexpr uint32_t kNamesToForget = 8192;
  // From one look at what has changed in the source to the next.
  static constexpr uint32_t kChangesMilliseconds = 2;
  // After so long without an answer the kernel aborts the connection. Long, because a slow disk may
  // take minutes for an fsync.
  static constexpr uint16_t kRequestTimeoutSeconds = 300;
  // Requests that the kernel sends without a client waiting (RELEASE, readahead of listings); the
  // others are as many as clients wait. More would only queue in the kernel's memory.
  static constexpr uint16_t kBackgroundRequests = 64;
  // What the record of a view may hold before touches are lost: about as many as a build makes while its
  // reader waits for a processor.
  static constexpr uint32_t kRecordBytes = 256 * 1024;
  // Log lines of the service in a second, but for errors; the rest are counted.
  static constexpr uint32_t kLogLinesOfServicePerSecond = 500;
  // Coherence: how long the kernel may keep names and attributes.
  static constexpr uint32_t kCoherenceMilliseconds = 1000;  // also of what cannot be watched
};

}  // namespace sluice::core
