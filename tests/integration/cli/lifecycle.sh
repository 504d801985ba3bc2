#!/usr/bin/env bash
# How a view ends: asked to, unmounted, or because one of its processes was killed. Whatever the way,
# nothing is left, and nobody who uses it hangs.
. "$(dirname "$0")/common.sh"

start() { # [arguments]: a view of $W/source at $W/target
  make_source "$W/source"
  mkdir "$W/target"
  mount_view --identity $USER_A --name v "$@" "$W/source" "$W/target" || return 1
  is_view "$W/target" || fail "the view is mounted"
  expect_eq "a file through the view" content "$(as_a cat "$W/target/file")"
  note_processes v
}
ended_well() { # how
  await_view
  expect_eq "$1: exit status" 0 "$STATUS"
  expect_nothing_left "$1"
  expect_soon "$1: broker, worker and service are gone" 2 ended "$BROKER" "$WORKER" "$SERVICE"
  expect_eq "$1: the target is the empty directory that it was" "" "$(ls -A "$W/target")"
  expect_eq "$1: the source is as it was" "./.env ./dir/deep ./file ./keys/id.key" \
    "$(cd "$W/source" && echo $(find . -type f | sort))"
}

by_signal() {
  start || return
  kill -"$1" "$VIEW"
  ended_well "SIG$1"
  [ "$TOOK" -lt 2000 ] || fail "SIG$1 ends it soon" "took $TOOK ms"
}
case_sigint() { by_signal INT; }
case_sigterm() { by_signal TERM; }
case_sighup() { by_signal HUP; }

# A real terminal: Ctrl-C reaches the whole process group, and closing it hangs up.
on_terminal() {
  make_source "$W/source"
  mkdir "$W/target"
  mkfifo "$W/keys"
  exec 7<> "$W/keys"
  script -qfc "exec sluice mount --identity $USER_A --name v $W/source $W/target" /dev/null \
    < "$W/keys" > "$W/terminal" 2>&1 7>&- &
  TERMINAL=$!
  STARTED+=("$TERMINAL")
  expect_soon "the view comes up on a terminal" 8 is_view "$W/target"
  expect_eq "a file through the view" content "$(as_a cat "$W/target/file")"
  note_processes v
}
case_ctrl_c_on_a_terminal() {
  on_terminal
  printf '\003' >&7
  expect_soon "Ctrl-C ends the command" 3 ended "$TERMINAL"
  exec 7>&-
  expect_nothing_left "Ctrl-C"
  expect_no_match "Ctrl-C leaves no complaint" 'cannot|failed|error' "$(cat "$W/terminal")"
}
case_closed_terminal() {
  on_terminal
  kill -KILL "$TERMINAL"
  wait "$TERMINAL" 2> /dev/null
  exec 7>&-
  expect_soon "the view ends with its terminal" 3 ended "$BROKER" "$WORKER" "$SERVICE"
  expect_nothing_left "closed terminal"
}

case_sluice_umount() {
  start || return
  expect_ok "sluice umount" timed sluice umount "$W/target"
  ended_well "sluice umount"
}
case_sluice_umount_json() {
  start || return
  expect_eq "sluice umount --json" "$W/target" "$(timed sluice umount --json "$W/target" | jq -r .unmounted)"
  ended_well "sluice umount --json"
}
case_plain_umount() {
  start || return
  expect_ok "umount" timed umount "$W/target"
  ended_well "umount"
}
case_umount_force() {
  start || return
  "${A[@]}" tail -f "$W/target/file" > "$W/tail.out" 2>&1 &
  STARTED+=($!)
  expect_soon "the user has it open" 5 grep -qs content "$W/tail.out"
  expect_ok "sluice umount --force" timed sluice umount --force "$W/target"
  ended_well "sluice umount --force"
}

# Whoever has a file open goes on with it; new ones find the directory below.
case_lazy_umount_with_an_open_file() {
  start || return
  mkfifo -m 644 "$W/step"
  "${A[@]}" bash -c 'exec 5<> "$1/file"; echo opened; read -r < "$2"; echo more >&5 && cat <&5; echo ended' \
    user "$W/target" "$W/step" > "$W/user.out" 2>&1 &
  local user=$!
  STARTED+=("$user")
  expect_soon "the user has it open" 5 grep -qs opened "$W/user.out"
  expect_fails "umount of a view in use" timed umount "$W/target"
  local refused
  refused=$(timed sluice umount "$W/target" 2>&1)
  expect_eq "sluice umount of a view in use: exit status" 3 $?
  expect_match "it says so" 'is in use.*try: ' "${refused//$'\n'/ }"
  expect_ok "umount -l" timed umount -l "$W/target"
  expect_eq "the directory below is back" "" "$(ls -A "$W/target")"
  ended "$VIEW" && fail "the view serves on while a file is open"
  echo go > "$W/step"
  expect_soon "the user ends" 5 ended "$user"
  expect_eq "the open file stayed usable" "opened nt ended" "$(echo $(cat "$W/user.out"))"
  expect_eq "what it wrote is in the source" more "$(head -1 "$W/source/file")"
  ended_well "umount -l"
}

# A foreground view whose command ends while somebody is in there: it goes now, they are released.
case_sigterm_with_an_open_file() {
  start || return
  "${A[@]}" tail -f "$W/target/file" > "$W/tail.out" 2>&1 &
  local user=$!
  STARTED+=("$user")
  expect_soon "the user has it open" 5 grep -qs content "$W/tail.out"
  kill -TERM "$VIEW"
  ended_well "SIGTERM with an open file"
  kill "$user" 2> /dev/null
  expect_soon "the user can end" 2 ended "$user"
}

case_background() {
  make_source "$W/source"
  mkdir "$W/target"
  local out
  out=$(timed sluice mount --background --identity $USER_A --name v "$W/source" "$W/target" 2> "$W/err")
  expect_eq "--background: exit status" 0 $?
  expect_match "--background says what it made" "^sluice: v: $W/source at $W/target" "$out"
  is_view "$W/target" || fail "it serves when the command returns"
  expect_eq "a file through the view" content "$(as_a cat "$W/target/file")"
  note_processes v
  expect_eq "no command waits" "" "$(our_processes sluice)"
  expect_ok "sluice umount" timed sluice umount "$W/target"
  expect_soon "all of it ends" 3 ended "$BROKER" "$WORKER" "$SERVICE"
}
case_background_holds_no_output_open() {
  make_source "$W/source"
  mkdir "$W/target"
  # Whoever reads the command's output to its end must not wait for the view's end.
  local from
  from=$(milliseconds)
  timed sluice mount --background --identity $USER_A "$W/source" "$W/target" 2>&1 | timeout 5 cat > "$W/out"
  [ $(($(milliseconds) - from)) -lt 4000 ] ||
    fail "the output of --background ends with the command" "expected: end of file at once" "got:      none within 4 s"
  timed sluice umount "$W/target" || fail "sluice umount"
}

# Nobody reads its log any more: no reason for a service to end.
case_background_whose_reader_left() {
  make_source "$W/source"
  mkdir "$W/target"
  { timed sluice mount --background --identity $USER_A --name v "$W/source" "$W/target" 2>&1 & } | head -c 1 > "$W/out"
  expect_soon "it serves" 5 is_view "$W/target"
  sleep 0.2
  local i
  for i in 1 2 3; do as_a cat "$W/target/file" "$W/target/dir/deep" > "$W/out" 2>&1; done
  sleep 0.2
  expect_eq "it serves on" content "$(as_a cat "$W/target/file" 2>&1)"
  expect_match "its service is there" '^[0-9]+$' "$(our_processes sluiced)"
  timed sluice umount "$W/target" || fail "sluice umount"
}

# ---- Processes that are killed ----

# Users of the view while it happens: one that waits in it, one that goes on asking.
users_in_view() {
  "${A[@]}" bash -c 'cd "$1" && while :; do stat dir/deep > /dev/null 2>&1 || { echo released; exit; }; sleep 0.01; done' \
    user "$W/target" > "$W/asking" 2>&1 &
  ASKING=$!
  STARTED+=("$ASKING")
  eventually 2 test "$(readlink /proc/$ASKING/cwd)" || true
  sleep 0.1
}
killed() { # name
  local from
  from=$(milliseconds)
  expect_soon "$1 killed: who asks is told, and free" 2 grep -qs released "$W/asking"
  await_view
  [ $(($(milliseconds) - from)) -lt 3000 ] || fail "$1 killed: all ends within 2 s" "took: $(($(milliseconds) - from)) ms"
  is_no_view "$W/target" || fail "$1 killed: nothing stays mounted"
  expect_eq "$1 killed: the target is the empty directory that it was" "" "$(ls -A "$W/target" 2>&1)"
  expect_soon "$1 killed: the others end" 2 ended "$BROKER" "$WORKER" "$SERVICE"
  expect_eq "$1 killed: the command's status" 1 "$STATUS"
  expect_match "$1 killed: the command says so" 'has ended by itself' "$(cat "$W/mount.err")"
}
# Another takes its place, and nobody in the view notices more than a pause.
goes_on() { # what happened to its worker
  local before=$WORKER
  expect_eq "$1: who asks next is answered" content "$(timed "${A[@]}" cat "$W/target/file" 2>&1)"
  ended "$ASKING" && fail "$1: who is in the view goes on" "$(cat "$W/asking")"
  expect_eq "$1: and saw no error" "" "$(cat "$W/asking")"
  note_processes v
  [ "$WORKER" != "$before" ] || fail "$1: another worker has its place"
  expect_soon "$1: the first is gone" 2 ended "$before"
  expect_match "$1: the log says who took its place" "event=worker-replaced view=\"v\" worker=\"$WORKER\"" "$(cat "$W/mount.err")"
}
case_worker_killed() {
  start && users_in_view || return
  local round
  for round in 1 2 3; do
    kill -KILL "$WORKER"
    goes_on "worker killed ($round)"
  done
  expect_match "the log says that it ended, and how" 'event=worker-ended view="v" process="worker" signal="9"' "$(cat "$W/mount.err")"
  expect_eq "the service counts them" 3 "$(timed sluice status --metrics | sed -n 's|^sluice_service_workers_replaced_total.* ||p')"
  kill -TERM "$VIEW"
  ended_well "after three workers"
}
# A file that is open stays usable, with its data, its id and its attributes, whatever became of its name.
killed_with_open_files() { # name of the variable with the process, a look at the removed file, and what it shows
  start || return
  mkfifo -m 644 "$W/step"
  "${A[@]}" bash -c 'cd "$1"; exec 5<> file 6<> gone; rm gone; echo ready; read -r < "$2"
    echo more >&5; echo less >&6; eval "$3"; cat file | head -1; cat dir/deep; exec 7<> file; cat <&7 | tail -1
    mv file other && sync other && cat other | head -1; echo ended' \
    user "$W/target" "$W/step" "$2" > "$W/user.out" 2>&1 &
  STARTED+=("$!")
  expect_soon "the user has them open" 5 grep -qs ready "$W/user.out"
  kill -KILL "${!1}"
  echo go > "$W/step"
  expect_soon "the user ends" 5 grep -qs ended "$W/user.out"
  expect_eq "all that it did came true" "ready $3 more deep nt more ended" "$(echo $(cat "$W/user.out"))"
  expect_eq "in the source too" more "$(head -1 "$W/source/other")"
}
case_worker_killed_with_open_files() { killed_with_open_files WORKER 'stat -L -c "%h %s" /proc/self/fd/6' "0 5"; }
# However deep somebody is in the view: deeper than a path can say, and than a small stack would bear.
case_worker_killed_far_below() {
  local stack
  stack=$(ulimit -Ss)
  ulimit -Ss 512
  start --coherence 0s
  local status=$?
  ulimit -Ss "$stack"
  [ $status = 0 ] || return
  mkfifo -m 644 "$W/step"
  "${A[@]}" perl -e 'sub down { for (1..4500) { mkdir "d" if $_[0]; chdir "d" or die "$_: $!" } }
    chdir $ARGV[0] and down(1);
    open my $leaf, ">", "leaf" or die $!;
    chdir $ARGV[1] and down(0);
    sub look { print -e "leaf" ? "leaf " : "$! ", open(my $new, ">", "new") ? "made\n" : "$!\n" }
    $| = 1, look;
    open my $step, "<", $ARGV[2]; <$step>;
    look' "$W/source" "$W/target" "$W/step" > "$W/user.out" 2>&1 &
  STARTED+=("$!")
  local there="leaf File name too long"
  expect_soon "the user is far below" 20 grep -qs "$there" "$W/user.out"
  kill -KILL "$WORKER"
  echo go > "$W/step"
  expect_soon "the user ends" 5 ended "$!"
  expect_eq "all is as it was" "$there $there" "$(echo $(cat "$W/user.out"))"
  expect_eq "one worker was enough" 1 "$(grep -c event=worker-replaced "$W/mount.err")"
}
case_worker_that_hangs() {
  start && users_in_view || return
  kill -STOP "$WORKER"
  local from
  from=$(milliseconds)
  goes_on "worker stopped"
  [ $(($(milliseconds) - from)) -lt 5000 ] || fail "it takes about a second, and less than this on any machine" "took: $(($(milliseconds) - from)) ms"
  # By when the service saw it, which what else the machine does delays least.
  local waited
  waited=$(sed -n 's/.*event=worker-hangs view="v" milliseconds="\([0-9]*\)".*/\1/p' "$W/mount.err" | head -1)
  [ "${waited:-9999}" -lt 1500 ] || fail "the log says so, after about a second" "$(cat "$W/mount.err")"
}
# With nobody in the view but one who waits for the disk. A disk may take its time, a worker that is stopped may not.
case_worker_that_hangs_at_a_sync() {
  start || return
  "${A[@]}" perl -e 'use IO::Handle; $| = 1; open my $f, ">>", "$ARGV[0]/file" or die "$!";
    for (;;) { syswrite $f, "x" or die "$!"; $f->sync or die "$!"; print "." }' "$W/target" > "$W/user" 2>&1 &
  STARTED+=("$!")
  synced_since() { [ "$(stat -c %s "$W/user")" -gt "$1" ]; }
  expect_soon "a user waits for the disk" 5 synced_since 10
  kill -STOP "$BROKER"
  sleep 2
  kill -CONT "$BROKER"
  expect_soon "a slow disk" 2 synced_since "$(stat -c %s "$W/user")"
  expect_no_match "is no reason to replace a worker" 'worker-(hangs|ended)' "$(cat "$W/mount.err")"
  local round from
  for round in 1 2 3; do
    note_processes v
    kill -STOP "$WORKER"
    from=$(milliseconds)
    sleep 0.1
    expect_soon "the user goes on ($round)" 5 synced_since "$(stat -c %s "$W/user")"
    [ $(($(milliseconds) - from)) -lt 2500 ] || fail "it takes about a second ($round)" "took: $(($(milliseconds) - from)) ms"
    sleep 1
  done
  kill "${STARTED[-1]}"
  expect_eq "the log says so" 3 "$(grep -c 'event=worker-hangs view="v"' "$W/mount.err")"
}
# What rules hide stays hidden: the next worker has the rules of now, not those of the start.
case_worker_killed_after_a_reload() {
  start || return
  expect_eq "a file that is shown" content "$(as_a cat "$W/target/file")"
  expect_ok "sluice reload" timed sluice reload v --hide file
  kill -KILL "$WORKER"
  expect_match "what is hidden by now" 'No such file' "$(timed "${A[@]}" cat "$W/target/file" 2>&1)"
  expect_eq "what is not" deep "$(as_a cat "$W/target/dir/deep" 2>&1)"
}
# There is an end to it, which frees who waits.
case_worker_that_keeps_ending() {
  start && users_in_view || return
  while kill -0 "$SERVICE" 2> /dev/null; do pkill -KILL -P "$SERVICE" -x sluice-worker; done &
  STARTED+=("$!")
  expect_soon "who asks is told, and free" 20 grep -qs released "$W/asking"
  await_view
  is_no_view "$W/target" || fail "nothing stays mounted"
  expect_eq "the command's status" 1 "$STATUS"
  expect_match "the log says why" 'event=view-ended .*why="worker keeps ending"' "$(cat "$W/mount.err")"
}
case_broker_killed() {
  start && users_in_view || return
  local round before
  for round in 1 2 3; do
    before=$BROKER
    kill -KILL "$BROKER"
    goes_on "broker killed ($round)"
    [ "$BROKER" != "$before" ] || fail "broker killed ($round): another has its place"
    expect_soon "broker killed ($round): the first is gone" 2 ended "$before"
    expect_match "the log says who took its place" "event=broker-replaced view=\"v\" broker=\"$BROKER\"" "$(cat "$W/mount.err")"
  done
  expect_match "the log says that it ended, and how" 'event=broker-ended view="v" process="broker" signal="9"' "$(cat "$W/mount.err")"
  kill -TERM "$VIEW"
  ended_well "after three brokers"
}
case_broker_killed_with_open_files() { killed_with_open_files BROKER 'sync -d /proc/self/fd/6 2>&1 | sed "s/.*: //"' "Input/output error"; }
case_broker_killed_after_a_reload() {
  start || return
  expect_eq "a file that is shown" content "$(as_a cat "$W/target/file")"
  expect_ok "sluice reload" timed sluice reload v --hide file
  kill -KILL "$BROKER"
  expect_match "what is hidden by now" 'No such file' "$(timed "${A[@]}" cat "$W/target/file" 2>&1)"
  expect_eq "what is not" deep "$(as_a cat "$W/target/dir/deep" 2>&1)"
  note_processes v
  expect_ok "sluice reload, to the next broker" timed sluice reload v
  expect_eq "a file that is shown again" content "$(as_a cat "$W/target/file")"
}
case_service_killed() {
  start && users_in_view || return
  kill -KILL "$SERVICE"
  killed service
}
case_command_killed() {
  start && users_in_view || return
  kill -KILL "$VIEW"
  wait "$VIEW" 2> /dev/null
  expect_soon "who asks is told, and free" 2 grep -qs released "$W/asking"
  expect_soon "the processes end" 2 ended "$BROKER" "$WORKER" "$SERVICE"
  # As its unit needs it to be started again.
  expect_soon "and nothing stays mounted" 2 is_no_view "$W/target"
}
# Whoever may rename directories above the target, from where nothing is mounted on them, turns the path.
case_the_path_is_turned() {
  make_source "$W/source"
  mkdir -p "$W/up/target" "$W/up/other"
  local elsewhere how
  for how in TERM KILL; do
    unshare --mount --propagation private sleep 30 &
    elsewhere=$!
    STARTED+=("$elsewhere")
    expect_soon "a namespace of its own" 2 test ! "/proc/$elsewhere/ns/mnt" -ef /proc/self/ns/mnt
    mount_view --identity $USER_A "$W/source" "$W/up/target" || return
    mount -t tmpfs other "$W/up/other"
    expect_ok "what is mounted on is renamed" nsenter --mount -t "$elsewhere" \
      sh -c "cd '$W/up' && mv target away && mv other target"
    is_view "$W/up/away" || fail "the view goes along"
    kill -$how "$VIEW"
    expect_soon "SIG$how: the view is taken off" 3 is_no_view "$W/up/away"
    wait "$VIEW" 2> /dev/null
    expect_eq "and nothing else" tmpfs "$(stat -f -c %T "$W/up/target")"
    umount "$W/up/target"
    mv "$W/up/target" "$W/up/other"
    mv "$W/up/away" "$W/up/target"
    kill "$elsewhere"
    expect_soon "all end" 3 none_of_ours
  done
}
case_covered() {
  start || return
  mount -t tmpfs over "$W/target"
  expect_fails "sluice umount takes off views" timed sluice umount "$W/target"
  kill -TERM "$VIEW"
  await_view
  expect_eq "what lies over the view stays" tmpfs "$(stat -f -c %T "$W/target")"
  umount "$W/target"
  expect_ok "and the dead view can be taken off" timed sluice umount "$W/target"
}
case_service_of_a_background_view_killed() {
  make_source "$W/source"
  mkdir "$W/target"
  timed sluice mount --background --identity $USER_A --name v "$W/source" "$W/target" > "$W/out" 2>&1
  note_processes v
  users_in_view
  kill -KILL "$SERVICE"
  expect_soon "who asks is told, and free" 2 grep -qs released "$W/asking"
  expect_soon "the view ends with its service" 2 ended "$BROKER" "$WORKER"
  expect_ok "sluice umount of a dead view" timed sluice umount "$W/target"
  # Its socket could not be taken away by the dead; it must not disturb the living.
  expect_ok "ls beside a dead socket" timed sluice ls
  mount_view --identity $USER_A --name w "$W/source" "$W/target" && kill -TERM "$VIEW" && await_view
}
case_stopped_worker() {
  start || return
  kill -STOP "$WORKER"
  local from
  from=$(milliseconds)
  expect_match "ls shows a view whose worker is stopped" '^v ' "$(timed sluice ls | grep '^v')"
  expect_ok "status of it" timed sluice status v --json
  [ $(($(milliseconds) - from)) -lt 2000 ] || fail "ls and status do not wait for a worker"
  kill -TERM "$VIEW"
  ended_well "SIGTERM with a stopped worker"
}
case_dead_view_says_what_to_do() {
  make_source "$W/source"
  mkdir "$W/target"
  timed sluice mount --background --identity $USER_A --name v "$W/source" "$W/target" > "$W/out" 2>&1
  note_processes v
  kill -KILL "$SERVICE" # so that the dead mount stays
  expect_soon "the processes end" 2 ended "$BROKER" "$WORKER" "$SERVICE"
  expect_ok "ls, which takes its socket away" timed sluice ls
  local out
  out=$(timed sluice mount --identity $USER_A "$W/source" "$W/target" 2>&1)
  expect_eq "a second view on a dead one: exit status" 3 $?
  expect_match "it says what to do" 'view.*try: take it off with sluice umount' "${out//$'\n'/ }"
  expect_ok "sluice umount" timed sluice umount "$W/target"
}

# One after the other, many times: nothing adds up.
case_twenty_times() {
  make_source "$W/source"
  mkdir "$W/target"
  local i
  for i in $(seq 20); do
    mount_view --identity $USER_A "$W/source" "$W/target" || return
    [ "$(as_a cat "$W/target/file")" = content ] || fail "round $i: a file through the view"
    kill -TERM "$VIEW"
    await_view
    [ "$STATUS" = 0 ] || fail "round $i: exit status" "got: $STATUS"
  done
}

# Whoever lists views meanwhile leaves the socket of a service that is about to listen; what one left that was killed goes.
case_listed_while_a_service_starts() {
  mkdir -p /run/sluice
  local socket=/run/sluice/private-5000000.sock  # of no process that there can be
  perl -MSocket -e 'socket my $s, PF_UNIX, SOCK_SEQPACKET, 0; bind $s, pack_sockaddr_un $ARGV[0] or die; select undef, undef, undef, 0.3;
    listen $s, 8 or die; open my $f, ">", $ARGV[1]; sleep 20' "$socket" "$W/listens" &
  STARTED+=($!)
  expect_soon "the socket is there" 3 test -S "$socket"
  timeout 5 sluice ls > /dev/null 2>&1
  expect_soon "it listens" 5 test -e "$W/listens"
  [ -S "$socket" ] || fail "the socket of who is about to listen stays"
  kill -KILL $!
  wait $! 2> /dev/null
  sluice ls > /dev/null 2>&1
  [ ! -e "$socket" ] || fail "a socket that nobody listens at goes"
}

run_cases
