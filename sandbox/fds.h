// The descriptor table of a broker and a worker: fixed numbers, so that the seccomp policies can
// name them. The policy compiler's symbols of the same names must agree (a unit test compares).
#pragma once

namespace sluice::sandbox {

// Standard output. The worker of a recorded view has the record's pipe there, every other process /dev/null.
inline constexpr int kFdRecord = 1;
inline constexpr int kFdFuse = 3;      // the connection's /dev/fuse
inline constexpr int kFdRoot = 4;      // the source tree: the broker's read-only one, the worker's own
inline constexpr int kFdRootRw = 5;    // broker: the read-write tree (in a read-only view: it is read-only too)
inline constexpr int kFdWatch = 5;     // worker: tells of changes in the source
inline constexpr int kFdGrantRw = 6;   // broker <-> worker: grants by the thread with the rw domain
inline constexpr int kFdGrantRo = 7;   // broker <-> worker: grants by the thread with the ro domain
inline constexpr int kFdData = 8;      // broker <-> worker: operations on granted files
inline constexpr int kFdEvents = 9;    // to the service
inline constexpr int kFdConfig = 10;   // wire::ViewConfig; closed after it was read
inline constexpr int kFdCounters = 11; // worker: counter page; closed after it was mapped

inline constexpr int kFdLedger = 44;   // broker: its grants, for who comes after it; closed after it was mapped

// From here on the trees of the view's grafts: the broker has a read-only and a read-write one for each,
// the worker one, which it closes.
inline constexpr int kFdGrafts = 12;
// The table of nodes, for who comes after it; closed after it was mapped. By which number a worker has it, the service
// says whether there was another one before it: what is in the table, that one may have forged.
inline constexpr int kFdTable = 30;      // worker: of nobody yet
inline constexpr int kFdLeftTable = 31;  // worker: of the one before
inline constexpr int kFdSpareTable = 32; // worker that waits for its turn: of the one that still serves

}  // namespace sluice::sandbox
