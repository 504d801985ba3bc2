// What a view's configuration begins with on its way to its processes. PURE.
#pragma once

#include "wire/view_config.h"

namespace sluice::wire::view_config {

inline constexpr uint32_t kMagic = 0x43564C53;  // "SLVC"

struct Header {
  uint32_t magic;
  ViewSettings settings;
  uint32_t init_length;
  uint32_t rules_length;
};

}  // namespace sluice::wire::view_config
