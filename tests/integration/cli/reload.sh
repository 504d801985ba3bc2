#!/usr/bin/env bash
# sluice reload: other rules for a view that serves.
. "$(dirname "$0")/common.sh"

names() { echo $(as_a ls -A "$W/view"); }

case_at_once_and_open_files_stay() {
  make_source "$W/source"
  mkdir "$W/view"
  # Remembered names do not stand in the way, however long they are remembered.
  mount_view --identity $USER_A --coherence 1h --name changing --hide '*.key' "$W/source" "$W/view" || return
  expect_eq "before" ".env dir file keys" "$(names)"
  expect_eq "nothing there" "" "$(as_a ls "$W/view/keys")"
  "${A[@]}" sh -c 'exec 3< "$1/file"; cd "$1/dir"; echo ready; while [ ! -e "$2" ]; do sleep 0.05; done; cat <&3; cat deep' \
    sh "$W/view" "$W/go" > "$W/held" &
  STARTED+=($!)
  local holder=$!
  expect_soon "a file is open" 5 grep -q ready "$W/held"
  expect_match "what it says" "^sluice: changing: 2 rules from now on; 1 open file keeps" \
    "$(timed sluice reload changing --hide file --hide .env 2>&1)"
  expect_eq "after" "dir keys" "$(names)"
  expect_eq "and what was hidden is there" private "$(as_a cat "$W/view/keys/id.key")"
  expect_fails "what is hidden now is not opened" as_a cat "$W/view/file"
  touch "$W/go"
  wait "$holder"
  expect_eq "the open file, and a working directory in the view" "ready content deep" "$(echo $(cat "$W/held"))"
  expect_eq "as JSON" '{"name":"changing","open_by_old_rules":0,"rules":0}' \
    "$(timed sluice reload --json changing | jq -cS .)"
  expect_eq "nothing hidden" ".env dir file keys" "$(names)"
  expect_eq "status" 0 "$(timed sluice status --json changing | jq '.views[0].rules')"
  kill -TERM "$VIEW"
  await_view
}

case_of_every_effect() {
  make_source "$W/source"
  mkdir "$W/view"
  mount_view --identity $USER_A --name changing "$W/source" "$W/view" || return
  printf '[[rule]]\npath = "file"\naccess = "read-only"\n' > "$W/policy.toml"
  expect_ok "writable" as_a sh -c 'echo more >> "$1"' sh "$W/view/file"
  expect_ok "reload" timed sluice reload changing --policy "$W/policy.toml"
  expect_fails "read-only" as_a sh -c 'echo more >> "$1"' sh "$W/view/file"
  expect_ok "reload" timed sluice reload changing
  expect_ok "writable again" as_a sh -c 'echo more >> "$1"' sh "$W/view/file"
  expect_eq "in the source" "content more more" "$(echo $(cat "$W/source/file"))"
  # Under use, again and again: nobody gets an error for what no rule forbids.
  "${A[@]}" sh -c 'while [ ! -e "$2" ]; do cat "$1/dir/deep" || exit 1; done' sh "$W/view" "$W/stop" > "$W/read" 2>&1 &
  STARTED+=($!)
  local reader=$! i
  for i in 1 2 3 4 5 6 7 8 9 10; do
    timed sluice reload changing --hide "name-$i" --hide '*.key' > "$W/said" 2>&1 || fail "reload $i" "$(cat "$W/said")"
  done
  touch "$W/stop"
  wait "$reader"
  expect_eq "the reader's exit status" 0 $?
  expect_eq "what it read" deep "$(sort -u "$W/read")"
  kill -TERM "$VIEW"
  await_view
}

case_who_may() {
  start_service
  make_source "$W/source"
  mkdir "$W/view"
  "${A[@]}" sluice run --name of-a --hide .env "$W/source" -- sh -c 'echo ready
    sluice reload of-a > "$0" 2>&1; echo "status $?" >> "$0"; ls -A >> "$0"; exec sleep 19' "$W/source/said" > "$W/run" 2>&1 &
  STARTED+=($!)
  expect_soon "it tries" 10 grep -qs status "$W/source/said"
  expect_match "a command cannot show itself what is hidden from it" 'may not ask for this' "$(cat "$W/source/said")"
  expect_match "and gets a status" 'status 4' "$(cat "$W/source/said")"
  expect_no_match "nor does it see it" '[.]env' "$(sed 1,2d "$W/source/said")"
  expect_fails "nor another user" as_b sluice reload of-a
  expect_ok "its owner can, from outside" as_a sluice reload of-a --hide file
  expect_ok "and root" timed sluice reload of-a --hide file
  expect_fails "no view" timed sluice reload none
  stop_started "$SERVICE"
  stop_service
}

case_bad_rules_change_nothing() {
  make_source "$W/source"
  mkdir "$W/view"
  mount_view --identity $USER_A --name changing --hide .env "$W/source" "$W/view" || return
  printf 'hide = [".env", "[a"]\n' > "$W/policy.toml"
  local out
  out=$(timed sluice reload changing --policy "$W/policy.toml" 2>&1)
  expect_eq "exit status" 2 $?
  expect_match "where" "policy.toml:1:[0-9]+:" "$out"
  expect_eq "as before" "dir file keys" "$(names)"
  kill -TERM "$VIEW"
  await_view
}

run_cases
