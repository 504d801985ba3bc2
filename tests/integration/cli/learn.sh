#!/usr/bin/env bash
# sluice policy learn: what a command touched, and a policy under which it works again.
. "$(dirname "$0")/common.sh"

for tool in make cc python3; do command -v $tool > /dev/null || skip "needs $tool"; done

# A small project with a secret, notes that no build needs, and a key that lies among the sources.
make_project() { # directory
  local i
  mkdir -p "$1"/{src,include,docs/old}
  for i in 1 2 3 4 5; do
    printf '#include "part%d.h"\nint part%d(void) { return %d; }\n' $i $i $i > "$1/src/part$i.c"
    printf 'int part%d(void);\n' $i > "$1/include/part$i.h"
  done
  printf '#include <stdio.h>\n#include "part1.h"\nint main(void) { return printf("%%d\\n", part1()) < 0; }\n' > "$1/src/main.c"
  printf 'password\n' > "$1/.env"
  printf 'key\n' > "$1/src/server.key"
  printf 'plan\n' > "$1/docs/plan.txt"
  printf 'notes\n' > "$1/src/notes.txt"
  cat > "$1/Makefile" << 'EOF'
OBJECTS = $(patsubst src/%.c,build/%.o,$(wildcard src/*.c))
build/program: $(OBJECTS)
	cc -o $@ $^
	$@ > result.tmp && mv result.tmp result
build/%.o: src/%.c
	@mkdir -p build
	cc -Iinclude -MMD -c -o $@ $<
EOF
  mkdir -p "$W/out"  # where the user may write
  chown -R $USER_A:$USER_A "$1" "$W/out"
}
learn() { # arguments...: in the project, as the user, with a service
  (cd "$W/project" && as_a sluice policy learn "$@")
}
under() { # policy command...
  local policy=$1
  shift
  (cd "$W/project" && as_a sluice run --policy "$policy" -- "$@" 2>&1)
}
ways() { # path: of the JSON in $W/learned.json
  jq -r --arg path "$1" '.paths[] | select(.path == $path) | .ways | join(" ")' "$W/learned.json"
}

case_a_build() {
  make_project "$W/project"
  start_service
  learn -- make > "$W/p.toml" 2> "$W/err"
  expect_eq "the command's status" 0 $?
  expect_match "its output is on standard error" 'cc -o build/program' "$(cat "$W/err")"
  expect_eq "and it worked" 1 "$(cat "$W/project/result")"
  expect_match "what was run is said" '^# What this touched: make
# A proposal' "$(head -2 "$W/p.toml")"
  expect_no_match "nothing was lost" 'lost' "$(cat "$W/p.toml")"
  expect_eq "it is a policy, without warnings" "" "$(timed sluice policy check "$W/p.toml" 2>&1 > /dev/null)"
  local shown
  shown=$(timed sluice policy show --json "$W/p.toml" "$W/project" | jq -r '[.entries[] | select(.hidden | not).path] | join(" ")')
  expect_match "what was touched is shown" '(^| )Makefile .*build/program .*include/part5\.h .*src/part5\.c' "$shown"
  expect_no_match "and nothing else" '\.env|server\.key|docs|notes' "$shown"
  # The same again, from the beginning, under the policy.
  rm -rf "$W/project/build" "$W/project/result"
  shown=$(under "$W/p.toml" make)
  expect_eq "the build works under the policy ($shown)" 1 "$(cat "$W/project/result")"
  expect_eq "and once more, where it has nothing to do" 0 "$(under "$W/p.toml" make > /dev/null; echo $?)"
  touch "$W/project/src/part3.c"
  expect_match "or a little" 'part3\.c' "$(under "$W/p.toml" make)"
  # What it does not need it does not get.
  local secret
  for secret in .env src/server.key docs/plan.txt src/notes.txt; do
    expect_match "hidden: $secret" 'No such file' "$(under "$W/p.toml" cat $secret)"
  done
  expect_match "sources are not changed" 'Read-only file system' "$(under "$W/p.toml" sh -c 'echo x >> src/main.c')"
  expect_match "and nothing else is made" 'Permission denied' "$(under "$W/p.toml" touch new)"
  printf 'int x;\n' > "$W/project/src/part6.c"
  chown $USER_A "$W/project/src/part6.c"
  expect_eq "a new source is one of many" 0 "$(under "$W/p.toml" make > /dev/null; echo $?)"
  printf 'k\n' > "$W/project/src/.env"
  expect_match "a new secret is none" 'No such file' "$(under "$W/p.toml" cat src/.env)"
  stop_service
}

case_ways() {
  make_project "$W/project"
  mkdir "$W/project/old" "$W/project/gone"
  ln -s docs "$W/project/link"
  chown -R -h $USER_A:$USER_A "$W/project"
  start_service
  learn --json -- sh -c '
    [ -e nothing ]; [ -e docs/plan.txt ]; ls docs/old; cat src/main.c; echo x >> src/notes.txt; chmod 600 Makefile
    mkdir new; echo x > new/file; rm src/part5.c; mv src/part4.c src/moved.c; rmdir gone; readlink link; ln src/part1.c hard
    ln -s x soft; mkfifo pipe; touch old' > "$W/learned.json" 2> "$W/err"
  expect_eq "status ($(cat "$W/err"))" 0 $?
  expect_eq "asked for" absent "$(ways nothing)"
  expect_eq "looked at" looked-at "$(ways docs/plan.txt)"
  expect_eq "listed" "looked-at listed" "$(ways docs/old)"
  expect_eq "read" "looked-at read" "$(ways src/main.c)"
  expect_eq "written" "looked-at written" "$(ways src/notes.txt)"
  expect_eq "changed" "looked-at changed" "$(ways Makefile)"
  expect_match "made: a directory" '(^| )made$' "$(ways new)"
  expect_match "made: a file" 'made' "$(ways new/file)"
  expect_match "made: a link, another name, a pipe" 'made.*made.*made' "$(ways soft) $(ways hard) $(ways pipe)"
  expect_match "removed" 'removed' "$(ways src/part5.c)"
  expect_match "removed: a directory" 'removed' "$(ways gone)"
  expect_match "renamed" 'renamed' "$(ways src/part4.c)"
  expect_match "to" 'made' "$(ways src/moved.c)"
  expect_match "a link's target" 'read' "$(ways link)"
  expect_eq "directories are told" "directory file" "$(jq -r '[.paths[] | select(.path == "docs" or .path == "src/main.c").kind] | join(" ")' "$W/learned.json")"
  expect_eq "nothing is said of what was not touched" "" "$(ways .env)$(ways src/server.key)"
  expect_eq "the command" "0 0" "$(jq -r '"\(.status) \(.lost)"' "$W/learned.json")"
  stop_service
}

# What is read of secrets is said, and what is only looked at stays hidden.
case_secrets() {
  make_project "$W/project"
  mkdir "$W/project/.ssh"
  echo key > "$W/project/.ssh/id_rsa"
  echo own > "$W/project/cacert.pem"
  chown -R $USER_A:$USER_A "$W/project"
  start_service
  learn -- sh -c 'cat .env .ssh/id_rsa; ls -l src > /dev/null; cat src/part*.c cacert.pem; mkdir -p .git/hooks; echo x > .git/hooks/pre-commit' \
    > "$W/p.toml" 2> /dev/null
  expect_eq "without warnings" "" "$(timed sluice policy check "$W/p.toml" 2>&1 > /dev/null)"
  expect_match "a comment says so" $'\n# CAREFUL: coding-agent hides these[^\n]*\n# What coding-agent says of them: environment files[^\n]*\n[^\n]*\n\\[\\[rule\\]\\]\npaths = \\[\n  "/\\.env",\n' "$(cat "$W/p.toml")"
  expect_match "and of the next" $'\n# CAREFUL: [^\n]*\n# [^\n]*SSH[^\n]*\n[^\n]*\n[^\n]*\npaths = \\[\n  "/\\.ssh/", "/\\.ssh/id_rsa",' "$(cat "$W/p.toml")"
  expect_match "what was looked at is named" '# src/server\.key was looked at, not read: it stays hidden\.' "$(cat "$W/p.toml")"
  expect_eq "read again" "password key" "$(echo $(under "$W/p.toml" cat .env .ssh/id_rsa))"
  expect_eq "a public one has a name of secrets" own "$(under "$W/p.toml" cat cacert.pem)"
  expect_match "not what was looked at" 'No such file' "$(under "$W/p.toml" cat src/server.key)"
  local others
  others=$(awk '/^# CAREFUL: coding-agent hides/ { on = 1 } /^$/ { on = 0 } !on' "$W/p.toml")
  expect_no_match "no rule shows it without that comment" '"/\.(env|ssh)' "$(awk '/^access = "show"/ { print text } /^\[\[rule/ { text = "" } { text = text $0 }' <<< "$others")"
  stop_service
}

# Temporary names are others the next time; names of odd letters are names.
case_names() {
  make_project "$W/project"
  printf 'x\n' > "$W/project/a b*[c]?"
  printf 'x\n' > "$W/project/"$'odd\n\xff"\\'
  printf 'x\n' > "$W/project/ende "
  printf 'x\n' > "$W/project/grün"
  chown -R $USER_A:$USER_A "$W/project"
  start_service
  cat > "$W/project/work.sh" << 'EOF'
set -e
for dir in . src; do
  f=$(mktemp $dir/tmp.XXXXXX); echo x > $f; mv $f $dir/made.out
  f=$(mktemp $dir/keepXXXXXX.part); rm $f
done
python3 -c 'import tempfile; tempfile.NamedTemporaryFile(dir=".").close()'
cat *odd* a* "ende " grün > /dev/null
for i in 1 2 3 4 5; do echo $i > part$i.out; done
EOF
  learn --output "$W/out/p.toml" -- bash work.sh > "$W/log" 2>&1
  expect_eq "status" "0 " "$? $(cat "$W/log")"
  expect_eq "a file, which is a policy without warnings" "0 " \
    "$(timed sluice policy check "$W/out/p.toml" 2> "$W/log" > /dev/null; echo $? "$(cat "$W/log")")"
  expect_eq "again" "0 " "$(under "$W/out/p.toml" bash work.sh > "$W/log"; echo $?) $(cat "$W/log")"
  rm "$W/project"/*.out
  expect_eq "and from the beginning" "0 " "$(under "$W/out/p.toml" bash work.sh > "$W/log"; echo $?) $(cat "$W/log")"
  expect_match "many are a kind" '"/\*\.out"' "$(cat "$W/out/p.toml")"
  expect_no_match "printable" $'[^ -~\n\xc3\xbc]' "$(cat "$W/out/p.toml")"
  stop_service
}

# So many that patterns must stand for directories.
case_many() {
  mkdir -p "$W/project"
  (cd "$W/project" && for d in {1..40}; do mkdir -p "d$d/sub" && touch d$d/{a..z} d$d/sub/{a..j}; done; mkdir rest; touch rest/{a..z} rest/.env d7/.env)
  chown -R $USER_A:$USER_A "$W/project"
  start_service
  learn -- sh -c 'cat d*/? d*/sub/?' > "$W/p.toml" 2> /dev/null
  expect_eq "status" 0 $?
  [ "$(wc -c < "$W/p.toml")" -lt 30000 ] || fail "patterns stand for directories" "got: $(wc -c < "$W/p.toml") bytes"
  expect_eq "it works again" 0 "$(under "$W/p.toml" sh -c 'cat d*/? d*/sub/?' > /dev/null; echo $?)"
  expect_match "what lies beside is hidden" 'No such file' "$(under "$W/p.toml" ls rest)"
  expect_match "and secrets in them" 'No such file' "$(under "$W/p.toml" cat d7/.env)"
  stop_service
}

case_statuses_and_words() {
  make_project "$W/project"
  start_service
  local out
  out=$(learn -- sh -c 'exit 7' 2> /dev/null)
  expect_eq "the command's status" 7 $?
  expect_match "is said" '# The command ended with 7' "$out"
  out=$(learn --socket /run/none --output "$W/out/none" -- true 2>&1)
  expect_eq "no service" 125 $?
  expect_eq "then there is no policy" "2 no" "$(wc -l <<< "$out") $([ -e "$W/out/none" ] && echo yes || echo no)"
  out=$(learn -- /no/such 2> /dev/null)
  expect_eq "no command" 127 $?
  echo mine > "$W/there"
  out=$(learn --output "$W/there" -- touch ran 2>&1)
  expect_eq "a file that is there" 2 $?
  expect_match "is not overwritten" '^sluice: --output ".*/there" is there already' "$out"
  expect_eq "and nothing was run" "mine no" "$(cat "$W/there") $([ -e "$W/project/ran" ] && echo yes || echo no)"
  out=$(learn 2>&1)
  expect_eq "no command" 2 $?
  expect_match "how it is written" 'try: write sluice policy learn \[OPTIONS\] \[DIRECTORY\] -- COMMAND' "$out"
  out=$(as_a sluice policy learn "$W/nothing" -- true 2>&1)
  expect_eq "no directory" 3 $?
  out=$(learn "$W/project" more -- true 2>&1)
  expect_eq "two words" 2 $?
  expect_eq "a directory elsewhere" 0 "$(cd / && as_a sluice policy learn "$W/project" -- ls > /dev/null 2>&1; echo $?)"
  stop_service
}

# As root, with a service of its own.
case_root() {
  make_project "$W/project"
  (cd "$W/project" && timed sluice policy learn --identity $USER_A -- make > "$W/p.toml" 2> /dev/null)
  expect_eq "status" 0 $?
  expect_match "it is learned" '"/build"' "$(cat "$W/p.toml")"
}

# The worker of such a view has the pipe; what the service keeps for the next worker is open nowhere.
case_descriptors() {
  make_project "$W/project"
  start_service
  (cd "$W/project" && exec "${A[@]}" sluice policy learn --output "$W/out/p.toml" -- sleep 20) 2> /dev/null &
  local command=$!
  STARTED+=("$command")
  expect_soon "the view is there" 5 eval '[ "$(timed sluice ls --json | jq length)" = 1 ]'
  note_processes
  expect_match "the worker's record" '^pipe:' "$(readlink "/proc/$WORKER/fd/1")"
  expect_eq "which it only writes, and never waits for" 04001 "$(awk '/^flags:/ { print substr($2, length($2) - 4) }' "/proc/$WORKER/fdinfo/1")"
  expect_no_match "the broker has none" 'pipe:' \
    "$(for fd in /proc/$BROKER/fd/*; do [ "${fd##*/}" -le 2 ] || readlink "$fd"; done)"
  expect_eq "two descriptors on it: the worker's and the command's" 2 "$(for pid in $(our_processes); do
    for fd in /proc/$pid/fd/*; do readlink "$fd"; done; done | grep -cxF "$(readlink "/proc/$WORKER/fd/1")")"
  kill -TERM "$command"
  wait "$command" 2> /dev/null
  STARTED=("$SERVICE")
  stop_service
}

run_cases
