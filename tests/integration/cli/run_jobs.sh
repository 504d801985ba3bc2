#!/usr/bin/env bash
# sluice run on a terminal, as a job of a shell: stopping, going on, signals of the terminal; and that
# the terminal is given back.
. "$(dirname "$0")/common.sh"

prepare() {
  make_source "$W/source"
  chmod 755 "$W"
}

# An interactive shell on a terminal of its own; what is typed comes from `type_in`, what it shows is in
# $W/terminal.
start_shell() {
  mkfifo "$W/keys"
  exec 7<> "$W/keys"
  (cd "$W/source" && exec env --default-signal HISTFILE= PS1='$ ' TERM=dumb timeout -k 1 60 \
    script -qfec "exec bash --norc --noprofile -i" /dev/null < "$W/keys" > "$W/terminal" 2>&1 7>&-) &
  SHELL_PID=$!
  STARTED+=($SHELL_PID)
  type_in "echo sh''ell is here"
  expect_shows "a shell" 5 'shell is here'
}
type_in() { printf '%s\n' "$1" >&7; }
keys() { printf "$1" >&7; }
expect_shows() { # what seconds regexp
  eventually "$2" shows "$3" || fail "$1" "expected: /$3/" "shown:    $(tail -c 600 "$W/terminal" | cat -v)" \
    "running:  $(ps -eo pid,ppid,pgid,tpgid,stat,comm --no-headers | tr '\n' ';')"
}
shows() { grep -qs -- "$1" "$W/terminal"; }
# What is shown is awaited by words that the shell makes of others, so that what was typed is not it.
end_shell() {
  type_in exit
  exec 7>&-
  expect_soon "the shell ends" 3 ended $SHELL_PID
}
run_as_job() { # options of run...
  echo "sluice run --identity $USER_A $*"
}

stop_and_go_on() { # options of run
  prepare
  start_shell
  type_in "$(run_as_job $1) -- sh -c 'echo re\"\"ady; exec sleep 60'"
  expect_shows "it runs" 5 '^ready'
  keys '\032'
  expect_shows "Ctrl-Z: the shell sees that it has stopped" 3 'Stopped'
  type_in "jobs -s | wc -l | sed s/^/stopped\ jo\"\"bs\ /"
  expect_shows "it is one stopped job" 3 '^stopped jobs 1'
  local state
  state=$(awk '/^State/ { print $2 }' /proc/"$(pgrep -u $USER_A -x sleep)"/status)
  expect_eq "the command itself has stopped" T "$state"
  type_in fg
  is_running() { [ "$(awk '/^State/ { print $2 }' /proc/"$(pgrep -u $USER_A -x sleep)"/status)" != T ]; }
  expect_soon "fg: it goes on" 3 is_running
  keys '\003'
  sleep 0.1
  type_in 'echo "co""de $?"'
  expect_shows "Ctrl-C ends it as it would without us" 3 '^code 130'
  end_shell
}
case_stop_and_go_on() { stop_and_go_on ""; }
case_stop_and_go_on_with_own_processes() { stop_and_go_on --unshare-pid; }

# Not the terminal, the command itself: without us, the shell would see it.
stops_itself() { # options of run
  prepare
  start_shell
  type_in "$(run_as_job $1) -- sh -c 'echo re\"\"ady; kill -STOP \$\$; echo went \"\"on; exit 5'"
  expect_shows "the shell sees that it has stopped" 5 'Stopped'
  type_in fg
  expect_shows "fg: it goes on" 3 '^went on'
  type_in 'echo "co""de $?"'
  expect_shows "its exit status" 3 '^code 5'
  end_shell
}
case_stops_itself() { stops_itself ""; }
case_stops_itself_with_own_processes() { stops_itself --unshare-pid; }

# A shell in the view takes the terminal for itself, and who comes after it can read from it again.
shell_in_the_view() { # options of run
  prepare
  mkfifo "$W/keys"
  exec 7<> "$W/keys"
  (cd "$W/source" && exec env --default-signal PS1='% ' TERM=dumb timeout -k 1 60 script -qfec \
    "sh -c '$(run_as_job $1) -- bash --norc --noprofile -i; read line; echo read: \$line'" \
    /dev/null < "$W/keys" > "$W/terminal" 2>&1 7>&-) &
  SHELL_PID=$!
  STARTED+=($SHELL_PID)
  type_in "echo in''side"
  expect_shows "a shell in the view" 5 '^inside'
  type_in "sleep 60"
  sleep 0.2
  keys '\032'
  expect_shows "it has jobs of its own" 3 'Stopped'
  type_in "kill %1; exit"
  sleep 0.2
  type_in "exit"
  sleep 0.2
  type_in "a line"
  expect_shows "the terminal is given back" 3 '^read: '
  exec 7>&-
  expect_soon "it ends" 3 ended $SHELL_PID
}
case_shell_in_the_view() { shell_in_the_view ""; }
case_shell_in_the_view_with_own_processes() { shell_in_the_view --unshare-pid; }
case_shell_in_the_view_with_only() {
  mkdir "$W/other"
  shell_in_the_view "--only $W/other"; }

case_window_size() {
  prepare
  local option pid
  for option in "" --unshare-pid; do
    mkfifo "$W/keys"
    exec 7<> "$W/keys"
    env --default-signal script -qfec "exec sluice run --identity $USER_A $option $W/source -- bash -c 'trap \"echo resized\" WINCH
      tty; echo ready; while :; do sleep 0.02; done'" /dev/null < "$W/keys" > "$W/terminal" 2>&1 7>&- &
    pid=$!
    STARTED+=($pid)
    expect_shows "it runs" 5 '^ready'
    stty -F "$(tr -d '\r' < "$W/terminal" | grep -m 1 '^/dev/')" rows 33
    expect_shows "$option SIGWINCH comes" 3 '^resized'
    sleep 0.1
    expect_eq "$option once" 1 "$(grep -c resized "$W/terminal")"
    pkill -WINCH -x sluice
    expect_soon "$option one that a process sends, too" 3 eval '[ "$(grep -c resized "$W/terminal")" -ge 2 ]'
    keys '\003'
    expect_soon "Ctrl-C ends it" 3 ended $pid
    exec 7>&-
    rm -f "$W/keys" "$W/terminal"
  done
}
case_signals_with_own_processes() {
  prepare
  local signal pid
  for signal in TERM HUP INT USR1 USR2 QUIT ALRM; do
    rm -f "$W/out"
    env --default-signal sluice run --identity $USER_A --unshare-pid "$W/source" -- bash -c "trap 'echo got; exit 7' $signal; echo ready; while :; do sleep 0.02; done" \
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
# Stopped by a process, without a terminal.
case_stopped_by_a_process() {
  prepare
  local option pid command
  for option in "" --unshare-pid; do
    rm -f "$W/out"
    env --default-signal sluice run --identity $USER_A $option "$W/source" -- sh -c "echo ready; sleep 60" > "$W/out" 2>&1 &
    pid=$!
    STARTED+=($pid)
    expect_soon "it runs" 5 grep -qs ready "$W/out"
    command=$(pgrep -u $USER_A -x sh)
    stopped() { [ "$(awk '/^State/ { print $2 }' "/proc/$1/status")" = T ]; }
    runs() { ! stopped "$1"; }
    kill -STOP "$command"
    expect_soon "$option the command stops, and so do we" 3 stopped $pid
    kill -CONT $pid
    expect_soon "$option it goes on with us" 3 runs "$command"
    kill -TERM $pid
    expect_soon "$option it can be ended" 3 ended $pid
  done
}

run_cases
