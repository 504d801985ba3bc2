// A worker under an attacker's control: what the service starts where the real worker should be,
// with its descriptors, identity and confinement, and with an order to attack.
//
// The order is one line in the file .order of the source tree. What comes of it goes to the service
// as events, whose text its log shows; a forbidden call ends the process, which the log shows too.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wire/view_config.h"

namespace sluice::adversary {

// An event for the service's log.
void say(std::string_view text);
void say_result(std::string_view what, long result);  // "what=0" or "what=ENOENT"

// Waits until the kernel has a request for this worker: then the test has its view.
void wait_for_request();

// Each returns what it was about, or does not return because the call is forbidden.
void make_forbidden_call(std::string_view name);  // calls.cc
void look_for_contents();                         // files.cc
void change_inherited_files();                    // files.cc
void flood(std::string_view whom);                // flood.cc
// Before the filter, and at the end: table.cc.
void map_table();
void forge_table(uint64_t seed);
// Serves the connection, with lies: see server.cc. "" lies only about names made for it.
void serve(std::string_view how, uint32_t opcode, const wire::ViewConfig& config);
// The same aims without the filter: what is left of the confinement if that has a hole.
void try_without_filter();  // unfiltered.cc
// Makes every call number in a child that is confined like this process; before the filter.
void probe_calls(const wire::ViewConfig& config);  // probe.cc

}  // namespace sluice::adversary
