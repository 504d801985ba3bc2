// Telling the service manager that started the command that it is up: sd_notify(3).
#pragma once

namespace sluice::cli {

// Says READY=1 to who asked for it in the environment. That nobody listens is no reason to fail.
void tell_manager_ready();

}  // namespace sluice::cli
