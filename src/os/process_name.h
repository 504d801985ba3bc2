// What ps(1) shows of this process.
#pragma once

namespace sluice::os {

// Not for a confined process. At most 15 bytes.
void name_process(const char* name);

}  // namespace sluice::os
