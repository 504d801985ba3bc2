#!/usr/bin/env bash
# What can be seen of views: open files and their holders, rates, metrics. Nothing of it looks at a
# mounted path, so that a view that answers nobody keeps none of it waiting.
# Needs SLUICE_METRICS, the program of metrics.cc.
. "$(dirname "$0")/common.sh"

METRICS=${SLUICE_METRICS:?the program of metrics.cc}
cp "$METRICS" /run/peer/metrics
METRICS=/run/peer/metrics

holds() { [ "$(readlink "/proc/$HOLDER/fd/4")" = "$W/target/dir/deep" ]; }
# A view of user A's at $W/target, and a process of A's that has two files open there.
view_with_holder() {
  make_source "$W/source"
  mkdir "$W/target"
  start_service
  mount_view --identity $USER_A --name watched "$W/source" "$W/target" || return
  "${A[@]}" bash -c "exec 3< '$W/target/file' 4<> '$W/target/dir/deep'; exec sleep 60" &
  HOLDER=$!
  STARTED+=("$HOLDER")
  expect_soon "the files are open" 4 holds
}
end_view() {
  kill -TERM "$HOLDER" 2> /dev/null
  wait "$HOLDER" 2> /dev/null
  kill -TERM "$VIEW"
  await_view
  stop_service
}

case_open_files() {
  view_with_holder || return
  local json
  json=$(timed sluice ls --open --json)
  expect_eq "of root: fields" '["complete","files","foreign","name","target"]' "$(jq -c '.[0] | keys' <<< "$json")"
  expect_eq "of root: complete" true "$(jq '.[0].complete' <<< "$json")"
  expect_eq "files, how they are open, and by whom" \
    "[[\"/dir/deep\",true,true,[[$HOLDER,\"sleep\"]]],[\"/file\",true,false,[[$HOLDER,\"sleep\"]]]]" \
    "$(jq -c '[.[0].files[] | [.path, .granted, .write, [.holders[] | [.pid, .command]]]]' <<< "$json")"
  expect_match "for people" "watched +rw +granted +/dir/deep +sleep\($HOLDER\)" "$(timed sluice ls --open)"
  expect_match "by mount" "$W/target \(watched\)"$'\n'"  rw +granted +/dir/deep" "$(timed sluice ls --open --by-mount)"
  expect_fails "--by-mount alone" timed sluice ls --by-mount
  # A user who may see the view sees what is open in processes of their own.
  json=$(as_a sluice ls --open --json)
  expect_eq "of its user: not what the broker holds" false "$(jq '.[0].complete' <<< "$json")"
  expect_eq "of its user: files" '["/dir/deep","/file"]' "$(jq -c '[.[0].files[].path]' <<< "$json")"
  expect_eq "of somebody else" '[]' "$(as_b sluice ls --open --json)"
  kill -TERM "$HOLDER"
  wait "$HOLDER" 2> /dev/null
  # What the worker keeps for a while is there without a holder; then it goes.
  none_open() { [ "$(timed sluice ls --open --json | jq -c '.[0].files')" = '[]' ]; }
  expect_soon "nothing is open" 5 none_open
  end_view
}

# What is open far below is there too, by no path: the kernel tells none that is so long.
case_open_far_below() {
  make_source "$W/source"
  mkdir "$W/target"
  start_service
  mount_view --identity $USER_A --name watched "$W/source" "$W/target" || return
  "${A[@]}" perl -e 'chdir $ARGV[0]; for (1..20) { mkdir "d" x 250; chdir "d" x 250 or die "$!" }
    open my $leaf, ">", "leaf" or die $!; sleep 60' "$W/target" &
  HOLDER=$!
  STARTED+=("$HOLDER")
  is_open() { [ "$(timed sluice ls --open --json | jq -c '.[0].files[] | [.path, .granted, .holders[0].pid]')" = "[\"(too long)\",true,$HOLDER]" ]; }
  expect_soon "the file" 5 is_open
  end_view
}

case_names_are_escaped() {
  make_source "$W/source"
  mkdir "$W/target"
  local name=$'a\e[31m\n"b'
  "${A[@]}" touch "$W/source/$name" 2> /dev/null || { touch "$W/source/$name"; chown $USER_A "$W/source/$name"; }
  start_service
  mount_view --identity $USER_A --name watched "$W/source" "$W/target" || return
  "${A[@]}" bash -c "exec 3< \"\$1\"; exec sleep 60" - "$W/target/$name" &
  HOLDER=$!
  STARTED+=("$HOLDER")
  listed() { timed sluice ls --open | grep -qF '/a\x1b[31m\x0a\x22b'; }
  expect_soon "a name, on one line and without escapes" 4 listed
  expect_match "in top too" '/a.x1b.31m.x0a.x22b' "$(timed sluice top --once)"
  end_view
}

case_stopped_worker() {
  view_with_holder || return
  note_processes watched
  kill -STOP "$WORKER"
  "${A[@]}" stat "$W/target/dir" > /dev/null 2>&1 &  # waits for it
  STARTED+=($!)
  local from
  from=$(milliseconds)
  expect_ok "ls --open" timed sluice ls --open
  expect_ok "top --once" timed sluice top --once
  expect_ok "status --metrics" timed sluice status --metrics
  [ $(($(milliseconds) - from)) -lt 5000 ] || fail "within 5 s" "took $(($(milliseconds) - from)) ms"
  kill -CONT "$WORKER"
  end_view
}

case_top() {
  view_with_holder || return
  "${A[@]}" bash -c "while :; do stat '$W/target/none' > /dev/null 2>&1; cat '$W/target/dir/deep' > /dev/null; done" &
  STARTED+=($!)
  local json
  json=$(timed sluice top --once --json)
  expect_eq "fields" '["asked_per_second","complete","files","foreign","grants","name","nodes","opens_per_second","requests_per_second","target"]' \
    "$(jq -c '.[0] | keys' <<< "$json")"
  expect_eq "it is busy" true "$(jq '.[0] | .requests_per_second > 10 and .opens_per_second > 5' <<< "$json")"
  expect_eq "what is open" true "$(jq '[.[0].files[].path] | index("/file") != null' <<< "$json")"
  expect_match "for people" 'NAME +REQUESTS/s .*'$'\n''watched ' "$(timed sluice top --once)"
  expect_eq "frame after frame" 2 "$(timed sluice top --json | head -2 | jq -c '.[0].name' | grep -c watched)"
  expect_match "without a terminal" 'needs a terminal' "$(timed sluice top < /dev/null 2>&1)"
  stop_started_but_view
  end_view
}
stop_started_but_view() { kill -TERM "${STARTED[-1]}"; wait "${STARTED[-1]}" 2> /dev/null; }

# On a terminal: another screen, q and Ctrl-C end it, and the terminal is as before.
case_top_on_a_terminal() {
  view_with_holder || return
  local keys
  for keys in q $'\x03'; do
    # bash, because dash ends with the Ctrl-C that its child has dealt with, before it could say the status.
    (sleep 2.5; printf %s "$keys"; sleep 1; printf '\nx\n') |
      SHELL=/bin/bash timed script -qec 'stty -a > '"$W"'/before; sluice top; echo "status $?"; stty -a > '"$W"'/after; read -r line' /dev/null > "$W/out"
    expect_match "it ends in order" 'status 0' "$(cat "$W/out")"
    expect_match "it showed the view" 'watched' "$(cat "$W/out")"
    expect_match "on another screen, and left it" $'\e\\[\\?1049h.*\e\\[\\?25h\e\\[\\?1049l' "$(tr '\n' ' ' < "$W/out")"
    expect_eq "the terminal is as before" "$(cat "$W/before")" "$(cat "$W/after")"
  done
  end_view
}

case_metrics() {
  view_with_holder || return
  local all
  all=$(timed sluice status --metrics)
  expect_eq "they are valid" "" "$(printf '%s\n' "$all" | "$METRICS")"
  expect_match "views" $'\nsluice_views 1\n' "$all"
  local of="service=\"/run/sluice/sluice.sock\""
  expect_match "requests by kind" "sluice_view_requests_total\{$of,view=\"watched\",kind=\"LOOKUP\"\} [1-9]" "$all"
  expect_match "how long requests took" "sluice_view_request_seconds_count\\{$of,view=\"watched\",about=\"look-up\"\\} [1-9]" "$all"
  expect_match "grants" "sluice_view_grants_total\{$of,view=\"watched\"\} 2" "$all"
  expect_match "open grants" "sluice_view_open_grants\{$of,view=\"watched\"\} 2" "$all"
  expect_match "memory of a view" "sluice_view_memory_bytes\{$of,view=\"watched\",process=\"broker\"\} [1-9]" "$all"
  expect_match "memory of the service" "sluice_service_memory_bytes\{$of,process=\"sluiced\"\} [1-9]" "$all"
  expect_match "views that started" "sluice_service_views_started_total\{$of\} 1" "$all"
  expect_eq "garbage" protocol "$(as_a "$SLUICE_PEER" /run/sluice/sluice.sock send 00)"
  refused_counted() { timed sluice status --metrics | grep -q 'refused_clients_total{.*reason="protocol"} 1'; }
  expect_soon "clients that were refused, by reason" 3 refused_counted
  all=$(as_a sluice status --metrics)
  expect_eq "those of a user are valid" "" "$(printf '%s\n' "$all" | "$METRICS")"
  expect_match "and have the user's views" "sluice_view_requests_total\{$of,view=\"watched\"" "$all"
  expect_no_match "but not what all users do" 'sluice_service_peers_total' "$all"
  expect_fails "--metrics and --json" timed sluice status --metrics --json
  end_view
  all=$(timed sluice status --metrics)
  expect_eq "of no service they are valid" "" "$(printf '%s\n' "$all" | "$METRICS")"
  expect_match "of no service" $'\nsluice_services 0\n' "$all"
}

run_cases
