# Sourced first by every test here. It starts the test again in mount and process namespaces of its
# own, with a /run of its own: views and sockets of the machine are neither seen nor touched, "no
# process is left" can be said exactly, and whatever a failing test leaves ends with its namespaces.
# Its mounts are slaves, not private: a view that somebody else takes off meanwhile must go, and not
# live on in a copy here.
#
# A test is a function; `run_cases` calls all whose names begin with case_, each with an empty work
# directory $W, and afterwards demands that no process, mount or socket is left.

set -u -o pipefail
umask 022
USER_A=61234 USER_B=61235

skip() {
  printf '\n*** SKIPPED: %s: %s\n*** Nothing of this file was tested.\n\n' "${0##*/}" "$1"
  if [ "${SLUICE_REQUIRE_ALL:-0}" = 1 ]; then
    echo "*** SLUICE_REQUIRE_ALL=1: that is a failure"
    exit 1
  fi
  exit 77
}

if [ -z "${SLUICE_CLI_INSIDE:-}" ]; then
  [ -x "${SLUICE_BIN:?the directory of the built programs}/sluice" ] || skip "no $SLUICE_BIN/sluice"
  [ "$(id -u)" = 0 ] || skip "needs root"
  [ -c /dev/fuse ] || skip "needs /dev/fuse"
  for tool in jq setpriv script unshare timeout; do
    command -v $tool > /dev/null || skip "needs $tool"
  done
  unshare -m -p --fork true 2> /dev/null || skip "may not make namespaces"
  export SLUICE_CLI_INSIDE=1
  exec timeout -k 5 "${SLUICE_CLI_SECONDS:-560}" unshare --mount --propagation slave --pid --fork --kill-child=KILL \
    --mount-proc bash "$0" "$@"
fi

# ---- The place ----

# Copies of other people's views, which would keep them from ending.
awk '{ for (i = 7; i <= NF; ++i) if ($i == "-" && $(i + 1) == "fuse.sluice") print $5 }' /proc/self/mountinfo |
  while read -r path; do umount -l "$(printf %b "${path//\\/\\0}")"; done
mount -t tmpfs -o mode=755 tmpfs /run || exit 1
unset SLUICE_SOCKET JOURNAL_STREAM
# The programs at a place that every user reaches, wherever this tree lies.
mkdir /run/bin /run/peer
mount --bind "$SLUICE_BIN" /run/bin || exit 1
# And the ready policies beside them.
mkdir -p /run/share/sluice
cp -r "$SLUICE_BIN/../share/sluice/policies" /run/share/sluice/ || exit 1
if [ -n "${SLUICE_PEER:-}" ]; then
  cp "$SLUICE_PEER" /run/peer/peer || exit 1
  SLUICE_PEER=/run/peer/peer
fi
PATH=/run/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C
BASE=$(mktemp -d "${TMPDIR:-/var/tmp}/sluice-cli-XXXXXX") || exit 1
chmod 755 "$BASE"
# Where temporary files lie on something that views are not made of (a container's overlayfs).
case $(stat -f -c %T "$BASE") in
  overlayfs | fuse* | UNKNOWN*) mount -t tmpfs -o mode=755 tmpfs "$BASE" || exit 1 ;;
esac

STARTED=()
# Ends what the case has started and not ended itself; with an argument, all but that one.
stop_started() { # [pid]
  local pid
  for pid in "${STARTED[@]}"; do [ "$pid" = "${1:-}" ] || kill -TERM "$pid" 2> /dev/null; done
  for pid in "${STARTED[@]}"; do
    [ "$pid" = "${1:-}" ] && continue
    eventually 1 ended "$pid" || kill -KILL "$pid" 2> /dev/null
    wait "$pid" 2> /dev/null
  done
  STARTED=(${1:+"$1"})
}
unmount_all() { # below the work directory, the last first; lazily, so that it cannot hang
  local path
  mounted_paths | tac | while read -r path; do umount -l "$path" 2> /dev/null; done
}
clean_up() {
  stop_started
  unmount_all
  umount -l "$BASE" 2> /dev/null
  rm -rf --one-file-system "$BASE"
}
trap clean_up EXIT

# ---- What is said ----

FAILED=0
fail() {
  FAILED=$((FAILED + 1))
  local frame=1
  while [[ ${BASH_SOURCE[frame]:-} == */common.sh ]]; do frame=$((frame + 1)); done
  printf '  FAILED (%s:%s): %s\n' "${0##*/}" "${BASH_LINENO[frame - 1]}" "$1"
  shift
  [ $# = 0 ] || printf '    %s\n' "$@"
}
expect_eq() { # what expected got
  [ "$2" = "$3" ] || fail "$1" "expected: $2" "got:      $3"
}
expect_match() { # what extended-regexp text
  [[ $3 =~ $2 ]] || fail "$1" "expected: /$2/" "got:      $3"
}
expect_no_match() { # what extended-regexp text
  [[ ! $3 =~ $2 ]] || fail "$1" "unwanted: /$2/" "got:      $3"
}
expect_ok() { # what command...
  local what=$1 out status
  shift
  out=$("$@" 2>&1)
  status=$?
  [ $status = 0 ] || fail "$what" "expected: exit status 0" "got:      $status; $out" "command:  $*"
}
expect_fails() { # what command...
  local what=$1 out
  shift
  ! out=$("$@" 2>&1) || fail "$what" "expected: that it fails" "got:      success; $out" "command:  $*"
}
# Tries again for so many seconds: for what another process is about to do.
eventually() { # seconds command...
  local end=$((SECONDS + $1 + 1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.02
  done
}
expect_soon() { # what seconds command...
  local what=$1 seconds=$2
  shift 2
  eventually "$seconds" "$@" && return
  fail "$what" "expected: within $seconds s" "command:  $*"
  return 1
}

# ---- Commands, none of which may hang ----

timed() { timeout -k 2 20 "$@"; }
as() { # uid command...
  local uid=$1
  shift
  timed setpriv --reuid="$uid" --regid="$uid" --clear-groups -- "$@"
}
as_a() { as $USER_A "$@"; }
as_b() { as $USER_B "$@"; }
# The same for the background, `"${A[@]}" command &`: $! is then the command itself.
A=(setpriv --reuid=$USER_A --regid=$USER_A --clear-groups --)
B=(setpriv --reuid=$USER_B --regid=$USER_B --clear-groups --)

milliseconds() { echo $(($(date +%s%N) / 1000000)); }

# ---- What there is ----

mounted_paths() { # below the work directory
  local _ path
  while read -r _ _ _ _ path _; do
    case $path in "$BASE"/*) printf '%s\n' "$path" ;; esac
  done < /proc/self/mountinfo
}
views_mounted() { grep -c ' - fuse.sluice ' /proc/self/mountinfo; }
is_view() { [[ $(awk -v p="$1" '$5 == p { for (i = 7; i <= NF; ++i) if ($i == "-") t = $(i + 1) } END { print t }' \
  /proc/self/mountinfo) == fuse.sluice ]]; }
is_no_view() { ! is_view "$1"; }

# All processes of the programs, whoever started them: the process namespace holds only ours.
our_processes() { # [name]
  local status name pid
  for status in /proc/[0-9]*/status; do
    name=$(awk '/^Name:/ { n = $2 } /^State:/ { s = $2 } END { if (s != "Z") print n }' "$status" 2> /dev/null)
    pid=${status#/proc/}
    case $name in ${1:-sluice*}) echo "${pid%/status}" ;; esac
  done
}
none_of_ours() { [ -z "$(our_processes)" ]; }
ended() { # pid...
  local pid state
  for pid; do
    state=$(awk '/^State:/ { print $2 }' "/proc/$pid/status" 2> /dev/null)
    [ -z "$state" ] || [ "$state" = Z ] || return 1
  done
}
describe_processes() {
  local pid
  for pid in $(our_processes); do
    printf '%s:%s ' "$pid" "$(tr '\0' ' ' < "/proc/$pid/cmdline" 2> /dev/null)"
  done
}
expect_nothing_left() { # what
  eventually 2 none_of_ours || fail "$1: no process is left" "got:      $(describe_processes)"
  expect_eq "$1: no view is mounted" 0 "$(views_mounted)"
  expect_eq "$1: no socket is left" "" "$(ls -A /run/sluice 2> /dev/null)"
}

# ---- A view ----

make_source() { # directory: a small tree of user A
  mkdir -p "$1/dir" "$1/keys"
  printf 'content\n' > "$1/file"
  printf 'secret\n' > "$1/.env"
  printf 'deep\n' > "$1/dir/deep"
  printf 'private\n' > "$1/keys/id.key"
  chown -R $USER_A:$USER_A "$1"
}
# Everything about a tree that a command might have changed, but access times.
snapshot_of() { (cd "$1" && find . -printf '%p %y %m %U:%G %s %T@ %C@ %l\n' | sort); }

VIEW= # the foreground command's pid
# mount_view ARGUMENTS...: in the foreground, with its output in $W/mount.out and $W/mount.err;
# returns when it serves.
mount_view() {
  rm -f "$W/mount.out"  # of an earlier one: it would look as if this one served
  sluice mount "$@" > "$W/mount.out" 2> "$W/mount.err" &
  VIEW=$!
  STARTED+=("$VIEW")
  if ! eventually 8 serves_or_ended || ! serves; then
    fail "the view comes up" "command:  sluice mount $*" "stderr:   $(cat "$W/mount.err")"
    return 1
  fi
}
serves() { grep -qs '^sluice: ' "$W/mount.out"; }
serves_or_ended() { serves || ended "$VIEW"; }
# The foreground command has ended: its status in $STATUS, and how long it took in $TOOK.
await_view() {
  local from
  from=$(milliseconds)
  if ! eventually 5 ended "$VIEW"; then
    fail "the command ends" "expected: within 5 s"
    kill -KILL "$VIEW"
  fi
  wait "$VIEW"
  STATUS=$?
  TOOK=$(($(milliseconds) - from))
}
# remembers BROKER, WORKER and SERVICE of the one view there is
note_processes() { # [name]
  local json
  json=$(timed sluice status --json ${1:+"$1"}) || fail "sluice status" "got: $json"
  BROKER=$(jq -r '.views[0].processes[] | select(.process == "broker").pid' <<< "$json")
  WORKER=$(jq -r '.views[0].processes[] | select(.process == "worker").pid' <<< "$json")
  SERVICE=$(our_processes sluiced)
  expect_match "status names the broker" '^[0-9]+$' "$BROKER"
  expect_match "status names the worker" '^[0-9]+$' "$WORKER"
  expect_match "there is one service" '^[0-9]+$' "$SERVICE"
}

# start_service ARGUMENTS...: sluiced at the socket that clients try first.
start_service() {
  mkdir -p /run/sluice
  sluiced --listen /run/sluice/sluice.sock --mode 0666 "$@" 2> "$W/service.log" &
  SERVICE=$!
  STARTED+=("$SERVICE")
  expect_soon "the service listens" 5 test -S /run/sluice/sluice.sock
}
stop_service() {
  kill -TERM "$SERVICE"
  expect_soon "the service ends" 4 ended "$SERVICE"
  wait "$SERVICE"
  expect_eq "the service's exit status" 0 $?
}

# ---- Cases ----

run_cases() {
  local case before
  for case in $(declare -F | awk '$3 ~ /^case_/ { print $3 }'); do
    W=$BASE/$case
    mkdir "$W"
    before=$FAILED
    SECONDS=0
    "$case"
    stop_started
    expect_nothing_left "after $case"
    expect_eq "after $case: nothing is mounted" "" "$(mounted_paths)"
    unmount_all
    rm -rf --one-file-system "$W" /run/sluice
    if [ "$FAILED" = "$before" ]; then echo "ok      ${case#case_} ($SECONDS s)"; else echo "FAILED  ${case#case_}"; fi
  done
  if [ "$FAILED" != 0 ]; then
    echo "$FAILED expectations failed"
    exit 1
  fi
}
