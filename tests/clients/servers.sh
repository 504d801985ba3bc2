#!/usr/bin/env bash
# FUSE servers without privilege, each in a user namespace, that the kernel passes data through for: with libsluice,
# and under `sluice exec`. That no READ and no WRITE reaches them, they say themselves.
#   with SLUICE_BIN=, SLUICE_LIB= the directory of libsluice.so, SLUICE_CLIENTS= that of the servers
. "$(dirname "$0")/../integration/cli/common.sh"

mkdir /run/clients /run/lib
mount --bind "${SLUICE_CLIENTS:?}" /run/clients
mount --bind "${SLUICE_LIB:?}" /run/lib
mknod /run/fuse c 10 229 && chmod 666 /run/fuse && mount --bind /run/fuse /dev/fuse
export LD_LIBRARY_PATH=/run/lib

SOCKET=/run/sluice/sluice.sock
begin_case() { # options of the service... : a service, a tree of A's with a file of 20,000 bytes, a place to mount at
  mkdir "$W/tree" "$W/point"
  head -c 20000 /dev/urandom > "$W/tree/file"
  chown -R $USER_A:$USER_A "$W/tree" "$W/point"
  start_service "$@"
}
# words... : in the background, as A; $SERVER is the server itself.
start_server() {
  : > "$W/said"
  "${A[@]}" "$@" >> "$W/said" 2> "$W/errors" &
  SERVER=$!
  STARTED+=($SERVER)
}
in_server() { # command... , in the server's namespaces, as A
  timed setpriv --reuid=$USER_A --regid=$USER_A --clear-groups -- nsenter -t "$SERVER" -U -m --preserve-credentials -- "$@"
}
mounted() { grep -q " $W/point " "/proc/$SERVER/mountinfo" 2> /dev/null; }
has_mounted() { expect_soon "it is mounted" 10 mounted || cat "$W/errors" "$W/service.log"; }
# The brokers of connections, and how many files they hold for grants.
brokers() { our_processes 'sluice-foreign*'; }
grants_held() {
  local broker count=0
  for broker in $(brokers); do
    count=$((count + $(find "/proc/$broker/fd" -lname "*/tree/*" 2> /dev/null | wc -l)))
  done
  echo $count
}
all_grants_held() { [ "$(grants_held)" -ge 4096 ]; }
no_grant_held() { [ "$(grants_held)" = 0 ]; }
supervisors() { our_processes 'sluice-supervis*'; }
no_supervisor() { [ -z "$(supervisors)" ]; }
no_broker() { [ -z "$(brokers)" ]; }

# Reading, writing, mapping, two opens at a time: what the application sees is what is in the file.
use_file() {
  expect_eq "what is read" "$(sha256sum < "$W/tree/file")" "$(in_server sha256sum < /dev/null "$W/point/file" | sed "s,$W/point/file,-,")"
  in_server bash -c "printf changed | dd of='$W/point/file' bs=1 seek=100 conv=notrunc status=none"
  expect_eq "what is written" changed "$(dd if="$W/tree/file" bs=1 skip=100 count=7 status=none)"
  expect_eq "what is written is read" changed "$(in_server dd if="$W/point/file" bs=1 skip=100 count=7 status=none)"
}
# While it is open for reading, it is opened for writing.
use_shared() {
  in_server bash -c "exec 3< '$W/point/file'; printf shared | dd of='$W/point/file' bs=1 seek=300 conv=notrunc status=none"
  expect_eq "written while open for reading" shared "$(dd if="$W/tree/file" bs=1 skip=300 count=6 status=none)"
}
said_nothing() { expect_eq "it was asked for no data, and refused nothing" "" "$(cat "$W/said" "$W/errors")"; }
ends_server() {
  kill -TERM "$SERVER"
  wait "$SERVER" 2> /dev/null
  expect_soon "its supervisor ends" 5 no_supervisor
  expect_soon "its broker ends" 5 no_broker
}
data_requests() { # of the example
  : > "$W/said"
  kill -USR1 "$SERVER"
  eventually 5 grep -q 'data requests' "$W/said"
  sed -n 's/^data requests: //p' "$W/said"
}

case_library() {
  begin_case
  start_server unshare -Urm /run/clients/passthrough_server "$W/tree" "$W/point"
  has_mounted
  use_file
  use_shared
  expect_eq "requests for data" 0 "$(data_requests)"
  expect_soon "its grants are closed" 5 no_grant_held
  expect_match "the connection is listed" "connection-" "$(sluice ls)"
  # A broker that is killed is replaced.
  local broker
  broker=$(brokers)
  kill -KILL "$broker"
  use_file
  expect_eq "requests for data after the broker was killed" 0 "$(data_requests)"
  # And a service that restarts is waited for.
  stop_service
  (sleep 0.3 && exec sluiced --listen $SOCKET --mode 0666 > "$W/service.log" 2>&1) &
  STARTED+=($!)
  use_file
  expect_eq "requests for data after the service restarted" 0 "$(data_requests)"
  ends_server
}
# Somebody in the server's namespaces keeps the file open, until release_file.
hold_file() {
  setpriv --reuid=$USER_A --regid=$USER_A --clear-groups -- nsenter -t "$SERVER" -U -m --preserve-credentials -- \
    bash -c "exec 3< '$W/point/file'; echo open; read -r _ < '$W/release'; sha256sum <&3" > "$W/held" &
  HOLDER=$!
  STARTED+=($HOLDER)
  expect_soon "the file is open" 10 grep -q open "$W/held"
}
release_file() {
  echo > "$W/release"
  wait $HOLDER
  expect_eq "who has it open reads on" "$(sha256sum < "$W/tree/file")" "$(tail -n 1 "$W/held")"
}
restart_service() {
  stop_service
  start_service
}
case_library_restart_while_it_is_open() {
  begin_case
  mkfifo -m 666 "$W/release"
  start_server unshare -Urm /run/clients/passthrough_server "$W/tree" "$W/point"
  has_mounted
  hold_file
  local round
  for round in 1 2 3; do
    restart_service
    use_file
    use_shared
  done
  release_file
  use_file
  expect_eq "requests for data" 0 "$(data_requests)"
  expect_soon "its grants are closed" 5 no_grant_held
  ends_server
}
# With a keeper nothing of it is noticed: there is the same broker, with and without a service, and every id goes on.
kill_service() {
  kill -KILL "$SERVICE"
  wait "$SERVICE" 2> /dev/null
}
taken_over() { grep -q event=connection-taken-over "$W/service.log"; }
use_over_a_death() { # as $SERVER
  local broker round
  hold_file
  broker=$(brokers)
  for round in 1 2 3; do
    kill_service
    use_file
    use_shared
    expect_eq "its broker, without a service" "$broker" "$(brokers)"
    start_service --keep-views /run/keeper
    expect_soon "the next service takes it over" 5 taken_over
    use_file
    use_shared
    expect_eq "its broker, with the next service" "$broker" "$(brokers)"
  done
  expect_match "it is listed" "connection-" "$(sluice ls)"
  release_file
  use_file
}
case_library_with_a_keeper() {
  mkdir -p -m 700 /run/keeper
  begin_case --keep-views /run/keeper
  mkfifo -m 666 "$W/release"
  start_server unshare -Urm /run/clients/passthrough_server "$W/tree" "$W/point"
  has_mounted
  use_over_a_death
  expect_eq "requests for data" 0 "$(data_requests)"
  expect_soon "its grants are closed" 5 no_grant_held
  ends_server
}
case_exec_with_a_keeper() {
  mkdir -p -m 700 /run/keeper
  begin_case --keep-views /run/keeper
  mkfifo -m 666 "$W/release"
  start_server $(raw --unshare)
  has_mounted
  use_over_a_death
  said_nothing
  ends_server
}
case_library_without_a_service() {
  begin_case
  stop_service
  start_server unshare -Urm /run/clients/passthrough_server "$W/tree" "$W/point"
  has_mounted
  local begin
  begin=$(milliseconds)
  use_file
  [ $(($(milliseconds) - begin)) -lt 4000 ] || fail "it is not held up"
  [ "$(data_requests)" -gt 0 ] || fail "it serves the data itself"
  start_service
  sleep 4 # longer than it waits between two attempts at most
  use_file
  local before
  before=$(data_requests)
  use_file
  expect_eq "once there is one, it is used" "$before" "$(data_requests)"
  ends_server
}
case_library_no_new_privs() {
  begin_case
  start_server setpriv --no-new-privs unshare -Urm /run/clients/passthrough_server "$W/tree" "$W/point"
  has_mounted
  use_file
  expect_eq "requests for data" 0 "$(data_requests)"
  ends_server
}
# Root on the host needs nobody.
case_library_as_root() {
  begin_case
  stop_service
  SLUICE_SOCKET=/run/none unshare -m /run/clients/passthrough_server "$W/tree" "$W/point" >> "$W/said" 2> "$W/errors" &
  SERVER=$!
  STARTED+=($SERVER)
  has_mounted
  timed nsenter -t "$SERVER" -m -- cat "$W/point/file" > /dev/null
  expect_eq "requests for data" 0 "$(data_requests)"
  ends_server
}

raw() { echo sluice exec "$@" --mount "$W/point" -- /run/clients/raw_server "$W/tree/file" {}; }
case_exec_unshare() {
  begin_case
  start_server $(raw --unshare)
  has_mounted
  expect_soon "the command is the server" 5 grep -qx raw_server "/proc/$SERVER/comm"
  expect_eq "without no_new_privs" "NoNewPrivs:	0" "$(grep NoNewPrivs "/proc/$SERVER/status")"
  expect_eq "it has no child" "" "$(pgrep -P "$SERVER")"
  local supervisor
  supervisor=$(supervisors)
  expect_eq "the supervisor's filter and no_new_privs" "1 2" \
    "$(awk '/^NoNewPrivs/ { n = $2 } /^Seccomp:/ { s = $2 } END { print n, s }' "/proc/$supervisor/status")"
  expect_eq "its capability, in the namespace" "0000000000080000" "$(awk '/^CapPrm/ { print $2 }' "/proc/$supervisor/status")"
  use_file
  use_shared
  expect_soon "its grants are closed" 5 no_grant_held
  said_nothing
  ends_server
}
# In a namespace that there is, and where it has no privilege: nothing but no_new_privs lets it have a filter.
case_exec_no_new_privs() {
  begin_case
  # The mount needs privilege in the namespace; the server has none.
  start_server unshare -Urm bash -c "exec 9<> /dev/fuse
    mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0 test '$W/point' &&
    exec setpriv --inh-caps=-all --bounding-set=-all --securebits=+noroot,+noroot_locked -- \
      sluice exec /run/clients/raw_server '$W/tree/file' /dev/fd/9"
  has_mounted
  expect_soon "it is the server" 5 grep -qx raw_server "/proc/$SERVER/comm"
  expect_eq "with no_new_privs" "NoNewPrivs:	1" "$(grep NoNewPrivs "/proc/$SERVER/status")"
  expect_eq "without privilege" "0000000000000000" "$(awk '/^CapPrm/ { print $2 }' "/proc/$SERVER/status")"
  use_file
  said_nothing
  ends_server
}
# Its one descriptor is read-only; what the user may write, an application may.
case_exec_shares_a_read_only_open() {
  begin_case
  start_server $(raw --unshare) read
  has_mounted
  use_file
  use_shared
  said_nothing
  ends_server
}
case_exec_read_only_stays_so() {
  begin_case
  chown 0 "$W/tree/file"
  chmod 644 "$W/tree/file"
  start_server $(raw --unshare) read
  has_mounted
  expect_eq "what is read" "$(sha256sum < "$W/tree/file")" "$(in_server sha256sum < /dev/null "$W/point/file" | sed "s,$W/point/file,-,")"
  expect_fails "writing" in_server bash -c "printf x >> '$W/point/file'"
  said_nothing
  # Of a program, its own user's too: it could not be executed meanwhile.
  cp /bin/true "$W/tree/program"
  chown $USER_A:$USER_A "$W/tree/program"
  ends_server
  start_server sluice exec --unshare --mount "$W/point" -- /run/clients/raw_server "$W/tree/program" {} read
  has_mounted
  in_server bash -c "exec 3< '$W/point/file'; '$W/tree/program'" || fail "a program that is open through the mount can be executed"
  said_nothing
  ends_server
}
case_exec_storm() {
  begin_case
  start_server sluice exec --unshare --mount "$W/point" -- /run/clients/storm_server "$W/tree/file" {} 2
  expect_soon "it is done" 20 grep -q got "$W/said"
  local got closed missed error alarms
  read -r _ got _ closed _ missed _ error _ alarms < "$W/said"
  [ "$got" -gt 50 ] || fail "it got ids" "$(cat "$W/said")"
  [ "$alarms" -gt 50 ] || fail "signals came" "$(cat "$W/said")"
  expect_eq "each was closed, none failed" "$got 0" "$closed $missed"
  expect_soon "and none leaked" 5 no_grant_held
  ends_server
}
# Wherever it is killed, nothing is left.
case_exec_client_killed() {
  begin_case
  local delay
  for delay in 0.05 0.1 0.13 0.17 0.2 0.25 0.3 0.5; do
    start_server sluice exec --unshare --mount "$W/point" -- /run/clients/storm_server "$W/tree/file" {} 1 keep
    sleep $delay
    kill -KILL "$SERVER"
    wait "$SERVER" 2> /dev/null
    expect_soon "its supervisor ends" 5 no_supervisor
    expect_soon "its broker ends" 5 no_broker
  done
  # What the kernel has of grants is given back: the next one has all that a connection may have.
  start_server sluice exec --unshare --mount "$W/point" -- /run/clients/storm_server "$W/tree/file" {} 1 keep
  expect_soon "as many grants as a connection may have" 20 all_grants_held
  kill -KILL "$SERVER"
  wait "$SERVER" 2> /dev/null
  expect_soon "its broker ends" 5 no_broker
}
case_exec_supervisor_killed() {
  begin_case
  start_server $(raw --unshare)
  has_mounted
  use_file
  said_nothing
  kill -KILL "$(supervisors)"
  expect_soon "it ends" 5 no_supervisor
  use_file
  expect_match "the server serves the data itself" "refused.*data" "$(tr '\n' ' ' < "$W/said")"
  kill -0 "$SERVER" || fail "the server lives"
  ends_server
}
case_exec_service_restarted() {
  begin_case
  start_server $(raw --unshare)
  has_mounted
  use_file
  stop_service
  (sleep 0.3 && exec sluiced --listen $SOCKET --mode 0666 > "$W/service.log" 2>&1) &
  STARTED+=($!)
  use_file
  said_nothing
  ends_server
}
# What a server that knows nothing of it answers with has ended: until the last close, nobody opens the file anew.
case_exec_service_restarted_while_it_is_open() {
  begin_case
  mkfifo -m 666 "$W/release"
  start_server $(raw --unshare)
  has_mounted
  hold_file
  restart_service
  expect_match "opening it again" "Input/output error" "$(in_server cat "$W/point/file" 2>&1)"
  release_file
  expect_soon "its last close is answered" 5 in_server test -r "$W/point/file"
  use_file
  use_shared
  said_nothing
  ends_server
}
# Made by the service, as where the kernel does not say which connection a descriptor serves.
connection_of_the_service() {
  grep -q " $W/point [^ ]*nosuid,nodev[^ ]* .*- fuse.sluice-connection sluice-connection .*user_id=$USER_A,group_id=$USER_A,default_permissions" \
    "/proc/$SERVER/mountinfo"
}
case_exec_by_service() {
  begin_case
  start_server $(raw --unshare --by-service)
  has_mounted
  connection_of_the_service || fail "it is the service's" "$(grep "$W/point" "/proc/$SERVER/mountinfo")"
  use_file
  use_shared
  said_nothing
  expect_match "it is listed" "connection-" "$(sluice ls)"
  expect_soon "its grants are closed" 5 no_grant_held
  # Where the kernel does say so, another service knows it, too.
  restart_service
  use_file
  said_nothing
  ends_server
  # libfuse takes it as a mountpoint.
  start_server sluice exec --unshare --by-service --mount "$W/point" -- /run/clients/passthrough_server "$W/tree" {}
  has_mounted
  connection_of_the_service || fail "it is the service's" "$(grep "$W/point" "/proc/$SERVER/mountinfo")"
  use_file
  use_shared
  expect_eq "requests for data" 0 "$(data_requests)"
  ends_server
  # Its supervisor has it, and ends, though nobody has called.
  start_server sluice exec --unshare --by-service --mount "$W/point" -- sh -c 'exec sleep 100' server {}
  has_mounted
  expect_soon "it serves nobody" 5 grep -qx sleep "/proc/$SERVER/comm"
  ends_server
  stop_service
  as_a sluice exec --unshare --by-service --mount "$W/point" -- true {} > /dev/null 2> "$W/errors"
  expect_eq "without a service" 125 $?
  expect_match "and why" "makes no connection: no service answers" "$(cat "$W/errors")"
}
case_exec_where_the_kernel_does_not_say() {
  begin_case
  mkdir "$W/empty"
  : > "$W/said"
  unshare -m bash -c "mount --bind '$W/empty' /proc/\$\$/fdinfo && exec ${A[*]} $(raw --unshare)" >> "$W/said" 2> "$W/errors" &
  SERVER=$!
  STARTED+=($SERVER)
  has_mounted
  connection_of_the_service || fail "it is the service's" "$(grep "$W/point" "/proc/$SERVER/mountinfo")"
  use_file
  said_nothing
  ends_server
}
case_exec_without_a_service() {
  begin_case
  stop_service
  start_server $(raw --unshare)
  has_mounted
  use_file
  expect_match "it serves the data itself" "data" "$(cat "$W/said")"
  expect_match "and why is said, once" "^sluice: no passthrough: no service answers$" "$(cat "$W/errors")"
  ends_server
}
# What the supervisor cannot make sense of is the kernel's to refuse; it serves on.
case_exec_odd_calls() {
  begin_case
  expect_eq "what became of each" "no connection: ENOTTY
a connection that is not mounted: EPERM
no descriptor: EBADF
no memory: EFAULT
no file: EPERM
a directory: EINVAL
a device: EINVAL
the connection itself: EINVAL
flags: EPERM
closing none: EINVAL
closing another's: ENOENT
closing a negative one: EINVAL
closing without memory: EFAULT
a request with an upper half: an id
a file: an id" "$(as_a sluice exec --unshare --mount "$W/point" -- /run/clients/odd_calls "$W/tree/file" "$W/tree" {} 2> "$W/errors")"
  expect_eq "and what the service refused is said" "sluice: no passthrough: not a regular file (not-regular)" "$(cat "$W/errors")"
  expect_soon "its supervisor ends" 5 no_supervisor
  expect_soon "its broker ends" 5 no_broker
}
case_exec_words() {
  begin_case
  local out
  out=$(as_a sluice exec 2>&1)
  expect_eq "no server" 2 $?
  expect_match "no server" "no server.*try: write sluice exec" "$(tr '\n' ' ' <<< "$out")"
  as_a sluice exec --mount "$W/point" true > /dev/null 2>&1
  expect_eq "no {}" 2 $?
  out=$(as_a sluice exec --mount "$W/point" -- true {} 2>&1)
  expect_eq "no privilege" 125 $?
  expect_match "no privilege" "add --unshare" "$out"
  as_a sluice exec --unshare --mount "$W/none" -- true {} > /dev/null 2>&1
  expect_eq "no target" 125 $?
  as_a sluice exec -- "$W/none" > /dev/null 2>&1
  expect_eq "no such program" 127 $?
  as_a sluice exec /dev/null > /dev/null 2>&1
  expect_eq "no program" 126 $?
  as_a sluice exec sh -c 'exit 7'
  expect_eq "its exit status is the server's" 7 $?
  expect_eq "options behind the server are the server's" "--mount x" "$(as_a sluice exec echo --mount x)"
  expect_eq "descriptors that the caller left open stay" open "$(as_a bash -c 'sluice exec cat /dev/fd/7 7<<< open')"
  as_a sluice exec -- sluice exec -- true > /dev/null 2> "$W/errors"
  expect_eq "twice" 125 $?
  expect_match "twice" "supervises" "$(cat "$W/errors")"
  expect_soon "no supervisor stays" 5 no_supervisor
}

run_cases
