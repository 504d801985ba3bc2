#!/usr/bin/env bash
# What the processes of a view are, by what the kernel says of them.
. "$(dirname "$0")/common.sh"

field() { awk -v f="$2:" '$1 == f { $1 = ""; sub(/^ /, ""); print }' "/proc/$1/status"; }
expect_field() { # process pid field expected
  expect_eq "$1: $3" "$4" "$(field "$2" "$3")"
}
inode() { stat -L -c %d:%i "$1"; }
namespace() { readlink "/proc/$1/ns/$2"; }

# Descriptor numbers and what they are, without what only tells two of a kind apart.
table() {
  local fd
  for fd in $(ls "/proc/$1/fd" | sort -n); do
    printf '%s=%s ' "$fd" "$(readlink "/proc/$1/fd/$fd" | sed 's/:\[.*//')"
  done
}
# It acts as its user, and nobody runs anything with its real and saved uid: processes of the user can
# neither signal it nor change its limits (kill(2), prlimit(2)).
expect_own_real_uid() { # process pid
  expect_match "$1: uids" '^21139[0-9]{5} 61234 21139[0-9]{5} 61234$' "$(field "$2" Uid)"
  expect_fails "$1: another process of the user may not end it" as_a kill -KILL "$2"
  expect_fails "$1: nor signal it" as_a kill -STOP "$2"
  expect_fails "$1: nor change its limits" as_a prlimit --pid "$2" --nofile=10:10
  expect_fails "$1: nor see its limits" as_a prlimit --pid "$2" --nofile
  expect_eq "$1: it lives" 2 "$(field "$2" Seccomp)"
}
expect_confined() { # process pid
  local kind
  expect_field "$1" "$2" NoNewPrivs 1
  expect_field "$1" "$2" Seccomp 2
  expect_field "$1" "$2" Seccomp_filters 1
  for kind in CapInh CapBnd CapAmb; do expect_field "$1" "$2" $kind 0000000000000000; done
  # A table of descriptors that grew while the process has threads would have it wait for the kernel each time.
  [ "$(field "$2" FDSize)" -ge 2048 ] || fail "$1: room for descriptors" "got: $(field "$2" FDSize)"
  expect_eq "$1: environment" 0 "$(tr -d '\0' < "/proc/$2/environ" | wc -c)"
  expect_eq "$1: arguments" "$3" "$(tr '\0' ' ' < "/proc/$2/cmdline" | sed 's/ $//')"
  expect_eq "$1: core dumps" "0 0" "$(awk '/^Max core file size/ { print $5, $6 }' "/proc/$2/limits")"
  # What is not dumpable belongs to root in /proc, so that no process of the same user can look in.
  expect_eq "$1: not dumpable" 0 "$(stat -c %u "/proc/$2/environ")"
  expect_fails "$1: another process of the user may not trace it" as_a cat "/proc/$2/environ"
  expect_fails "$1: nor see its descriptors" as_a ls "/proc/$2/fd/"
  for kind in mnt pid net ipc uts cgroup; do
    expect_no_match "$1: $kind namespace is its own" "^$(sed 's/[][]/\\&/g' <<< "$(namespace 1 $kind)")\$" "$(namespace "$2" $kind)"
  done
  local task
  for task in /proc/"$2"/task/*/status; do
    expect_eq "$1: every thread is filtered" 2 "$(awk '/^Seccomp:/ { print $2 }' "$task")"
  done
  expect_eq "$1: no child" "" "$(cat /proc/"$2"/task/*/children)"
  # From its root directory nothing but the source can be reached.
  expect_eq "$1: root directory" "$(inode "$W/source")" "$(inode "/proc/$2/root/")"
  expect_eq "$1: working directory" "$(inode "$W/source")" "$(inode "/proc/$2/cwd/")"
  expect_eq "$1: one mount" 1 "$(wc -l < "/proc/$2/mountinfo")"
  expect_match "$1: of which nothing is run" ' nosuid,nodev,noexec| ro,nosuid,nodev,noexec| rw,nosuid,nodev,noexec' \
    "$(cut -d' ' -f6 "/proc/$2/mountinfo" | sed 's/^/ /')"
}
# Beside the fixed ones the worker has directories, and names of other things (O_PATH, 010000000 in
# the flags), through which nothing can be read or written.
expect_no_contents() {
  local fd flags
  for fd in $(ls "/proc/$WORKER/fd"); do
    [ "$fd" -ge 10 ] || continue
    flags=$(awk '/^flags:/ { print $2 }' "/proc/$WORKER/fdinfo/$fd" 2> /dev/null)
    [ -n "$flags" ] || continue # closed meanwhile
    (( (flags & 010000000) != 0 )) ||
      expect_eq "worker: descriptor $fd is a directory or a bare name" directory "$(stat -L -c %F "/proc/$WORKER/fd/$fd")"
    (( (flags & 3) == 0 )) || fail "worker: descriptor $fd is not for writing" "got: flags $flags"
  done
}
start() {
  make_source "$W/source"
  mkdir "$W/target"
  mount_view --name v "$@" "$W/source" "$W/target" && note_processes v
}
end_view() {
  kill -TERM "$VIEW"
  await_view
}

case_broker() {
  start --identity $USER_A || return
  expect_confined broker "$BROKER" sluice-broker
  expect_own_real_uid broker "$BROKER"
  expect_field broker "$BROKER" Gid "$USER_A $USER_A $USER_A $USER_A"
  expect_field broker "$BROKER" CapPrm 0000000000200000
  expect_field broker "$BROKER" CapEff 0000000000200000
  expect_eq "broker: user namespace is the host's, or the capability were worth nothing" \
    "$(namespace 1 user)" "$(namespace "$BROKER" user)"
  expect_eq "broker: descriptors" \
    "0=/dev/null 1=/dev/null 2=$W/mount.err 3=/dev/fuse 4=/ 5=/ 6=socket 7=socket 8=socket 9=socket " "$(table "$BROKER")"
  # With a file open there is that file, and nothing else.
  "${A[@]}" tail -f "$W/target/file" > "$W/tail" 2>&1 &
  local user=$!
  STARTED+=($user)
  expect_soon "a file is open" 5 grep -qs content "$W/tail"
  local fd
  for fd in $(ls "/proc/$BROKER/fd"); do
    [ "$fd" -lt 10 ] || expect_eq "broker: descriptor $fd is the open file" "$(inode "$W/source/file")" "$(inode "/proc/$BROKER/fd/$fd")"
  done
  expect_no_match "broker: it holds the open file" ' 9=socket $' "$(table "$BROKER")"
  kill $user
  expect_soon "and lets go of it" 6 broker_has_only_fixed_ones
  end_view
}
broker_has_only_fixed_ones() { [ "$(ls "/proc/$BROKER/fd" | wc -l)" = 10 ]; }
case_worker() {
  start --identity $USER_A || return
  as_a cat "$W/target/file" "$W/target/dir/deep" > "$W/out"
  expect_confined worker "$WORKER" sluice-worker
  expect_own_real_uid worker "$WORKER"
  expect_field worker "$WORKER" Gid "$USER_A $USER_A $USER_A $USER_A"
  expect_field worker "$WORKER" CapPrm 0000000000000000
  expect_field worker "$WORKER" CapEff 0000000000000000
  expect_match "worker: descriptors" \
    "^0=/dev/null 1=/dev/null 2=$W/mount.err 3=/dev/fuse 4=/ 5=anon_inode 6=socket 7=socket 8=socket 9=socket (1[0-9]=[^ ]* )*\$" \
    "$(table "$WORKER")"
  expect_eq "worker: by descriptor 5 it is told of changes" "anon_inode:[fanotify]" "$(readlink "/proc/$WORKER/fd/5")"
  expect_no_contents
  "${A[@]}" tail -f "$W/target/file" > "$W/tail" 2>&1 &
  local user=$!
  STARTED+=($user)
  expect_soon "a file is open" 5 grep -qs content "$W/tail"
  expect_no_contents
  kill $user
  end_view
}
case_read_only_view() {
  start --identity $USER_A --ro || return
  expect_confined broker "$BROKER" sluice-broker
  expect_confined worker "$WORKER" sluice-worker
  expect_match "broker: its tree is read-only" '^ro,' "$(cut -d' ' -f6 "/proc/$BROKER/mountinfo")"
  expect_match "worker: its tree is read-only" '^ro,' "$(cut -d' ' -f6 "/proc/$WORKER/mountinfo")"
  expect_field worker "$WORKER" CapEff 0000000000000000
  expect_field broker "$BROKER" CapEff 0000000000200000
  end_view
}
case_groups() {
  make_source "$W/source"
  start_service
  # A user's groups are its view's; none of the service's come along.
  setpriv --reuid=$USER_A --regid=$USER_A --groups=$USER_A,61300 -- sluice run --name v "$W/source" -- \
    sh -c 'echo ready; exec sleep 15' > "$W/run.out" 2> "$W/run.err" &
  STARTED+=($!)
  expect_soon "the view serves" 8 grep -qs ready "$W/run.out"
  note_processes v
  expect_field broker "$BROKER" Groups "61234 61300"
  expect_field worker "$WORKER" Groups "61234 61300"
  kill $!
  wait $!
  stop_service
}
case_preserve() {
  start --identity preserve || return
  expect_field broker "$BROKER" CapPrm 000000000020000a
  expect_field broker "$BROKER" CapEff 000000000020000a
  expect_field broker "$BROKER" CapBnd 0000000000000000
  expect_field broker "$BROKER" NoNewPrivs 1
  expect_field broker "$BROKER" Seccomp 2
  expect_no_match "broker: not root" '^0 ' "$(field "$BROKER" Uid)"
  expect_field worker "$WORKER" CapEff 000000000000001b
  expect_field worker "$WORKER" CapBnd 0000000000000000
  expect_field worker "$WORKER" NoNewPrivs 1
  expect_field worker "$WORKER" Seccomp 2
  expect_no_match "worker: user namespace is its own" "^$(sed 's/[][]/\\&/g' <<< "$(namespace 1 user)")\$" "$(namespace "$WORKER" user)"
  expect_service 00000000802401ea
  end_view
}
# The process that serves has only what it takes to end the others; what it takes to make them is in
# the maker, which hears of nobody else.
expect_service() { # capabilities of the maker
  local kind maker
  for kind in CapPrm CapEff; do expect_field service "$SERVICE" $kind 0000000000000020; done
  for kind in CapInh CapBnd CapAmb; do expect_field service "$SERVICE" $kind 0000000000000000; done
  expect_field service "$SERVICE" NoNewPrivs 1
  expect_field service "$SERVICE" Seccomp 2
  expect_eq "service: not dumpable" 0 "$(stat -c %u "/proc/$SERVICE/environ")"
  maker=$(our_processes sluiced-maker)
  for kind in CapPrm CapEff CapBnd; do expect_field maker "$maker" $kind "$1"; done
  for kind in CapInh CapAmb; do expect_field maker "$maker" $kind 0000000000000000; done
  expect_eq "maker: descriptors" "0 1 2 file file file mounts socket " \
    "$(for fd in $(ls "/proc/$maker/fd" | sort -n); do [ "$fd" -le 2 ] && echo "$fd" || readlink "/proc/$maker/fd/$fd" |
      sed -E 's/^socket.*/socket/; s/^mnt:.*/mounts/; s|^/.*|file|'; done | sort | tr '\n' ' ')"
}
case_service() {
  start_service
  expect_service 00000000002401e0
  stop_service
}
case_service_for_preserve_views() {
  start_service --preserve
  expect_service 00000000802401ea
  stop_service
}
case_service_for_device_nodes() {
  start_service --preserve --device-nodes
  expect_service 00000000882401ea
  stop_service
}
case_private_service() {
  start --identity $USER_A || return
  expect_service 00000000002401e0
  end_view
}
# Descriptors and variables of whoever starts it do not reach the view's processes.
case_nothing_is_inherited() {
  make_source "$W/source"
  mkdir "$W/target"
  (
    exec 5< "$W/source/file" 8< "$W/source/.env" 37< /etc/hostname
    ulimit -c unlimited
    export LD_PRELOAD= SLUICE_SECRET=x
    exec sluice mount --identity $USER_A --name v "$W/source" "$W/target"
  ) > "$W/mount.out" 2> "$W/mount.err" &
  VIEW=$!
  STARTED+=($VIEW)
  expect_soon "the view serves" 8 serves || return
  note_processes v
  expect_eq "broker: descriptors" \
    "0=/dev/null 1=/dev/null 2=$W/mount.err 3=/dev/fuse 4=/ 5=/ 6=socket 7=socket 8=socket 9=socket " "$(table "$BROKER")"
  expect_no_contents
  expect_confined broker "$BROKER" sluice-broker
  expect_confined worker "$WORKER" sluice-worker
  end_view
}

run_cases
