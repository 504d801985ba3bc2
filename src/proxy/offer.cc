#include "proxy/offer.h"

#include <fcntl.h>

namespace sluice::proxy {

Offer offer_for(int flags, bool regular, bool executable) {
  if (!regular) return Offer::kAsIs;  // to open it might do something
  const int access = flags & O_ACCMODE;
  const bool path = (flags & O_PATH) != 0;
  if (!path && access == O_RDWR) return (flags & O_APPEND) != 0 ? Offer::kReadWrite : Offer::kAsIs;
  if (!path && access == O_WRONLY) return Offer::kReadWrite;
  if (!executable) return Offer::kReadWrite;
  return path ? Offer::kReadOnly : Offer::kAsIs;
}

}  // namespace sluice::proxy
