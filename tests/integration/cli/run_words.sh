#!/usr/bin/env bash
# sluice run: what stands before --, and the directory that the view is of.
. "$(dirname "$0")/common.sh"

prepare() {
  make_source "$W/source"
  chmod 755 "$W"
}
run() { timed sluice run --identity $USER_A "$@"; }
# refused STATUS WHAT COMMAND...: it fails so, with one line that matches WHAT and one of what to do.
refused() {
  local status=$1 what=$2 out
  shift 2
  out=$("$@" 2>&1 < /dev/null)
  expect_eq "$*: exit status ($out)" "$status" $?
  expect_match "$*: what happened" "^sluice: [^"$'\n'"]*$what" "$out"
  expect_match "$*: what to do" $'\n        try: ' "$out"
}

case_working_directory_is_the_source() {
  prepare
  cd "$W/source" || return
  expect_eq "the view" "dir file keys" "$(echo $(run --hide .env -- ls -A))"
  expect_eq "options may stand between" "dir keys" "$(echo $(run --hide .env --hide=file -- ls -A))"
  expect_eq "with a name before --" deep "$(run dir -- cat dir/deep)"
  expect_eq "a dot" "content" "$(run . -- cat file)"
  expect_eq "a slash behind it" "content" "$(run "$W/source/" -- cat file)"
  expect_eq "several, and dots" "content" "$(run "$W//source/dir/..//" -- cat file)"
  ln -s source "$W/link"
  cd "$W/link" || return
  expect_eq "reached by a link" "$W/source content" "$(echo $(run -- sh -c 'pwd -P; cat file'))"
  expect_eq "a link and a slash" "content" "$(run "$W/link/" -- cat file)"
  refused 125 'is a symbolic link' run "$W/link" -- true
}
case_the_words_of_the_command_are_its_own() {
  prepare
  cd "$W/source" || return
  expect_eq "options" "--ro|--hide|x|--|-j4|" "$(run -- sh -c 'for w; do printf "%s|" "$w"; done' sh --ro --hide x -- -j4)"
  expect_eq "its name may be an option's" 127 "$(run -- --version > "$W/out" 2>&1; echo $?)"
  expect_match "not ours" 'cannot run "--version"' "$(cat "$W/out")"
  expect_eq "-- as a pattern" "dir" "$(mkdir -- dir/--; run --hide=-- -- ls dir | grep -v deep; echo dir)"
}
case_unclear() {
  prepare
  cd "$W/source" || return
  local how='write sluice run \[OPTIONS\] \[SOURCE\] -- COMMAND'
  refused 2 'no command: there is no --' run
  refused 2 'no command: there is no --' run make
  refused 2 'without --, "make" may be SOURCE or the command' run make test
  refused 2 'without --, "dir" may be SOURCE or the command' run dir ls
  refused 2 'was not expected: -j4' run make -j4
  refused 2 'no command behind --' run --
  refused 2 'no command behind --' run "$W/source" --
  refused 2 'two words before --: "dir" and "ls"' run dir ls -- -l
  refused 2 '.' run --hide --
  refused 2 '.' run --unshare-nothing -- true
  refused 2 '.' run --unshare-net=no -- true
  for words in "" "make" "make test" "make -j4" "--" "dir ls -- -l"; do
    expect_match "run $words: how to write it" "$how" "$(run $words 2>&1)"
  done
  # What can only be a directory was understood without --, and still is.
  expect_eq "a path before the command" content "$(run "$W/source" cat file)"
  expect_eq "a dot before the command" content "$(run . cat file)"
  refused 2 'may be SOURCE or the command' run "$W/source/file" cat
}
case_no_source() {
  prepare
  cd "$W/source" || return
  refused 125 'source "none" does not exist' run none -- true
  refused 125 'source "file" is not a directory' run file -- true
  refused 125 'source "/" is the root directory' run / -- true
  refused 125 'source "/" is the root directory' run /// -- true
  refused 125 'source "/" is the root directory' run /tmp/.. -- true
  refused 125 'is of a type|FUSE or overlayfs' run /proc -- true
  cd / || return
  refused 125 'source "/" is the root directory' run -- true
  cd "$W/source" || return
  mkdir gone
  cd gone || return
  rmdir "$W/source/gone"
  refused 125 'the working directory cannot be found: it was removed' run -- true
  refused 125 'the working directory cannot be found: it was removed' run . -- true
  # Only the source has to be there.
  expect_eq "a source by its whole path" content "$(run "$W/source" -- cat "$W/source/file")"
}
case_working_directory_is_a_view() {
  prepare
  mkdir "$W/target"
  mount_view --identity $USER_A "$W/source" "$W/target" || return
  local out
  out=$(cd / && as_a sh -c "cd $W/target && exec sluice run -- true" 2>&1)
  expect_eq "a view of a view on the host: exit status ($out)" 125 $?
  expect_match "why, and what to do" 'source "\.".*FUSE.*try: ' "${out//$'\n'/ }"
  kill -TERM "$VIEW"
  await_view
  start_service
  out=$(as_a sh -c "cd $W/source && exec sluice run -- sluice run -- true" 2>&1)
  expect_eq "a view of a view: exit status ($out)" 125 $?
  expect_match "why, and what to do" 'source "\.".*FUSE.*try: ' "${out//$'\n'/ }"
  stop_service
}
case_descriptors() {
  prepare
  refused_by() { # descriptor redirection...
    local out
    out=$(eval "run $W/source -- true $2" 2>&1)
    expect_eq "$2: exit status ($out)" 2 $?
    expect_match "$2" "descriptor $1 is a directory.*try: " "${out//$'\n'/ }"
  }
  refused_by 0 "< $W"
  refused_by 0 "< $W/source"
  refused_by 1 "1< $W"
  expect_eq "no standard input at all" /dev/null "$(run "$W/source" -- readlink /proc/self/fd/0 <&-)"
  expect_eq "nor output" /dev/null "$(run "$W/source" -- bash -c 'readlink /proc/$$/fd/1 >&2; :' 2>&1 >&-)"
}
# The caller's choices reach the command.
case_inherited() {
  prepare
  expect_match "ignored signals stay so" 'SigIgn:.0000000000010001' \
    "$(env --ignore-signal=HUP,CHLD sluice run --identity $USER_A "$W/source" -- cat /proc/self/status)"
  expect_match "blocked ones, too" 'SigBlk:.0000000000000200' \
    "$(env --block-signal=USR1 sluice run --identity $USER_A "$W/source" -- cat /proc/self/status)"
}

run_cases
