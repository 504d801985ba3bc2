#!/usr/bin/env bash
# Several directories as one tree: --graft, and [[graft]] of a policy.
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

# A policy that lies beside the library, which it names by that.
write_policy() { # text
  mkdir -p "$W/policies"
  ln -sfn "$W/library" "$W/policies/link"
  mkdir -p "$W/policies/near"
  echo near > "$W/policies/near/book"
  chown -R $USER_A:$USER_A "$W/policies"
  printf "$1" > "$W/policies/p.toml"
}
case_policy() {
  prepare
  write_policy 'hide = ["*.key"]\n[[graft]]\nat = "lib"\ndirectory = "near"\nreason = "what it needs"\n
[[graft]]\nat = "keys"\ndirectory = "'"$W"'/library"\naccess = "read-only"\n'
  mount_view --identity $USER_A --policy "$W/policies/p.toml" "$W/source" "$W/view" || return
  expect_eq "beside the policy" near "$(in_view cat lib/book)"
  expect_ok "it is read-write" in_view sh -c 'echo more >> lib/book'
  expect_eq "the other one" "book deep" "$(echo $(in_view ls keys))"
  expect_match "is read-only" 'Read-only file system' "$(in_view touch keys/new)"
  expect_eq "rules hold in it" "" "$(in_view ls keys/deep)"
  end_view
  mount_view --identity $USER_A --policy "$W/policies/p.toml" --graft "lib=$W/library:ro" "$W/source" "$W/view" || return
  expect_eq "the command line wins" "book deep" "$(echo $(in_view ls lib))"
  expect_match "with its access" 'Read-only file system' "$(in_view touch lib/new)"
  expect_eq "and leaves the others" "book deep" "$(echo $(in_view ls keys))"
  end_view
  # Of the policies that are included, the one that includes wins.
  printf 'include = ["p.toml"]\n[[graft]]\nat = "lib"\ndirectory = "%s"\n' "$W/library" > "$W/policies/q.toml"
  expect_eq "of two files" "keys $W/library|lib $W/library" \
    "$(timed sluice policy check --json "$W/policies/q.toml" | jq -r '[.grafts[] | .at, .directory] | "\(.[0]) \(.[1])|\(.[2]) \(.[3])"' |
      sed "s,keys [^|]*/library,keys $W/library,")"
  start_service
  expect_eq "for a command" "near more" "$(cd "$W/source" && echo $(as_a sluice run --policy "$W/policies/p.toml" -- cat lib/book 2>&1))"
  stop_service
}

case_policy_of_nothing_else() {
  prepare
  write_policy '[[graft]]\nat = "a/b"\ndirectory = "near"\n[[graft]]\nat = "a-c"\ndirectory = "near"\naccess = "read-only"\n
[[graft]]\nat = "a/c"\ndirectory = "near"\n'
  mount_view --identity $USER_A --policy "$W/policies/p.toml" none "$W/view" || return
  local in_view
  in_view=$(as_a find "$W/view" -mindepth 1 -printf '%P\n' | sort)
  end_view
  expect_eq "names" "a a-c a-c/book a/b a/b/book a/c a/c/book" "$(echo $in_view)"
  expect_eq "show knows them" "$in_view" "$(timed sluice policy show --json "$W/policies/p.toml" none | jq -r '.entries[].path' | sort)"
}

case_looked_at() {
  local p=$W/policies/p.toml out
  prepare
  write_policy 'hide = ["*.key"]\n[[graft]]\nat = "lib"\ndirectory = "near"\nreason = "what it needs"\n
[[graft]]\nat = "keys"\ndirectory = "'"$W"'/library"\naccess = "read-only"\n'
  expect_eq "check" "\"$p\": 1 rules, read-write, coherence 1000 ms, 2 grafts" "$(timed sluice policy check "$p" 2>&1)"
  expect_eq "check --json" '[{"access":"ro","at":"keys","directory":"'"$W"'/library","place":"'"$p"':8:6","reason":""},'\
'{"access":"rw","at":"lib","directory":"'"$W"'/policies/near","place":"'"$p"':3:6","reason":"what it needs"}]' \
    "$(timed sluice policy check --json "$p" | jq -c -S .grafts)"
  out=$(timed sluice policy show "$p" "$W/source")
  expect_match "show: the graft" $'\nlib/ +\\[graft of ".*/near"\\]\n  book\n' "$out"
  expect_match "show: the other" $'\nkeys/ +\\[graft of ".*/library", read-only\\]\n  book +\\[read-only\\]\n' "$out"
  expect_no_match "show: what it covers" covered "$out"
  expect_match "show: hidden in it" 'x\.key +\[hidden\]' "$out"
  # What explain says, and what the view does.
  out=$(timed sluice policy explain "$p" lib/book)
  expect_match "explain" "graft +\".*/policies/near\", by $p:3:6
 +because: what it needs" "$out"
  expect_match "explain: it can be written" 'write +yes' "$out"
  expect_eq "explain: no graft" '""' "$(timed sluice policy explain --json "$p" file | jq -c .graft)"
  mount_view --identity $USER_A --policy "$p" "$W/source" "$W/view" || return
  local path operation
  for path in keys/book:write keys/new:make keys/book:remove lib/new:make lib/new:remove keys:make lib:remove keys/y.key:make; do
    operation=${path#*:} path=${path%:*}
    expect_eq "explain: $operation of $path" \
      "$(timed sluice policy explain --json $([ "$path" != lib ] || echo --dir) --op $operation "$p" "$path" | jq -r '.operations[0].errno')" \
      "$(as_a python3 - "$W/view/$path" $operation << 'EOF_PY'
import errno, os, sys
path, operation = sys.argv[1:]
try:
    if operation == "write": os.open(path, os.O_WRONLY)
    elif operation == "make": os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    else: (os.rmdir if os.path.isdir(path) else os.unlink)(path)
    print("")
except OSError as error: print(errno.errorcode[error.errno])
EOF_PY
)"
  done
  end_view
}

# Each names file, line and column, and nothing is mounted.
wrong() { # what line:column what-it-says graft-lines
  local out
  printf "[[graft]]\n$4\n" > "$W/source/p.toml"
  out=$(timed sluice mount --identity $USER_A --policy "$W/source/p.toml" "$W/source" "$W/view" 2>&1)
  expect_eq "$1: exit status ($out)" 2 $?
  expect_match "$1" "^sluice: .*/p\.toml:$2: $3" "$out"
  expect_eq "$1: nothing is mounted" "${MOUNTED:-0}" "$(views_mounted)"
}
case_bad_policy() {
  prepare
  local lib="directory = \"$W/library\""
  wrong "a missing directory" 3:13 'directory ".*/nothing" does not exist' "at = \"lib\"\ndirectory = \"nothing\""
  wrong "no directory" 3:13 'directory ".*/book" is not a directory' "at = \"lib\"\ndirectory = \"$W/library/book\""
  wrong "a link" 3:13 'directory ".*/sh" is a symbolic link' "at = \"lib\"\ndirectory = \"/bin/sh\""
  ln -s "$W/library" "$W/source/dir/link"
  wrong "a link to one" 3:13 'directory ".*/link" is a symbolic link' "at = \"lib\"\ndirectory = \"dir/link\""
  wrong "above the policy" 3:13 'directory "../library" is not below' "at = \"lib\"\ndirectory = \"../library\""
  wrong "up again" 3:13 'directory "dir/../../library" is not below' "at = \"lib\"\ndirectory = \"dir/../../library\""
  wrong "a place inside a file" 2:6 'graft at "file/x": the place of a graft is not a directory' "at = \"file/x\"\n$lib"
  wrong "a file as its place" 2:6 'graft at "file": the place of a graft is not a directory' "at = \"file\"\n$lib"
  wrong "no place" 2:6 'graft at "nothing": the place of a graft is not a directory' "at = \"nothing\"\n$lib"
  wrong "no place in another graft" 5:6 'graft at "lib/nothing": the place' "at = \"lib\"\n$lib\n[[graft]]\nat = \"lib/nothing\"\n$lib"
  ln -s dir "$W/source/to"
  wrong "a place through a link" 2:6 'graft at "to": the place' "at = \"to\"\n$lib"
  mkdir "$W/below"
  mount_view --identity $USER_A "$W/library" "$W/below" || return
  MOUNTED=1 wrong "a directory of a view" 3:13 'directory ".*/below"(: the source is on FUSE| cannot be reached)' "at = \"lib\"\ndirectory = \"$W/below\""
  end_view
  local all
  all=$(for i in $(seq 8); do printf 'at = "d%d"\n%s\n[[graft]]\n' "$i" "$lib"; done)
  printf "[[graft]]\n$all\nat = \"last\"\n$lib\n" > "$W/a.toml"
  sed 's/"d/"e/; s/last/end/' "$W/a.toml" > "$W/b.toml"
  printf 'include = ["a.toml", "b.toml"]\n' > "$W/both.toml"
  expect_match "too many of two files" '^sluice: .*/[ab]\.toml:[0-9]+:6: there are more than 15 grafts' \
    "$(timed sluice policy check "$W/both.toml" 2>&1)"
  # In itself it is no circle: what is grafted is the directory without what is grafted there.
  printf '[[graft]]\nat = "lib"\ndirectory = "."\n' > "$W/source/p.toml"
  mount_view --identity $USER_A --policy "$W/source/p.toml" "$W/source" "$W/view" || return
  expect_eq "in itself" covered "$(in_view cat lib/lib/covered)"
  end_view
  expect_eq "and show ends" 1 "$(timed sluice policy show --json "$W/source/p.toml" "$W/source" | jq '[.entries[] | select(.path | endswith("covered"))] | length')"
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
