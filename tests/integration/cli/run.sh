#!/usr/bin/env bash
# sluice run: a command in the view, as if it had been started without it, and unable to leave it.
. "$(dirname "$0")/common.sh"

prepare() { make_source "$W/source"; }
# As root, with a private service. The command runs as user A.
run() { timed sluice run --identity $USER_A "$@"; }

expect_status() { # what expected command...
  local what=$1 expected=$2 out
  shift 2
  out=$("$@" 2>&1)
  expect_eq "$what: exit status ($out)" "$expected" $?
}

case_exit_status() {
  prepare
  local status
  for status in 0 1 2 42 124 125 126 127 255; do
    expect_status "exit $status" $status run "$W/source" -- sh -c "exit $status"
  done
  expect_status "no such program" 127 run "$W/source" -- no-such-program
  expect_status "not executable" 126 run "$W/source" -- "$W/source/file"
  expect_status "a directory" 126 run "$W/source" -- "$W/source/dir"
  expect_status "sluice itself failed" 125 run "$W/none" -- true
}
case_ended_by_a_signal() {
  prepare
  local signal
  for signal in TERM KILL INT SEGV USR1; do
    expect_status "ended by SIG$signal" $((128 + $(kill -l $signal))) run "$W/source" -- sh -c "kill -$signal \$\$; sleep 5"
  done
}
case_passes_signals_on() {
  prepare
  local signal pid
  for signal in TERM HUP INT USR1 USR2 QUIT; do
    # A shell starts its background commands with SIGINT and SIGQUIT ignored.
    rm -f "$W/out"
    env --default-signal sluice run --identity $USER_A "$W/source" -- bash -c "trap 'echo got; exit 7' $signal; echo ready; while :; do sleep 0.02; done" \
      > "$W/out" 2> "$W/err" &
    pid=$!
    STARTED+=($pid)
    expect_soon "it runs" 5 grep -qs ready "$W/out"
    kill -$signal $pid
    expect_soon "SIG$signal ends it" 5 ended $pid || kill -KILL $pid
    wait $pid
    expect_eq "SIG$signal reached the command: exit status" 7 $?
    expect_eq "SIG$signal: once" "ready got" "$(echo $(cat "$W/out"))"
  done
}
case_ctrl_c_on_a_terminal() {
  prepare
  mkfifo "$W/keys"
  exec 7<> "$W/keys"
  env --default-signal script -qec "exec sluice run --identity $USER_A $W/source -- bash -c 'trap \"echo got; exit 7\" INT; echo ready; while :; do sleep 0.02; done'" \
    /dev/null < "$W/keys" > "$W/terminal" 2>&1 7>&- &
  local terminal=$!
  STARTED+=($terminal)
  expect_soon "it runs" 5 grep -qs ready "$W/terminal"
  printf '\003' >&7
  expect_soon "Ctrl-C ends it" 3 ended $terminal
  exec 7>&-
  ended $terminal || { stop_started; return; }
  wait $terminal
  expect_eq "its own exit status" 7 $?
  expect_eq "it came once" 1 "$(grep -c got "$W/terminal")"
}
case_killed() {
  prepare
  sluice run --identity $USER_A "$W/source" -- sh -c "echo ready; exec sleep 60" > "$W/out" 2> "$W/err" &
  local pid=$! command
  STARTED+=($pid)
  expect_soon "it runs" 5 grep -qs ready "$W/out"
  command=$(pgrep -P $pid sleep)
  kill -KILL $pid
  wait $pid 2> /dev/null
  expect_soon "the view ends with its command line" 3 none_of_ours
  kill "$command" 2> /dev/null
  expect_soon "the command can be ended" 2 ended "$command"
}
case_command_outlives_the_view() {
  prepare
  # The command ends and leaves a child behind: that one loses the view, and does not hang.
  run "$W/source" -- bash -c "(cd $W/source && exec setsid bash -c 'while stat file > /dev/null 2>&1; do sleep 0.02; done; echo released') > /dev/null 2>&1 &"
  expect_eq "exit status" 0 $?
  none_of_the_user() { ! pgrep -u $USER_A > /dev/null; }
  expect_soon "what it left behind is released" 3 none_of_the_user
}

case_pipes() {
  prepare
  expect_eq "standard input and output" HELLO "$(echo hello | run "$W/source" -- tr a-z A-Z 2> "$W/err")"
  expect_eq "nothing else on standard error" "" "$(cat "$W/err")"
  expect_eq "standard error" oops "$(run "$W/source" -- sh -c 'echo oops >&2' 2>&1 > /dev/null)"
  local sum
  sum=$(head -c 5000000 /dev/urandom | tee "$W/data" | run "$W/source" -- cat | sha256sum)
  expect_eq "5 MB through it" "$(sha256sum < "$W/data")" "$sum"
  expect_eq "its reader may leave" y "$(timed sluice run --identity $USER_A "$W/source" -- yes 2> /dev/null | head -1)"
  expect_eq "arguments as they are" "a b|c*|--hide||" "$(run "$W/source" -- sh -c 'for w; do printf "%s|" "$w"; done' sh 'a b' 'c*' --hide '')"
  expect_eq "no descriptor comes along" "0 1 2" "$(echo $(run "$W/source" -- sh -c 'for n in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do [ -e /proc/$$/fd/$n ] && echo $n; done' 9< "$W/data"))"
}
case_environment() {
  prepare
  expect_eq "the environment is kept" "kept" "$(SLUICE_TEST_VARIABLE=kept run "$W/source" -- sh -c 'echo $SLUICE_TEST_VARIABLE')"
}

case_working_directory() {
  prepare
  chmod 755 "$W"
  local out
  out=$(cd "$W/source/dir" && run "$W/source" -- sh -c 'pwd -P; cat deep; stat -f -c %t .')
  # The number of FUSE: its name is not the same in every coreutils.
  expect_eq "in the source" "$W/source/dir deep 65735546" "$(echo $out)"
  expect_eq "elsewhere" / "$(cd / && run "$W/source" -- pwd -P)"
  out=$(cd "$W/source/keys" && run --hide keys/ "$W/source" -- pwd -P 2> "$W/err")
  expect_eq "hidden: the view's root instead" "$W/source" "$out"
  expect_match "and it says so" 'working directory is hidden' "$(cat "$W/err")"
}

case_sees_the_view() {
  prepare
  expect_eq "the view" "content" "$(run "$W/source" -- cat "$W/source/file")"
  expect_eq "hidden files are not there" "dir file keys" \
    "$(echo $(run --hide .env --hide '*.key' "$W/source" -- ls -A "$W/source"))"
  expect_eq "hidden directories are empty of them" "" "$(run --hide '*.key' "$W/source" -- ls -A "$W/source/keys")"
  expect_fails "hidden files cannot be read" run --hide .env "$W/source" -- cat "$W/source/.env"
  expect_fails "nor made" run --hide .env "$W/source" -- sh -c "echo x > $W/source/.env"
  expect_eq "a write reaches the source" written \
    "$(run "$W/source" -- sh -c "echo written > $W/source/new" && cat "$W/source/new")"
  expect_eq "--ro" content "$(run --ro "$W/source" -- cat "$W/source/file")"
  expect_fails "--ro: no write" run --ro "$W/source" -- sh -c "echo x > $W/source/file"
  expect_eq "the source has its secrets still" "secret private" "$(echo $(cat "$W/source/.env" "$W/source/keys/id.key"))"
  expect_eq "outside, no view is seen" 0 "$(views_mounted)"
  expect_eq "the identity" "$USER_A $USER_A" "$(echo $(run "$W/source" -- sh -c 'id -u; id -g'))"
}
case_cannot_leave_the_view() {
  prepare
  local hide=(--hide .env "$W/source" --)
  expect_fails "umount" run "${hide[@]}" umount "$W/source"
  expect_fails "umount -l" run "${hide[@]}" umount -l "$W/source"
  expect_fails "umount, in a namespace of its own" run "${hide[@]}" unshare -Urm umount "$W/source"
  expect_fails "umount -l, in a namespace of its own" run "${hide[@]}" unshare -Urm umount -l "$W/source"
  expect_fails "a bind mount of what is below" run "${hide[@]}" \
    unshare -Urm sh -c "mount --bind $W /mnt && cat /mnt/source/.env"
  expect_fails "the same, of all mounts" run "${hide[@]}" \
    unshare -Urm sh -c "mount --rbind / /mnt && umount -l /mnt/$W/source && cat /mnt/$W/source/.env"
  expect_fails "nsenter" run "${hide[@]}" nsenter -t 1 -m true
  # By the processes that it can see: none leads to the source as it is without the view.
  expect_eq "no /proc/PID/root leads there" "" "$(run "${hide[@]}" sh -c \
    "for p in /proc/[0-9]*; do cat \$p/root$W/source/.env 2> /dev/null && echo by \$p; done")"
  expect_eq "nor /proc/PID/cwd" "" "$(run "${hide[@]}" sh -c "cd /; for p in /proc/[0-9]*; do cat \$p/cwd/.env 2> /dev/null && echo by \$p; done")"
  expect_eq "nor a descriptor of another process" "" "$(run "${hide[@]}" sh -c \
    "for f in /proc/[0-9]*/fd/*; do cat \$f/.env 2> /dev/null && echo by \$f; done; true")"
  expect_fails "nor the parent's root, from another user namespace" run "${hide[@]}" \
    unshare -Ur sh -c "cat /proc/\$PPID/root$W/source/.env"
}
# The same as an ordinary user, where the command's parent has the command's own uid.
case_parent_of_the_same_user() {
  prepare
  start_service
  local out
  out=$(as_a sluice run --hide .env "$W/source" -- sh -c "
    cat /proc/\$PPID/root$W/source/.env
    cat /proc/\$PPID/cwd/.env
    for f in /proc/\$PPID/fd/*; do cat \$f/.env; done
    nsenter -t \$PPID -m cat $W/source/.env
    nsenter -t \$PPID -U -m cat $W/source/.env
    for p in /proc/[0-9]*; do cat \$p/root$W/source/.env && echo by \$p \$(cat \$p/comm); done" 2> /dev/null)
  expect_eq "no way to the hidden file by a process of the same user" "" "$out"
  stop_service
}
case_without_privilege() {
  prepare
  local status
  status=$(run "$W/source" -- cat /proc/self/status)
  local set
  for set in CapInh CapPrm CapEff CapAmb; do
    expect_match "$set is empty" "$set:.0000000000000000" "$status"
  done
  expect_match "no_new_privs" 'NoNewPrivs:.1' "$status"
  expect_match "its signals are not blocked" 'SigBlk:.0000000000000000' "$status"
  expect_match "the uid" "Uid:.$USER_A.$USER_A.$USER_A.$USER_A" "$status"
  cp "$(command -v id)" "$W/source/suid"
  chown 0:0 "$W/source/suid"
  chmod 4755 "$W/source/suid"
  expect_eq "suid means nothing in a view" $USER_A "$(run "$W/source" -- "$W/source/suid" -u)"
}
case_compiled_program_in_the_view() {
  prepare
  cp "$(type -P printf)" "$W/source/program"
  chown $USER_A "$W/source/program"
  expect_eq "a program in the view runs" works "$(run "$W/source" -- "$W/source/program" works)"
  expect_eq "a script in the view runs" script \
    "$(printf '#!/bin/sh\necho script\n' > "$W/source/script" && chmod 755 "$W/source/script" && run "$W/source" -- "$W/source/script")"
  expect_eq "by PATH" works "$(cd "$W/source" && PATH=$W/source:$PATH run "$W/source" -- program works)"
}
case_two_at_once() {
  prepare
  expect_eq "two at once" "content content" "$(echo $(run "$W/source" -- cat "$W/source/file" & run "$W/source" -- cat "$W/source/file"; wait))"
}
case_preserve() {
  prepare
  printf 'of root\n' > "$W/source/root"
  local out
  out=$(timed sluice run --identity preserve "$W/source" -- sh -c "stat -c %u $W/source/root $W/source/file; cat $W/source/root; id -u")
  expect_eq "every owner is kept" "0 $USER_A of root 0" "$(echo $out)"
  # Root in there has every capability of its user namespace, and the view stays where it is.
  out=$(timed sluice run --identity preserve --hide .env "$W/source" -- sh -c "umount $W/source; umount -l $W/source;
    umount -f $W/source; mount -o move $W/source /mnt; unshare -m umount $W/source; unshare -Um umount $W/source;
    cat $W/source/.env; ls -A $W/source" 2> /dev/null)
  expect_no_match "root in the view cannot take it off" 'secret' "$out"
  expect_match "it is still there" 'file' "$out"
}
case_of_an_unprivileged_user() {
  prepare
  start_service
  expect_eq "a view of a user's own" content "$(as_a sluice run --hide .env "$W/source" -- cat "$W/source/file")"
  expect_fails "without what is hidden" as_a sluice run --hide .env "$W/source" -- cat "$W/source/.env"
  expect_status "exit status" 9 as_a sluice run "$W/source" -- sh -c 'exit 9'
  expect_eq "another user's source, as far as it may be read" content "$(as_b sluice run "$W/source" -- cat "$W/source/file")"
  expect_fails "but not written" as_b sluice run "$W/source" -- sh -c "echo x > $W/source/file"
  # The service clones no mount of a namespace that somebody else made.
  mkdir "$W/other"
  chown $USER_A "$W/other"
  local out
  out=$(as_a sluice run "$W/other" -- sluice run "$W/source" -- cat "$W/source/file" 2>&1)
  expect_eq "a view out of a view's namespace: exit status" 125 $?
  expect_match "it says why, and what to do" 'mount namespace.*try: ' "${out//$'\n'/ }"
  no_view_is_left() { [ "$(timed sluice ls --json | jq length)" = 0 ]; }
  expect_soon "no view is left" 2 no_view_is_left
  stop_service
}

# A running command's mount namespace is a copy of the host's: what is taken off there must not live
# on in the copy. (Where mounts are shared, as systemd makes them.)
case_does_not_hold_other_views() {
  prepare
  mkdir "$W/target" "$W/shared"
  mount --bind "$W/shared" "$W/shared"
  mount --make-shared "$W/shared"
  mkdir "$W/shared/target"
  mount_view --identity $USER_A "$W/source" "$W/shared/target" || return
  sluice run --identity $USER_A "$W/source" -- sh -c "echo ready; exec sleep 20" > "$W/out" 2> "$W/err" &
  local pid=$!
  STARTED+=($pid)
  expect_soon "it runs" 5 grep -qs ready "$W/out"
  expect_ok "umount" timed umount "$W/shared/target"
  expect_soon "the view that was taken off ends" 3 ended "$VIEW"
  kill $pid
  wait $pid
  expect_soon "it does so with the command, at the latest" 3 ended "$VIEW"
  umount "$W/shared"
}

# --file-size, and file-size of a policy: each way to make a file longer, in the view and elsewhere.
cat > /run/longer.py << 'EOF_PY'
import os, resource, sys
def way(name, do):
    try:
        do()
        print(name, "no limit")
    except OSError as error:
        print(name, error.errno)
where = sys.argv[1]
f = os.open(where + "/f", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
print(os.write(f, b"x" * 5000))  # up to the limit
way("write", lambda: os.write(f, b"x"))
way("pwrite", lambda: os.pwrite(f, b"x", 1 << 30))
way("ftruncate", lambda: os.ftruncate(f, 4097))
way("truncate", lambda: os.truncate(where + "/f", 1 << 30))
way("fallocate", lambda: os.posix_fallocate(f, 0, 8192))
g = os.open(where + "/g", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
way("copy_file_range", lambda: os.copy_file_range(f, g, 10, 0, 4096))
t = os.open(where, os.O_TMPFILE | os.O_RDWR)
way("without a name", lambda: os.pwrite(t, b"x", 4096))
way("the most", lambda: os.ftruncate(f, 4096))
way("shorter", lambda: os.ftruncate(f, 10))
long = os.open(where + "/long", os.O_RDWR)
way("within what is longer", lambda: os.pwrite(long, b"x", 0))
way("at its end", lambda: os.pwrite(long, b"x", 8192))
way("a pipe", lambda: os.write(os.pipe()[1], b"x" * 5000))
try:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    print("raised")
except ValueError:
    print("not raised")
EOF_PY
LONGER="4096
write 27
pwrite 27
ftruncate 27
truncate 27
fallocate 27
copy_file_range 27
without a name 27
the most no limit
shorter no limit
within what is longer no limit
at its end 27
a pipe no limit
not raised"
in_source() { (cd "$W/source" && as_a sluice run "$@" 2>&1); }
case_file_size() {
  make_source "$W/source"
  mkdir "$W/elsewhere"
  head -c 8192 /dev/zero | tee "$W/source/long" > "$W/elsewhere/long"
  chown -R $USER_A:$USER_A "$W/source" "$W/elsewhere"
  start_service
  local where out
  for where in "$W/source" "$W/elsewhere"; do
    expect_eq "an option: $where" "$LONGER" "$(in_source --file-size 4KiB -- python3 /run/longer.py "$where")"
  done
  expect_eq "all that it starts, in processes of its own" "$LONGER" \
    "$(in_source --file-size 4096 --unshare-all -- sh -c "python3 /run/longer.py '$W/source'; true")"
  printf 'file-size = 4096\n' > "$W/p.toml"
  expect_eq "a policy" "$LONGER" "$(in_source --policy "$W/p.toml" -- python3 /run/longer.py "$W/source")"
  in_source --file-size 4096 -- dd if=/dev/zero of=f bs=5000 count=2 status=none
  expect_eq "SIGXFSZ" 153 $?
  printf 'include = ["p.toml"]\nfile-size = "8KiB"\n' > "$W/q.toml"
  expect_ok "who includes wins" in_source --policy "$W/q.toml" -- dd if=/dev/zero of=f bs=8192 count=1
  expect_ok "the command line wins" in_source --policy "$W/p.toml" --file-size 8KiB -- dd if=/dev/zero of=f bs=8192 count=1
  expect_eq "check" "4096 null" "$(timed sluice policy check --json "$W/p.toml" | jq .file_size) $(timed sluice policy check --json build | jq .file_size)"
  expect_match "in words" 'files to 4096 bytes' "$(timed sluice policy check "$W/p.toml")"
  out=$(in_source --file-size '4 KB' -- true)
  expect_eq "no size" 2 $?
  expect_match "no size" '^sluice: --file-size: "4 KB" is no size' "$out"
  # What cannot be bounded is refused by name.
  mkdir "$W/view"
  out=$(timed sluice mount --identity $USER_A --policy "$W/p.toml" "$W/source" "$W/view" 2>&1)
  expect_eq "mount" 2 $?
  expect_match "mount" "^sluice: $W/p\.toml:1:13: file-size bounds the command of sluice run, and nothing else
        try: use sluice run" "$out"
  mount_view --name v --identity $USER_A "$W/source" "$W/view" || return
  out=$(timed sluice reload --policy "$W/p.toml" v 2>&1)
  expect_eq "reload" 2 $?
  expect_match "reload" "^sluice: $W/p\.toml:1:13: file-size bounds" "$out"
  kill -TERM "$VIEW"
  await_view
  stop_service
}

run_cases
