#!/usr/bin/env bash
# What cannot work is refused in two lines, what and what to do, with a stable exit status, and leaves
# no trace.
. "$(dirname "$0")/common.sh"

USAGE=2 DIRECTORY=3 REFUSED=4 RUN_FAILED=125

# refused WHAT STATUS PATTERN command...: the first line matches the pattern, the second says what to
# try, nothing is mounted or running afterwards, and nothing in $W has changed.
refused() {
  local what=$1 status=$2 pattern=$3 before after mounts out got
  shift 3
  before=$(snapshot_of "$W")
  mounts=$(cat /proc/self/mountinfo)
  out=$("$@" 2> "$BASE/all")
  got=$?
  # The log of a private service has a case of its own, below.
  grep -v '^sluiced: event=' "$BASE/all" > "$BASE/err"
  expect_eq "$what: exit status" "$status" "$got"
  expect_match "$what: what" "$pattern" "$(sed -n 1p "$BASE/err")"
  expect_match "$what: begins with the command" '^sluice: ' "$(sed -n 1p "$BASE/err")"
  expect_match "$what: what to do" '^ +try: .' "$(sed -n 2p "$BASE/err")"
  expect_eq "$what: two lines" 2 "$(wc -l < "$BASE/err")"
  expect_eq "$what: nothing on standard output" "" "$out"
  LC_ALL=C grep -q '[^ -~]' "$BASE/err" && fail "$what: printable" "got: $(od -c "$BASE/err")"
  expect_eq "$what: mounts" "$mounts" "$(cat /proc/self/mountinfo)"
  eventually 2 none_of_ours || fail "$what: no process is left" "got: $(describe_processes)"
  expect_eq "$what: no socket is left" "" "$(ls -A /run/sluice 2> /dev/null)"
  after=$(snapshot_of "$W")
  [ "$before" = "$after" ] || fail "$what: nothing is changed" "$(diff <(echo "$before") <(echo "$after"))"
}
mount_refused() { # what status pattern arguments...
  local what=$1 status=$2 pattern=$3
  shift 3
  refused "$what" "$status" "$pattern" timeout -k 2 5 sluice mount "$@"
}
prepare() {
  make_source "$W/source"
  mkdir "$W/target"
}

# ---- The source ----

case_source_missing() {
  prepare
  mount_refused "missing" $DIRECTORY 'source ".*/none" does not exist' --identity $USER_A "$W/none" "$W/target"
  mount_refused "missing above" $DIRECTORY 'source ".*" ' --identity $USER_A "$W/none/none" "$W/target"
  mount_refused "below a file" $DIRECTORY 'source ".*" ' --identity $USER_A "$W/source/file/x" "$W/target"
  mount_refused "empty name" $DIRECTORY 'source "" ' --identity $USER_A "" "$W/target"
  mount_refused "escapes in the name" $DIRECTORY 'source ".*\\x1b\[31m\\x0a' --identity $USER_A "$W/"$'\e[31m\n' "$W/target"
  mount_refused "long name" $DIRECTORY 'source "' --identity $USER_A "$W/$(printf 'n%.0s' {1..300})" "$W/target"
}
case_source_not_a_directory() {
  prepare
  mkfifo "$W/fifo"
  mount_refused "file" $DIRECTORY 'source ".*" is not a directory' --identity $USER_A "$W/source/file" "$W/target"
  mount_refused "fifo" $DIRECTORY 'source ".*" is not a directory' --identity $USER_A "$W/fifo" "$W/target"
  mount_refused "device" $DIRECTORY 'source ".*" is not a directory' --identity $USER_A /dev/null "$W/target"
}
case_source_symlink() {
  prepare
  ln -s source "$W/link"
  mount_refused "symlink" $DIRECTORY 'source ".*/link" is a symbolic link' --identity $USER_A "$W/link" "$W/target"
}
case_source_unreadable() {
  prepare
  chown 0:0 "$W/source"
  chmod 700 "$W/source"
  refused "unreadable for who asks" $DIRECTORY 'source ".*" cannot be read' as_a sluice mount "$W/source" "$W/target"
  refused "run: unreadable for who asks" $RUN_FAILED 'source ".*" cannot be read' as_a sluice run "$W/source" -- true
  mount_refused "unreadable for the identity" $DIRECTORY 'may not search the source' --identity $USER_A \
    "$W/source" "$W/target"
  mkdir "$W/closed"
  mv "$W/source" "$W/closed/source"
  chown $USER_A "$W/closed/source"
  chmod 700 "$W/closed"
  refused "unreachable for who asks" $DIRECTORY 'source ".*" cannot be reached' as_a sluice mount "$W/closed/source" "$W/target"
}
case_source_stacked() {
  prepare
  mkdir "$W/tmp" "$W/merged" "$W/view"
  mount -t tmpfs tmpfs "$W/tmp"
  mkdir "$W/tmp/lower" "$W/tmp/upper" "$W/tmp/work"
  if mount -t overlay -o "lowerdir=$W/tmp/lower,upperdir=$W/tmp/upper,workdir=$W/tmp/work" overlay "$W/merged"; then
    chown $USER_A "$W/merged"
    mount_refused "overlayfs" $DIRECTORY 'FUSE or overlayfs' --identity $USER_A "$W/merged" "$W/target"
    umount "$W/merged"
  else
    echo "  (no overlayfs here)"
  fi
  umount "$W/tmp"
}
case_source_on_a_view() {
  prepare
  mkdir "$W/view"
  # The one kind of view that root sees into. Its processes are there, so only the words are looked at.
  mount_view --identity preserve "$W/source" "$W/view" || return
  local out
  out=$(timed sluice mount --identity $USER_A "$W/view" "$W/target" 2>&1)
  expect_eq "a view of a view: exit status" $DIRECTORY $?
  expect_match "a view of a view" 'FUSE or overlayfs.*try: ' "${out//$'\n'/ }"
  out=$(timed sluice mount --identity $USER_A "$W/view/dir" "$W/target" 2>&1)
  expect_eq "a view of a directory in a view: exit status" $DIRECTORY $?
  expect_eq "only the one view is mounted" 1 "$(views_mounted)"
  kill -TERM "$VIEW"
  await_view
}
case_source_of_another_kind() {
  prepare
  mount_refused "procfs" $DIRECTORY 'filesystem' --identity $USER_A /proc "$W/target"
  mount_refused "sysfs" $DIRECTORY 'filesystem' --identity $USER_A /sys/kernel "$W/target"
  mount_refused "a process's directory" $DIRECTORY 'filesystem' --identity $USER_A /proc/self/task "$W/target"
}

# The command says what was refused; the log of the service that it started for itself adds nothing.
case_refusals_are_told_once() {
  prepare
  expect_eq "a refused mount: lines on standard error" 2 \
    "$(timed sluice mount --identity $USER_A /proc "$W/target" 2>&1 | wc -l)"
  expect_eq "a refused run: lines on standard error" 2 \
    "$(timed sluice run --identity $USER_A /proc -- true 2>&1 | wc -l)"
}

# ---- The target ----

case_target_missing() {
  prepare
  mount_refused "missing" $DIRECTORY 'target ".*/none" does not exist' --identity $USER_A "$W/source" "$W/none"
  mount_refused "empty name" $DIRECTORY 'target "" ' --identity $USER_A "$W/source" ""
}
case_target_not_a_directory() {
  prepare
  touch "$W/file"
  ln -s target "$W/link"
  mount_refused "file" $DIRECTORY 'target ".*" is not a directory' --identity $USER_A "$W/source" "$W/file"
  mount_refused "symlink" $DIRECTORY 'target ".*/link" is a symbolic link' --identity $USER_A "$W/source" "$W/link"
}
case_target_busy() {
  prepare
  mount -t tmpfs tmpfs "$W/target"
  mount_refused "busy" $DIRECTORY 'target ".*" is busy' --identity $USER_A "$W/source" "$W/target"
  umount "$W/target"
}
case_target_in_the_source() {
  prepare
  mount_refused "the source itself" $DIRECTORY 'target ".*" is the source' --identity $USER_A "$W/source" "$W/source"
  mount_refused "its other name" $DIRECTORY 'target ".*" is the source' --identity $USER_A "$W/source" "$W/target/../source/."
  mount_refused "inside" $DIRECTORY 'target ".*" is inside the source' --identity $USER_A "$W/source" "$W/source/dir"
  mkdir "$W/bound"
  mount --bind "$W/source" "$W/bound"
  mount_refused "inside, by a bind mount" $DIRECTORY 'target ".*" is ' --identity $USER_A "$W/source" "$W/bound/dir"
  umount "$W/bound"
}
case_target_with_a_view() {
  prepare
  mount_view --identity $USER_A "$W/source" "$W/target" || return
  local out
  out=$(timed sluice mount --identity $USER_A "$W/source" "$W/target" 2>&1)
  expect_eq "a second view on a target: exit status" $DIRECTORY $?
  expect_match "a second view on a target" 'target ".*view.*try: ' "${out//$'\n'/ }"
  expect_eq "one view is mounted" 1 "$(views_mounted)"
  expect_eq "it serves on" content "$(as_a cat "$W/target/file")"
  kill -TERM "$VIEW"
  await_view
}
case_target_of_an_unprivileged_user() {
  prepare
  chown $USER_A "$W/target"
  start_service
  local out
  out=$(as_a sluice mount "$W/source" "$W/target" 2>&1)
  expect_eq "a user may not mount: exit status" $REFUSED $?
  expect_match "a user may not mount" 'try: use sluice run' "${out//$'\n'/ }"
  no_view_is_left() { [ "$(timed sluice ls --json | jq length)" = 0 ] && [ -z "$(our_processes 'sluice-*')" ]; }
  expect_soon "no view is left of it, nor a process" 2 no_view_is_left
  stop_service
}

# ---- Who ----

case_identity() {
  prepare
  mount_refused "unknown user" $USAGE 'no user "nosuchuser"' --identity nosuchuser "$W/source" "$W/target"
  mount_refused "escapes in the user" $USAGE 'no user "a\\x1b' --identity $'a\e' "$W/source" "$W/target"
  mount_refused "root" $USAGE 'does not act as root' --identity root "$W/source" "$W/target"
  mount_refused "0" $USAGE 'does not act as root' --identity 0 "$W/source" "$W/target"
  mount_refused "00" $USAGE 'does not act as root' --identity 00 "$W/source" "$W/target"
  mount_refused "negative" $USAGE 'no user' --identity=-1 "$W/source" "$W/target"
  mount_refused "no uid at all" $USAGE '.' --identity 4294967295 "$W/source" "$W/target"
  mount_refused "too large" $USAGE 'no user' --identity 4294967296 "$W/source" "$W/target"
  mount_refused "empty" $USAGE '.' --identity '' "$W/source" "$W/target"
  mount_refused "with spaces" $USAGE 'no user' --identity " $USER_A" "$W/source" "$W/target"
  mount_refused "with a sign" $USAGE 'no user' --identity "+$USER_A" "$W/source" "$W/target"
  refused "another user" $REFUSED 'only root may name another user' as_b sluice mount --identity $USER_A "$W/source" "$W/target"
  refused "preserve by a user" $REFUSED 'only root may keep all owners' as_b sluice mount --identity preserve "$W/source" "$W/target"
}
case_device_nodes() {
  prepare
  mount_refused "of one owner's view" $USAGE 'is of views that keep every owner' --device-nodes --identity $USER_A "$W/source" "$W/target"
  mount_refused "read-only" $USAGE 'in which nothing is made' --device-nodes --identity preserve --ro "$W/source" "$W/target"
  mount -t tmpfs tmpfs "$W/source"
  mount_refused "of a mount that opens them" $REFUSED 'no device nodes are made there' --device-nodes --identity preserve "$W/source" "$W/target"
  umount "$W/source"
}
case_source_of_root_without_identity() {
  prepare
  chown -R 0:0 "$W/source"
  mount_refused "root's source" $USAGE 'source belongs to root' "$W/source" "$W/target"
}

# ---- The words of the command ----

case_patterns() {
  prepare
  local pattern
  mount_refused "no pattern" $USAGE '--hide ""' --identity $USER_A --hide '' "$W/source" "$W/target"
  for pattern in '[' 'a[b' '[z-a]' '[[:none:]]' 'a\' '#x' ' ' 'a ' '!' '/' '//' 'a//b' '.' '..' 'a/../b' './a' '*/..'; do
    mount_refused "pattern '$pattern'" $USAGE '--hide ".*": at byte [0-9]+: .' --identity $USER_A --hide="$pattern" \
      "$W/source" "$W/target"
  done
  mount_refused "the second of two" $USAGE '--hide "\["' --identity $USER_A --hide ok --hide '[' "$W/source" "$W/target"
  mount_refused "escapes in a pattern" $USAGE '--hide "\[\\x1b\\x0a"' --identity $USER_A --hide $'[\e\n' "$W/source" "$W/target"
  mount_refused "a long pattern" $USAGE '.' --identity $USER_A --hide "$(printf 'n%.0s' {1..5000})" "$W/source" "$W/target"
  local many=()
  for i in $(seq 10001); do many+=(--hide "$i"); done
  mount_refused "too many patterns" $USAGE 'more than 10000 rules' --identity $USER_A "${many[@]}" "$W/source" "$W/target"
  refused "run: pattern" $USAGE '--hide "\["' timed sluice run --identity $USER_A --hide '[' "$W/source" -- true
}
case_coherence() {
  prepare
  local time
  mount_refused "no time" $USAGE '--coherence "" is not a time' --identity $USER_A --coherence '' "$W/source" "$W/target"
  for time in 1 s 1x -1s 1.5s ' 1s' '1 s' 25h 2d 99999999999s 4294967296ms 0x1s; do
    mount_refused "--coherence '$time'" $USAGE '--coherence ".*" is not a time' --identity $USER_A --coherence="$time" \
      "$W/source" "$W/target"
  done
}
case_names() {
  prepare
  local name
  for name in '.' '.x' '-x' 'a b' 'a/b' $'a\n' $'\e[31m' "$(printf 'n%.0s' {1..65})"; do
    mount_refused "--name '$name'" $USAGE '--name ".*" is not a name' --identity $USER_A --name="$name" "$W/source" "$W/target"
  done
}
case_two_views_of_one_name() {
  prepare
  mkdir "$W/target2"
  start_service
  mount_view --identity $USER_A --name same "$W/source" "$W/target" || return
  local out
  out=$(timed sluice mount --identity $USER_A --name same "$W/source" "$W/target2" 2>&1)
  expect_match "a second view of a name: exit status" '^[234]$' $?
  expect_match "a second view of a name: what, and what to do" 'name.*try: ' "${out//$'\n'/ }"
  expect_no_match "it is not about versions" 'version' "$out"
  expect_eq "one view is mounted" 1 "$(views_mounted)"
  expect_eq "the service has one" 1 "$(timed sluice ls --json | jq length)"
  expect_eq "it serves on" content "$(as_a cat "$W/target/file")"
  kill -TERM "$VIEW"
  await_view
  # And then the name is free again.
  mount_view --identity $USER_A --name same "$W/source" "$W/target" && kill -TERM "$VIEW" && await_view
  stop_service
}

policy() { # what text pattern
  printf "$2" > "$W/policy.toml"
  mount_refused "$1" $USAGE "$3" --identity $USER_A --policy "$W/policy.toml" "$W/source" "$W/target"
}
case_policy_file() {
  prepare
  local at='policy\.toml:'
  policy "no TOML" 'hide = [\n' "${at}[0-9]+:[0-9]+: ."
  policy "an unknown key" '\n\n  hid = [".env"]\n' "${at}3:3: unknown key \"hid\""
  policy "no list" 'hide = ".env"\n' "${at}1:8: hide is not a list"
  policy "no string" 'hide = [\n  ".env",\n  7,\n]\n' "${at}3:3: a pattern is not a string"
  policy "a key twice" 'hide = ["a"]\nhide = ["b"]\n' "${at}2:[0-9]+: ."
  policy "no UTF-8" 'hide = ["a\xff"]\n' "${at}1:[0-9]+: ."
  policy "a control character" 'hide = ["a\x1b"]\n' "${at}1:[0-9]+: ."
  policy "deep nesting" "hide = $(printf '[%.0s' {1..5000})" "$at"
  policy "a malformed pattern" 'hide = [\n  ".env",\n  "a[b",\n]\n' "${at}3:3: .*at byte 2"
}
case_policy_that_is_no_file() {
  prepare
  printf 'hide = [".env"]\n' > "$W/real.toml"
  ln -s real.toml "$W/link.toml"
  mkfifo "$W/fifo"
  head -c 2000000 /dev/zero > "$W/large"
  mount_refused "a symlink" $USAGE 'policy ".*/link.toml"' --identity $USER_A --policy "$W/link.toml" "$W/source" "$W/target"
  mount_refused "missing" $USAGE 'policy ".*/none"' --identity $USER_A --policy "$W/none" "$W/source" "$W/target"
  mount_refused "a directory" $USAGE 'policy ".*/dir"' --identity $USER_A --policy "$W/source/dir" "$W/source" "$W/target"
  mount_refused "a fifo" $USAGE 'policy ".*/fifo"' --identity $USER_A --policy "$W/fifo" "$W/source" "$W/target"
  mount_refused "2 MB" $USAGE 'policy ".*/large"' --identity $USER_A --policy "$W/large" "$W/source" "$W/target"
}

case_unknown_words() {
  prepare
  mount_refused "an unknown option" $USAGE -- --no-such-option "$W/source" "$W/target"
  mount_refused "escapes in a word" $USAGE . --identity $USER_A $'--\e[31m' "$W/source" "$W/target"
  mount_refused "a word too many" $USAGE . --identity $USER_A "$W/source" "$W/target" "$W/third"
  mount_refused "no target" $USAGE . --identity $USER_A "$W/source"
  mount_refused "an option without its value" $USAGE . "$W/source" "$W/target" --hide
  refused "no command" $USAGE . timed sluice
  refused "an unknown command" $USAGE nosuchcommand timed sluice nosuchcommand
  refused "run: no command" $USAGE . timed sluice run "$W/source"
  refused "status of no view" $DIRECTORY 'no view "none"' timed sluice status none
  refused "umount of no view" $DIRECTORY '".*/target" is not a view' timed sluice umount "$W/target"
  refused "umount of nothing" $DIRECTORY '.' timed sluice umount "$W/none/none"
  refused "umount of /" $DIRECTORY '.' timed sluice umount /
}
case_umount_of_another_filesystem() {
  prepare
  mount -t tmpfs tmpfs "$W/target"
  refused "umount of a tmpfs" $DIRECTORY '".*/target" is not a view' timed sluice umount "$W/target"
  refused "umount --force of a tmpfs" $DIRECTORY '".*/target" is not a view' timed sluice umount --force "$W/target"
  umount "$W/target"
}
case_no_service() {
  prepare
  refused "no service" $REFUSED 'no service listens at /run/sluice/sluice.sock' as_a sluice mount "$W/source" "$W/target"
  refused "run: no service" $RUN_FAILED 'no service listens at' as_a sluice run "$W/source" -- true
  refused "a socket of another name" $REFUSED 'no service listens at /run/none' as_a sluice mount --socket /run/none "$W/source" "$W/target"
  expect_eq "ls without a service" "[]" "$(as_a sluice ls --json)"
}
case_services_options() {
  prepare
  local arguments out
  for arguments in '' '--listen' '--mode 9 --listen /run/x' '--mode 1777 --listen /run/x' '--nosuch' '--peer x' '--peer -1'; do
    out=$(timed sluiced $arguments 2>&1)
    expect_eq "sluiced $arguments: exit status" 2 $?
    expect_match "sluiced $arguments" 'sluiced: .*usage: ' "${out//$'\n'/ }"
  done
  out=$(timed sluiced --listen "/run/$(printf 'n%.0s' {1..200})" 2>&1)
  expect_eq "a socket's path that is too long" 1 $?
  out=$(timed sluiced --listen /run/none/sock 2>&1)
  expect_eq "a socket in no directory" 1 $?
  start_service
  out=$(timed sluiced --listen /run/sluice/sluice.sock 2>&1)
  expect_eq "a second service at one socket" 1 $?
  expect_ok "the first one answers on" timed sluice ls
  stop_service
}

run_cases
