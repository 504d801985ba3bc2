// Which descriptor of a server's file is handed over. PURE.
#pragma once

namespace sluice::proxy {

enum class Offer {
  kAsIs,
  kReadWrite,  // opened anew for reading and writing; where that cannot be: as kReadOnly
  kReadOnly,   // opened anew for reading; where that cannot be: as it is
};

// flags: as it is open, of open(2). A server may share the id of its first open with later ones that write, which
// an id that only reads would fail with EIO: so the supervisor, which is the same user, offers all that the user
// may. Not of programs: while one is open for writing, nobody can execute it (ETXTBSY).
Offer offer_for(int flags, bool regular, bool executable);

}  // namespace sluice::proxy
