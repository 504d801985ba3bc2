#!/usr/bin/env bash
# Several directories as one tree: --graft.
. "$(dirname "$0")/common.sh"

prepare() {
  make_source "$W/source"
  mkdir -p "$W/source/lib" "$W/library/deep" "$W/view"
  echo covered > "$W/source/lib/covered"
  echo library > "$W/library/book"
  echo private > "$W/library/deep/x.key"
  chown -R $USER_A:$USER_A "$W/source" "$W/library"
}
in_view() { (cd / && as_a sh -c 'cd "$1" && shift && exec "$@"' sh "$W/view" "$@" 2>&1); }
end_view() {
  kill -TERM "$VIEW"
  await_view
}
# refused STATUS WHAT GRAFT...
refused() {
  local status=$1 what=$2 out graft words=()
  shift 2
  for graft; do words+=(--graft "$graft"); done
  out=$(timed sluice mount --identity $USER_A "${words[@]}" "${SOURCE:-$W/source}" "$W/view" 2>&1)
  expect_eq "$*: exit status ($out)" "$status" $?
  expect_match "$*" "$what" "$out"
}

case_one_tree() {
  prepare
  mount_view --identity $USER_A --hide '*.key' --graft "lib=$W/library" --graft "keys=$W/library:ro" \
    "$W/source" "$W/view" || return
  expect_eq "names" ".env dir file keys lib" "$(echo $(in_view ls -A))"
  expect_eq "a graft covers what is there" "book deep" "$(echo $(in_view ls lib))"
  expect_eq "rules hold in it" "" "$(in_view ls lib/deep)"
  expect_eq "reading" library "$(in_view cat lib/book)"
  expect_ok "writing" in_view sh -c 'echo more >> lib/book && echo new > lib/new'
  expect_eq "where it belongs" "library more" "$(echo $(cat "$W/library/book"))"
  expect_eq "the other one is read-only" 1 "$(in_view sh -c 'echo x >> keys/book' > /dev/null; echo $(($? != 0)))"
  expect_match "by name" 'Read-only file system' "$(in_view touch keys/new)"
  expect_eq "two ways to one file, both open" "library more" "$(in_view sh -c 'exec 3< keys/book 4>> lib/book; echo $(cat <&3)')"
  expect_eq "mv copies" content "$(in_view sh -c 'mv file lib/file && cat lib/file')"
  expect_match "a link does not lead across" 'cross-device' "$(in_view ln lib/book book)"
  expect_match "a graft is not removed" 'busy' "$(in_view rmdir lib)"
  expect_eq "nor the source's own directory" covered "$(cat "$W/source/lib/covered")"
  expect_ok "a nameless file" in_view python3 -c 'import os
f = os.open("lib", os.O_TMPFILE | os.O_RDWR); os.write(f, b"x")
os.link(f"/proc/self/fd/{f}", "lib/linked", src_dir_fd=os.open("/", os.O_PATH), follow_symlinks=True)'
  expect_eq "in its tree" x "$(cat "$W/library/linked")"
  expect_ok "as it is" in_view sh -c 'find . > /dev/null'
  end_view
}

case_nothing_but_grafts() {
  prepare
  mount_view --identity $USER_A --graft "a/b/lib=$W/library:ro" --graft "home=$W/source" --graft "home/lib=$W/library" \
    none "$W/view" || return
  expect_eq "names" "a home" "$(echo $(in_view ls -A))"
  expect_eq "a path to it" "./a ./a/b ./a/b/lib" "$(echo $(in_view find ./a -maxdepth 2))"
  expect_eq "one in the other" library "$(in_view cat home/lib/book)"
  expect_fails "nothing can be made beside them" in_view touch a/new
  expect_ok "but in them" in_view touch home/new
  end_view
}

case_in_itself() {
  prepare
  mount_view --identity $USER_A --graft "lib=$W/source" "$W/source" "$W/view" || return
  expect_eq "not without end" "covered" "$(in_view cat lib/lib/covered)"
  expect_eq "seen once" 2 "$(in_view find . -name file | wc -l)"
  end_view
}

case_preserve() {
  prepare
  chown root "$W/library/book"
  mount_view --identity preserve --graft "lib=$W/library" "$W/source" "$W/view" || return
  expect_eq "owners stay" "0 $USER_A" "$(echo $(in_view stat -c %u lib/book lib/deep))"
  expect_eq "reading" library "$(in_view cat lib/book)"
  expect_fails "writing what is root's" in_view sh -c 'echo x >> lib/book'
  end_view
}

case_run() {
  prepare
  start_service
  expect_eq "for a command" library "$(cd "$W/source" && as_a sluice run --graft "lib=$W/library" -- cat lib/book 2>&1)"
  stop_service
}

case_bad_input() {
  prepare
  refused 2 'is not AT=DIRECTORY' "lib"
  refused 2 'is not AT=DIRECTORY' "=$W/library"
  refused 2 'is not AT=DIRECTORY' "lib="
  refused 2 'is not AT=DIRECTORY' "/lib=$W/library"
  refused 2 'is not AT=DIRECTORY' "lib/../x=$W/library"
  refused 2 'two at one place' "lib=$W/library" "lib=$W/source"
  refused 2 'more than 15' $(for i in $(seq 16); do echo "d$i=$W/library"; done)
  refused 3 'does not exist' "lib=$W/nothing"
  refused 3 'is not a directory' "lib=$W/library/book"
  refused 1 'is not a directory of the source' "nothing=$W/library"
  refused 1 'is not a directory of the source' "file=$W/library"
  refused 3 'type that views are not made of|cannot stack' "lib=/proc"
  SOURCE=none refused 2 'needs --graft'
}

run_cases
