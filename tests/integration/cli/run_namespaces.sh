#!/usr/bin/env bash
# sluice run --unshare-net, --unshare-ipc, --unshare-pid, --unshare-all; and in a user namespace that
# was there before.
. "$(dirname "$0")/common.sh"

prepare() {
  make_source "$W/source"
  chmod 755 "$W"
  cd "$W/source" || return
}
run() { timed sluice run --identity $USER_A "$@"; }
namespace() { readlink "/proc/self/ns/$1"; }
expect_status() { # what expected command...
  local what=$1 expected=$2 out
  shift 2
  out=$("$@" 2>&1)
  expect_eq "$what: exit status ($out)" "$expected" $?
}

case_only_those_that_are_asked_for() {
  prepare
  local kind option got
  for kind in net ipc pid; do
    expect_eq "none asked for: $kind" "$(namespace $kind)" "$(run -- readlink /proc/self/ns/$kind)"
    for option in net ipc pid all; do
      got=$(run --unshare-$option -- readlink /proc/self/ns/$kind)
      expect_match "--unshare-$option: $kind" "^$kind:" "$got"
      if [ $option = $kind ] || [ $option = all ]; then
        [ "$got" != "$(namespace $kind)" ] || fail "--unshare-$option: a $kind namespace of its own"
      else
        expect_eq "--unshare-$option: $kind is the caller's" "$(namespace $kind)" "$got"
      fi
    done
  done
}
case_net() {
  prepare
  expect_eq "nothing but a loopback device" lo "$(run --unshare-net -- awk -F: 'NR > 2 { gsub(/ /, "", $1); print $1 }' /proc/net/dev)"
  expect_eq "no way out" "" "$(run --unshare-net -- tail -n +2 /proc/net/route)"
  # A server in the command is reached by the command, by 127.0.0.1 and ::1, and not from outside.
  local serve='exec 3< <(exec timeout 5 bash -c "exec 4<>/dev/tcp/$0/$1" 2>&1); wait $!; cat <&3'
  expect_match "127.0.0.1 answers: nobody listens" 'refused' "$(run --unshare-net -- bash -c "$serve" 127.0.0.1 9)"
  expect_match "::1 answers: nobody listens" 'refused' "$(run --unshare-net -- bash -c "$serve" ::1 9)"
  expect_eq "the view is there" content "$(run --unshare-net -- cat file)"
}
case_ipc() {
  prepare
  local id
  id=$(as_a ipcmk -M 4096 | grep -oE '[0-9]+$')
  expect_match "shared without" "^$id " "$(run -- ipcs -m | awk '{ print $2 " " }' | grep -x "$id ")"
  expect_eq "not with it" "" "$(run --unshare-ipc -- ipcs -m | awk '$2 ~ /^[0-9]+$/')"
  as_a ipcrm -m "$id"
}

case_pid_sees_only_its_own() {
  prepare
  local names
  names=$(run --unshare-pid -- sh -c 'for p in /proc/[0-9]*; do cat $p/comm; done')
  expect_eq "processes" "sluice sh" "$(echo $names)"
  expect_eq "its /proc is that of its namespace" 1 "$(run --unshare-pid -- sh -c 'readlink /proc/self > /dev/null && ls -d /proc/1 | wc -l')"
  expect_fails "nothing leads out by the first process: root" run --unshare-pid -- ls /proc/1/root
  expect_fails "nor fd" run --unshare-pid -- ls /proc/1/fd
  expect_fails "nor cwd" run --unshare-pid -- ls /proc/1/cwd
  expect_fails "it cannot be ended by the command" run --unshare-pid -- sh -c 'kill -KILL 1; sleep 0.1; kill -0 1 && exit 1'
  local status
  # It gives them up once the command is started, who has none to trace it with meanwhile.
  status=$(run --unshare-pid -- sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do grep -qE "^CapPrm:.0+$" /proc/1/status && break; sleep 0.1; done; cat /proc/1/status')
  for set in CapPrm CapEff; do expect_match "it has no $set" "$set:.0000000000000000" "$status"; done
}
case_pid_exit_status() {
  prepare
  local status signal
  for status in 0 1 42 125 255; do
    expect_status "exit $status" $status run --unshare-pid -- sh -c "exit $status"
  done
  for signal in TERM KILL INT SEGV; do
    expect_status "SIG$signal" $((128 + $(kill -l $signal))) run --unshare-pid -- sh -c "kill -$signal \$\$; sleep 5"
  done
  expect_status "no such program" 127 run --unshare-pid -- no-such-program
  expect_status "not executable" 126 run --unshare-pid -- ./file
}
case_pid_reaps_and_ends_all() {
  prepare
  expect_eq "an orphan is reaped" "" "$(run --unshare-pid -- bash -c '(sleep 0.05 & exec true); sleep 0.3
    for s in /proc/[0-9]*/status; do grep -l "^State:.Z" $s; done' 2> /dev/null)"
  # What the command leaves behind ends with it.
  expect_eq "exit status" 3 "$(run --unshare-pid -- sh -c 'sleep 77 & exit 3' > /dev/null; echo $?)"
  none_of_the_user() { ! pgrep -u $USER_A > /dev/null; }
  expect_soon "nothing of it is left" 2 none_of_the_user
}
case_pid_killed() {
  prepare
  sluice run --identity $USER_A --unshare-pid -- sh -c "echo ready; exec sleep 60" > "$W/out" 2> "$W/err" &
  local pid=$!
  STARTED+=($pid)
  expect_soon "it runs" 5 grep -qs ready "$W/out"
  kill -KILL $pid
  wait $pid 2> /dev/null
  none_of_the_user() { ! pgrep -u $USER_A > /dev/null; }
  expect_soon "the command ends with its command line" 3 none_of_the_user
}
case_pid_of_an_unprivileged_user() {
  prepare
  start_service
  expect_eq "all at once" "2 content" "$(echo $(as_a sluice run --unshare-all --hide .env -- sh -c 'echo $$; cat file'))"
  expect_fails "and nothing hidden" as_a sluice run --unshare-all --hide .env -- sh -c 'cat .env || cat /proc/*/root/$PWD/.env || cat /proc/*/cwd/.env'
  stop_service
}
case_pid_of_preserve() {
  prepare
  local out
  out=$(timed sluice run --identity preserve --unshare-all --hide .env -- sh -c "id -u; umount $W/source; umount -l /proc
    cat .env; stat -c %u file" 2> /dev/null)
  expect_eq "root in it, and nothing can be taken off" "0 $USER_A" "$(echo $out)"
}

# ---- Inside namespaces that were there before ----

case_root_of_a_user_namespace_is_no_root() {
  prepare
  local out
  out=$(as_a unshare -Ur sluice run -- true 2>&1)
  expect_eq "without a service: exit status" 125 $?
  expect_match "why, and what to do" 'no service listens.*try: ' "${out//$'\n'/ }"
  start_service
  expect_eq "a view as who it is outside" "content 0" "$(echo $(as_a unshare -Ur sluice run --hide .env -- sh -c 'cat file; id -u'))"
  expect_fails "without what is hidden" as_a unshare -Ur sluice run --hide .env -- cat .env
  expect_eq "with more namespaces" content "$(as_a unshare -Ur sluice run --unshare-all -- cat file)"
  out=$(as_a unshare -Ur sluice run --identity preserve -- true 2>&1)
  expect_match "not as root" 'only root may keep all owners.*try: ' "${out//$'\n'/ }"
  stop_service
}
case_source_of_another_mount_namespace() {
  prepare
  start_service
  local out
  out=$(as_a unshare -Urm sluice run -- true 2>&1)
  expect_eq "exit status" 125 $?
  expect_match "why, and what to do" 'mount namespace that the service cannot see.*try: ' "${out//$'\n'/ }"
  expect_eq "two lines" 2 "$(wc -l <<< "$out")"
  stop_service
}
case_proc_that_is_partly_covered() {
  prepare
  start_service
  # As a container's is: then the kernel lets nobody see it whole.
  local out
  mount -t tmpfs none /proc/irq
  out=$(as_a sluice run --unshare-pid -- true 2>&1)
  expect_eq "exit status" 125 $?
  expect_match "why, and what to do" 'cannot mount a /proc of its own.*try: leave out --unshare-pid' "${out//$'\n'/ }"
  expect_eq "the rest works" content "$(as_a sluice run --unshare-net --unshare-ipc -- cat file)"
  umount /proc/irq
  stop_service
}
case_no_user_namespaces() {
  prepare
  local limit=/proc/sys/user/max_user_namespaces out
  # A namespace's own limit: nobody else meets it.
  start_service
  out=$(as_a unshare -Ur sh -c "echo 0 > $limit && exec sluice run -- true" 2>&1)
  expect_eq "exit status ($out)" 125 $?
  expect_match "why, and what to do" 'cannot make a user namespace.*try: .*user.max_user_namespaces' "${out//$'\n'/ }"
  stop_service
}

run_cases
