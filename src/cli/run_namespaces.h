// Who and where the command is: its user, its namespaces, the view in its place.
#pragma once

#include <sys/types.h>

#include "cli/commands.h"

namespace sluice::cli {

// In the child. Each ends it where it fails, and says why.

void become_identity(const Identity& identity);

// A user namespace in which this user is what it was, and nothing else exists; and the others that
// are asked for. map_all_gate: where every owner is kept, to who can map all ids; else < 0.
void enter_namespaces(const RunOptions& options, int map_all_gate);

// The view comes to lie over the source, and nothing of ours goes elsewhere.
struct PlaceOfView {
  const Source& source;
  int view;
};
void attach_in_place(const PlaceOfView& place);
// The source itself, found again by its name in this mount namespace.
os::Fd find_source(const Source& source);

// /proc of this process namespace, detached.
os::Fd new_proc();

// Root in the namespace that the view was attached in could take it off. In one below it, all that
// was mounted before is locked in place (user_namespaces(7), mount_namespaces(7)).
void lock_mounts();

// In the parent: answers the gate. false: the child has ended, or may not be helped.
bool map_all_ids(pid_t pid, int gate);

}  // namespace sluice::cli
