#!/usr/bin/env bash
# The service for ordinary users: each sees and ends only what is its own, and no peer, however it
# behaves, keeps the others waiting. Needs SLUICE_PEER, the program of peer.cc.
. "$(dirname "$0")/common.sh"

SOCKET=/run/sluice/sluice.sock
PEER=${SLUICE_PEER:?the program of peer.cc}

# A command that keeps a view alive until it is told to end. $1 the user, $2 the view's name.
hold_view() {
  make_source "$W/source-$2"
  chown -R "$1:$1" "$W/source-$2"
  setpriv --reuid="$1" --regid="$1" --clear-groups -- sluice run --name "$2" "$W/source-$2" -- sh -c 'echo ready; exec sleep 19' > "$W/$2.out" 2> "$W/$2.err" &
  STARTED+=($!)
  expect_soon "the view $2 serves" 8 grep -qs ready "$W/$2.out"
}
names() { jq -c 'map(.name) | sort'; }
answers() { [ "$(as_a timeout 5 sluice ls --json 2> /dev/null)" = '[]' ]; }
expect_service_well() { # after what
  ended "$SERVICE" && fail "$1: the service lives"
  expect_soon "$1: the service answers" 2 answers
  expect_eq "$1: a view can be made" content "$(as_a sluice run "$W/source" -- cat "$W/source/file" 2>&1)"
}
descriptors() { ls "/proc/$SERVICE/fd" | wc -l; }

case_each_user_its_own() {
  start_service
  hold_view $USER_A of-a
  hold_view $USER_B of-b
  expect_eq "user A sees its own" '["of-a"]' "$(as_a sluice ls --json | names)"
  expect_eq "user B sees its own" '["of-b"]' "$(as_b sluice ls --json | names)"
  expect_eq "root sees both" '["of-a","of-b"]' "$(timed sluice ls --json | names)"
  expect_eq "status shows one's own" '["of-a"]' "$(as_a sluice status --json | jq .views | names)"
  expect_fails "status of another's view" as_a sluice status of-b
  expect_eq "another's view cannot be told from none" "$(as_a sluice status none 2>&1 | sed s/none/NAME/)" \
    "$(as_a sluice status of-b 2>&1 | sed s/of-b/NAME/)"
  expect_eq "user A cannot end user B's" no-such-view "$(as_a "$PEER" $SOCKET end of-b)"
  expect_eq "both are there" '["of-a","of-b"]' "$(timed sluice ls --json | names)"
  expect_eq "user A ends its own" none "$(as_a "$PEER" $SOCKET end of-a)"
  only_of_b() { [ "$(timed sluice ls --json | names)" = '["of-b"]' ]; }
  expect_soon "it is gone" 2 only_of_b
  expect_eq "root ends user B's" none "$(timed "$PEER" $SOCKET end of-b)"
  expect_soon "none is left" 2 answers
  stop_started_but_service
  stop_service
}
stop_started_but_service() { stop_started "$SERVICE"; }
case_view_for_a_user_made_by_root() {
  make_source "$W/source"
  mkdir "$W/target"
  start_service
  mount_view --identity $USER_A --name by-root "$W/source" "$W/target" || return
  expect_eq "who it is for sees it" '["by-root"]' "$(as_a sluice ls --json | names)"
  expect_eq "others do not" '[]' "$(as_b sluice ls --json | names)"
  kill -TERM "$VIEW"
  await_view
  stop_service
}
case_view_is_not_another_users() {
  start_service
  make_source "$W/source"
  expect_match "a user may not have a view as another" 'only root' \
    "$(as_b sluice run --identity $USER_A "$W/source" -- cat "$W/source/file" 2>&1)"
  chmod 700 "$W/source"
  expect_eq "nor of what it may not read" "" "$(as_b sluice run "$W/source" -- cat "$W/source/file" 2> /dev/null)"
  expect_eq "nor hand over a descriptor that is not a bare path" source-not-path-fd "$(as_a "$PEER" $SOCKET mount "$W/source")"
  stop_service
}

case_json() {
  start_service
  hold_view $USER_A of-a
  local ls status
  ls=$(timed sluice ls --json)
  expect_eq "ls --json: fields" \
    '["access","coherence_ms","device_nodes","foreign","grants","identity","most_grants","name","nodes","owner","resting","rules","source","started","target"]' \
    "$(jq -c '.[0] | keys' <<< "$ls")"
  expect_eq "ls --json: values" "[\"of-a\",\"rw\",$USER_A,$USER_A,0,1000]" \
    "$(jq -c '.[0] | [.name, .access, .identity, .owner, .rules, .coherence_ms]' <<< "$ls")"
  expect_eq "ls --json: source" "$W/source-of-a" "$(jq -r '.[0].source' <<< "$ls")"
  [ $(($(date +%s) - $(jq '.[0].started' <<< "$ls"))) -lt 15 ] || fail "ls --json: when it started" "got: $ls"
  status=$(timed sluice status --json)
  expect_eq "status --json: parts" '["limits","views"]' "$(jq -c keys <<< "$status")"
  expect_eq "status --json: more of a view" true "$(jq '.views[0] | has("requests") and has("processes") and has("socket")
    and has("grants_asked") and has("grants_kept")' <<< "$status")"
  expect_eq "status --json: READ and WRITE are said where none came" '[0,0]' "$(jq -c '.views[0].requests | [.READ, .WRITE]' <<< "$status")"
  expect_eq "status --json: processes" \
    "[[\"broker\",$USER_A,\"0000000000200000\",\"filter\",true],[\"worker\",$USER_A,\"0000000000000000\",\"filter\",true]]" \
    "$(jq -c '[.views[0].processes[] | [.process, .uid, .capabilities, .seccomp, .no_new_privs]]' <<< "$status")"
  expect_eq "status --json: limits are numbers" true "$(jq '.limits | length >= 8 and all(.[]; type == "number" and . > 0)' <<< "$status")"
  expect_eq "status NAME --json: one view" 1 "$(timed sluice status of-a --json | jq '.views | length')"
  expect_eq "ls, for people" 2 "$(timed sluice ls | wc -l)"
  stop_started_but_service
  expect_eq "no view is an empty list" '[]' "$(timed sluice ls --json)"
  expect_eq "for status too" '[]' "$(timed sluice status --json | jq -c .views)"
  stop_service
}

case_no_data_through_the_worker() {
  make_source "$W/source"
  start_service
  as_a sluice run --name data "$W/source" -- sh -c "head -c 3000000 /dev/zero > $W/source/big; cat $W/source/big > /dev/null;
    sluice status data --json" > "$W/status" 2> "$W/err"
  expect_eq "READ and WRITE requests" '[0,0]' "$(jq -c '.views[0].requests | [.READ, .WRITE]' "$W/status")"
  expect_eq "and other ones" true "$(jq '.views[0].requests | .CREATE >= 1 and .LOOKUP >= 1' "$W/status")"
  stop_service
}

# ---- Peers that do not behave ----

case_peers_that_say_nothing() {
  make_source "$W/source"
  start_service
  expect_service_well "before"
  local i
  for i in 1 2 3; do
    "${B[@]}" "$PEER" $SOCKET silent 15 > "$W/silent$i" &
    STARTED+=($!)
  done
  expect_service_well "beside silent peers"
  expect_soon "they lose their place" 13 test -s "$W/silent1"
  stop_started_but_service
  expect_service_well "after"
  stop_service
}
case_one_user_does_not_take_all_places() {
  make_source "$W/source"
  start_service
  "${B[@]}" "$PEER" $SOCKET flood 20 > "$W/flood" &
  local flood=$!
  STARTED+=($flood)
  expect_soon "many silent connections" 5 grep -qs connected "$W/flood"
  expect_service_well "beside one user's 20 silent connections"
  local out
  out=$(as_b sluice ls 2>&1)
  expect_eq "that user is told to wait: exit status" 4 $?
  expect_match "that user is told to wait" 'try: ' "${out//$'\n'/ }"
  wait $flood
  expect_soon "and served again when they are gone" 3 as_b sluice ls > /dev/null
  stop_service
}
case_many_connections_at_once() {
  make_source "$W/source"
  start_service
  answers
  local before
  before=$(descriptors)
  timed "$PEER" $SOCKET flood 200 > "$W/flood" &
  STARTED+=($!)
  expect_soon "200 connections" 5 grep -qs connected "$W/flood"
  expect_service_well "beside 200 connections"
  wait $!
  expect_ok "1,000 more, each with garbage" timed "$PEER" $SOCKET storm 1000
  expect_service_well "after 1,200 connections"
  fewer() { [ "$(descriptors)" -le "$before" ]; }
  expect_soon "the service has no more descriptors than before" 3 fewer
  only_the_service() { [ "$(our_processes sluiced)" = "$SERVICE" ]; }
  expect_soon "nor processes" 3 only_the_service
  local zombies
  zombies=$(grep -l '^State:.Z' $(grep -lE "^PPid:.($SERVICE|$(our_processes sluiced-maker))\$" /proc/[0-9]*/status 2> /dev/null) 2> /dev/null | wc -l)
  expect_eq "nor dead children, its own or the maker's" 0 "$zombies"
  stop_service
}
case_garbage() {
  make_source "$W/source"
  start_service
  local magic=534c5543 zeros
  zeros=$(printf '00%.0s' {1..40})
  expect_eq "a byte" protocol "$(as_a "$PEER" $SOCKET send 00)"
  expect_eq "nothing, as a packet" closed "$(as_a "$PEER" $SOCKET send '')"
  expect_eq "half a hello" protocol "$(as_a "$PEER" $SOCKET half)"
  expect_eq "zeros" protocol "$(as_a "$PEER" $SOCKET send "$zeros$zeros")"
  expect_eq "another version" version "$(as_a "$PEER" $SOCKET send "${magic}63000000$zeros")"
  expect_eq "another kind" protocol "$(as_a "$PEER" $SOCKET send "${magic}01000000ff000000${zeros}")"
  expect_eq "100 kB" protocol "$(as_a "$PEER" $SOCKET send "$(printf 'a5%.0s' {1..50000})")"
  expect_eq "a descriptor where none belongs" protocol "$(as_a "$PEER" $SOCKET fds 1)"
  expect_eq "253 descriptors" protocol "$(as_a "$PEER" $SOCKET fds 253)"
  "${A[@]}" "$PEER" $SOCKET unread &
  STARTED+=($!)
  expect_service_well "after garbage"
  stop_started_but_service
  stop_service
}

case_stopped_worker_and_ls() {
  start_service
  hold_view $USER_A of-a
  hold_view $USER_B of-b
  local worker from
  worker=$(timed sluice status of-a --json | jq '.views[0].processes[1].pid')
  kill -STOP "$worker"
  from=$(milliseconds)
  expect_eq "ls with a stopped worker" '["of-a","of-b"]' "$(timed sluice ls --json | names)"
  expect_ok "status with a stopped worker" timed sluice status of-a
  expect_ok "status of all" timed sluice status --json
  [ $(($(milliseconds) - from)) -lt 2000 ] || fail "within 2 s" "took $(($(milliseconds) - from)) ms"
  expect_eq "the view can be ended" none "$(as_a "$PEER" $SOCKET end of-a)"
  expect_soon "and its worker is gone" 2 ended "$worker"
  stop_started_but_service
  stop_service
}

# ---- The service's own end ----

case_service_is_stopped() {
  make_source "$W/source"
  mkdir "$W/target"
  start_service
  hold_view $USER_B of-b
  mount_view --identity $USER_A --name of-a "$W/source" "$W/target" || return
  timed sluice mount --background --identity $USER_A --name back "$W/source" "$(mkdir "$W/back" && echo "$W/back")" > "$W/out" 2>&1
  stop_service
  await_view
  expect_eq "the foreground command says that its view is gone" 1 "$STATUS"
  is_no_view "$W/target" || fail "and takes its mount off"
  expect_eq "no process of a view is left" "" "$(our_processes 'sluice-*')"
  expect_eq "the socket is gone" "" "$(ls -A /run/sluice)"
  # The mount of a command that is long gone: dead, and can be taken off.
  expect_fails "a dead view" as_a ls "$W/back"
  expect_ok "sluice umount of it" timed sluice umount "$W/back"
  stop_started
}
case_service_is_killed() {
  make_source "$W/source"
  mkdir "$W/target"
  start_service
  mount_view --identity $USER_A --name of-a "$W/source" "$W/target" || return
  timed sluice mount --background --identity $USER_A --name back "$W/source" "$(mkdir "$W/back" && echo "$W/back")" > "$W/out" 2>&1
  kill -KILL "$SERVICE"
  wait "$SERVICE" 2> /dev/null
  await_view
  is_no_view "$W/target" || fail "the foreground command takes its mount off"
  no_children() { [ -z "$(our_processes 'sluice-*')" ]; }
  expect_soon "the processes of all views end" 2 no_children
  expect_fails "a view that nobody watches over is dead" as_a cat "$W/back/file"
  expect_ok "sluice umount of it" timed sluice umount "$W/back"
  # Another one takes the place.
  start_service
  expect_eq "it knows nothing of before" '[]' "$(timed sluice ls --json)"
  expect_service_well "restarted"
  stop_service
}
case_socket_mode() {
  mkdir -p /run/sluice
  sluiced --listen /run/sluice/closed.sock --mode 0600 2> "$W/log" &
  local service=$!
  STARTED+=($service)
  expect_soon "it listens" 5 test -S /run/sluice/closed.sock
  expect_eq "the socket's mode" 600 "$(stat -c %a /run/sluice/closed.sock)"
  local out
  out=$(as_a sluice ls --socket /run/sluice/closed.sock 2>&1)
  expect_eq "who may not connect: exit status" 4 $?
  expect_match "who may not connect" 'Permission denied' "$out"
  kill -TERM $service
  wait $service
  expect_eq "exit status" 0 $?
}

run_cases
