#include "os/process_name.h"

#include <sys/prctl.h>

namespace sluice::os {

void name_process(const char* name) { ::prctl(PR_SET_NAME, name, 0, 0, 0); }

}  // namespace sluice::os
