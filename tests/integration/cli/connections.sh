#!/usr/bin/env bash
# Connections of other FUSE servers, as the lists show them: beside views, and never taken for one.
# Needs SLUICE_SERVER, the program of server.cc, and SLUICE_METRICS, that of metrics.cc.
. "$(dirname "$0")/common.sh"

cp "${SLUICE_METRICS:?the program of metrics.cc}" /run/peer/metrics
cp "${SLUICE_SERVER:?the program of server.cc}" /run/peer/server

is_granted() { [ "$(cat "$W/said")" = none ]; }
# A server of user A's at $W/point, or at what is named, to which $W/source/file is granted.
start_server() { # [name]
  local point=$W/${1:-point}
  make_source "$W/source"
  mkdir "$point" "$W/target"
  chown $USER_A "$point"
  mkfifo "$W/stay"
  exec 8<> "$W/stay"
  start_service
  /run/peer/server /run/sluice/sluice.sock "$point" $USER_A "$W/source/file" < "$W/stay" > "$W/said" 8>&- &
  SERVER=$!
  STARTED+=("$SERVER")
  expect_soon "the server is granted a file" 5 is_granted || { cat "$W/said"; return 1; }
  NAME=$(timed sluice ls --json | jq -r '.[] | select(.foreign) | .name')
}
stop_server() {
  kill -TERM "$SERVER"
  wait "$SERVER" 2> /dev/null
  exec 8>&-
}
listed() { timed sluice ls --json | jq -c '[.[] | [.name, .foreign]]'; }
lists() { [ "$(listed)" = "$1" ]; }

case_lists() {
  start_server || return
  mount_view --identity $USER_A --name mine "$W/source" "$W/target" || return
  local one text
  expect_match "its name" '^connection-[0-9]+$' "$NAME"
  expect_eq "which is which" "[[\"$NAME\",true],[\"mine\",false]]" "$(listed)"
  one=$(timed sluice ls --json | jq '.[0]')
  expect_eq "ls --json: fields" \
    '["connection","foreign","granted","identity","most_grants","name","owner","started","target"]' "$(jq -c keys <<< "$one")"
  expect_eq "whose, and where" "[$USER_A,$USER_A,\"$W/point\"]" "$(jq -c '[.owner, .identity, .target]' <<< "$one")"
  expect_match "ls, for people" "$NAME +foreign .*\(another FUSE server\) -> $W/point" "$(timed sluice ls)"
  expect_eq "of its user" "$(listed)" "$(as_a sluice ls --json | jq -c '[.[] | [.name, .foreign]]')"
  expect_eq "of somebody else" '[]' "$(as_b sluice ls --json)"

  text=$(timed sluice status "$NAME")
  expect_match "status: what it is" "^$NAME \(connection of another FUSE server\)" "$text"
  expect_match "its broker" 'broker +pid [0-9]+, .*capabilities 0000000000200000, seccomp filter' "$text"
  expect_no_match "and no worker" 'worker|requests|grants_asked' "$text"
  one=$(timed sluice status "$NAME" --json)
  expect_eq "one process" '["broker"]' "$(jq -c '[.views[0].processes[].process]' <<< "$one")"
  expect_eq "no field of a worker" 0 "$(jq '[.views[0] | keys[] | select(IN("requests", "nodes", "grants_asked", "source"))] | length' <<< "$one")"
  expect_eq "its limits" 5 "$(jq '[.limits | keys[] | select(startswith("connections_"))] | length' <<< "$one")"

  one=$(timed sluice top --once --json)
  expect_eq "top --json" "[[\"$NAME\",true,false],[\"mine\",false,true]]" \
    "$(jq -c 'sort_by(.name) | [.[] | [.name, .foreign, has("nodes")]]' <<< "$one")"
  text=$(timed sluice top --once)
  expect_match "top" "^1 views, 1 connections of other FUSE servers" "$text"
  expect_match "what its broker holds" "$NAME +- +- +- +1 " "$text"
  stop_server
  expect_soon "it is gone, and the view is not" 4 lists '[["mine",false]]'
  kill -TERM "$VIEW"
  await_view
  stop_service
}

case_open_files() {
  start_server || return
  local json
  json=$(timed sluice ls --open --json)
  expect_eq "of root: complete" true "$(jq '.[0].complete' <<< "$json")"
  expect_eq "what its broker holds, and who holds its mount" "[[\"$W/source/file\",true,0],[\"/\",false,1]]" \
    "$(jq -c '[.[0].files[] | [.path, .granted, (.holders | length)]] | sort_by(.[2])' <<< "$json")"
  expect_eq "the holder" '"server"' "$(jq -c '.[0].files[] | select(.granted | not) | .holders[0].command' <<< "$json")"
  expect_match "for people" "$NAME +ro +granted +$W/source/file  -" "$(timed sluice ls --open)"
  expect_match "by mount" "^$W/point \($NAME\)" "$(timed sluice ls --open --by-mount)"
  json=$(as_a sluice ls --open --json)
  expect_eq "of its user: the mount, and not what the broker holds" '[false,["/"]]' \
    "$(jq -c '.[0] | [.complete, [.files[].path]]' <<< "$json")"
  stop_server
  stop_service
}

case_metrics() {
  start_server || return
  local all of='service="/run/sluice/sluice.sock"'
  all=$(timed sluice status --metrics)
  expect_eq "they are valid" "" "$(printf '%s\n' "$all" | /run/peer/metrics)"
  expect_match "no view" $'\nsluice_views 0\n' "$all"
  expect_match "one connection" $'\nsluice_connections 1\n' "$all"
  expect_match "that has started" "sluice_service_connections_started_total\{$of\} 1" "$all"
  expect_match "no view has" "sluice_service_views_started_total\{$of\} 0" "$all"
  expect_match "its grants" "sluice_connection_grants_total\{$of,connection=\"$NAME\"\} 1" "$all"
  expect_match "of the service" "sluice_service_grants_total\{$of\} 1" "$all"
  expect_match "its limit" "sluice_connection_open_grants_limit\{$of,connection=\"$NAME\"\} [1-9]" "$all"
  expect_no_match "nothing of it as of a view" "view=\"$NAME\"" "$all"
  stop_server
  stop_service
}

# Where a server mounts is its own choice, and is shown.
case_names() {
  local name=$'a\e[31m\n"b' out
  start_server "$name" || return
  for out in "$(timed sluice ls)" "$(timed sluice ls --json)" "$(timed sluice ls --open)" "$(timed sluice ls --open --by-mount)" \
    "$(timed sluice status)" "$(timed sluice top --once)" "$(timed sluice status --metrics)" "$(cat "$W/service.log")"; do
    expect_no_match "no byte of a terminal's" $'\e' "$out"
    expect_no_match "no line of its own" $'\n"b' "$out"
  done
  expect_match "it is escaped" 'a\\x1b\[31m\\x0a\\x22b' "$(timed sluice ls)"
  expect_eq "metrics are valid" "" "$(timed sluice status --metrics | /run/peer/metrics)"
  stop_server
  stop_service
}

# What it means stands in the manual: the ids that were given stay with the connection.
case_end() {
  start_server || return
  local out
  out=$(as_b sluice umount "$NAME" 2>&1)
  expect_eq "by somebody else" 3 $?
  expect_match "who is not told of it" 'is not a view' "$out"
  out=$(as_a sluice reload "$NAME" --hide x 2>&1)
  expect_eq "a reload" 3 $?
  expect_match "why not" "is no view, but the connection of another FUSE server" "$out"
  expect_eq "a path is not its name" 3 "$(as_a sluice umount "./$NAME" > /dev/null 2>&1; echo $?)"
  expect_eq "umount by its user" "{\"unmounted\":\"$NAME\"}" "$(as_a sluice umount --json "$NAME")"
  expect_soon "its broker has ended" 4 lists '[]'
  no_broker() { [ -z "$(our_processes 'sluice-*')" ]; }
  expect_soon "and is gone" 4 no_broker
  expect_ok "the server goes on" kill -0 "$SERVER"
  expect_match "the log says so" 'connection-started.*' "$(grep connection-started "$W/service.log")"
  expect_match "and why it ended" 'connection-ended.*asked for' "$(grep connection-ended "$W/service.log")"
  stop_server
  stop_service
}

run_cases
