#!/usr/bin/env bash
# sluice run --only: the view, programs, what was named, and nothing else.
. "$(dirname "$0")/common.sh"
[ -x "${SLUICE_INTRUDER:?the program}" ] || skip "no $SLUICE_INTRUDER"

# A home directory of user A, with the source and other things in it.
prepare() {
  chmod 755 "$W"
  make_source "$W/home/source"
  mkdir "$W/home/other" "$W/home/tools" "$W/data"
  printf 'of home\n' > "$W/home/secret"
  printf 'other\n' > "$W/home/other/file"
  printf '#!/bin/sh\necho tool\n' > "$W/home/tools/tool"
  printf 'data\n' > "$W/data/file"
  chmod 755 "$W/home/tools/tool"
  cp "$SLUICE_INTRUDER" "$W/home/source/intruder"
  chown -R $USER_A:$USER_A "$W/home" "$W/data"
  export HOME=$W/home
  S=$W/home/source
  cd "$S" || return
}
run() { timed sluice run --identity $USER_A "$@"; }
refused() { # STATUS WHAT COMMAND...
  local status=$1 what=$2 out
  shift 2
  out=$("$@" 2>&1 < /dev/null)
  expect_eq "$*: exit status ($out)" "$status" $?
  expect_match "$*: what happened" "^sluice: [^"$'\n'"]*$what" "$out"
  expect_match "$*: what to do" $'\n        try: ' "$out"
}

case_what_there_is() {
  prepare
  local only=(--hide .env --only "$W/data" --)
  expect_eq "the view" "dir file intruder keys" "$(echo $(run "${only[@]}" ls -A))"
  expect_eq "what was named" data "$(run "${only[@]}" cat "$W/data/file")"
  expect_fails "nothing else of the home directory" run "${only[@]}" cat "$W/home/secret"
  expect_fails "not even its name" run "${only[@]}" ls -d "$W/home/secret"
  expect_eq "the home directory has nothing but the view" source "$(run "${only[@]}" ls -A "$HOME")"
  expect_eq "and takes what is written" kept "$(run "${only[@]}" sh -c 'echo kept > ~/.cache && cat ~/.cache')"
  expect_fails "which is lost" test -e "$W/home/.cache"
  expect_eq "/tmp is its own" "0 mine" "$(touch "/tmp/sluice-$$"; run "${only[@]}" sh -c 'ls /tmp | wc -l; echo mine > /tmp/mine-$0; cat /tmp/mine-$0' $$ | tr '\n' ' ' | sed 's/ $//')"
  rm -f "/tmp/sluice-$$"
  expect_fails "and lost" test -e "/tmp/mine-$$"
  expect_eq "so are the others" "0 0" "$(echo $(run "${only[@]}" sh -c 'ls /var/tmp /dev/shm > /dev/null; ls -A /dev/shm | wc -l; ls -A /run | wc -l'))"
  expect_eq "top-level names" "" "$(comm -13 <(printf '%s\n' bin dev etc gnu lib lib32 lib64 libx32 nix opt proc run sbin sys tmp usr var "$(cut -d/ -f2 <<< "$W")" | sort -u) <(run "${only[@]}" ls / | sort))"
  expect_eq "no socket of the service" "" "$(run "${only[@]}" ls -A /run)"
}
case_the_view_alone() {
  prepare
  local word
  for word in . "$S" "$S/" dir/..; do
    expect_eq "--only $word: the view" content "$(run --only "$word" -- cat file)"
    expect_eq "--only $word: nothing else" source "$(run --only "$word" -- ls -A "$HOME")"
  done
}
case_programs_work() {
  prepare
  local only=(--only "$W/data" --)
  expect_eq "a shell, pipes, temporary files" 3 "$(run "${only[@]}" bash -c 'f=$(mktemp); printf "a\nb\nc\n" | sort | tee $f > /dev/null; cat < <(wc -l < $f)')"
  expect_eq "users have names" root "$(run "${only[@]}" id -un 0)"
  expect_eq "devices" "0 ok" "$(run "${only[@]}" sh -c 'echo x > /dev/null && head -c 5 /dev/zero | tr -d "\0" | wc -c && head -c 1 /dev/urandom > /dev/null && echo ok' | tr '\n' ' ' | sed 's/ $//')"
  expect_eq "a program in the view" tool "$(cp "$W/home/tools/tool" "$S/tool"; run "${only[@]}" ./tool)"
  expect_status() { local out; out=$("${@:3}" 2>&1); expect_eq "$1 ($out)" "$2" $?; }
  expect_status "exit status" 7 run "${only[@]}" sh -c 'exit 7'
  expect_status "a signal" 143 run "${only[@]}" sh -c 'kill $$'
  expect_status "not found" 127 run "${only[@]}" "$W/home/tools/tool"
  expect_match "and what to do" "try: .*--only DIR:ro" "$(run "${only[@]}" "$W/home/tools/tool" 2>&1)"
  expect_eq "named, it is found" tool "$(run --only "$W/home/tools:ro" -- "$W/home/tools/tool")"
  expect_status "not executable" 126 run "${only[@]}" ./file
  # Pipes of the user's own.
  start_service
  expect_eq "the streams may be opened again" "in out err" "$(echo $(as_a bash -c "echo in | sluice run ${only[*]} sh -c 'cat /dev/stdin; echo out > /dev/stdout; echo err > /dev/stderr' 2>&1 | cat"))"
  stop_service
  # Files of the caller's outside, which are named nowhere.
  touch "$W/home/log"
  chown $USER_A "$W/home/log"
  run "${only[@]}" sh -c 'cat /dev/stdin > /dev/stdout; echo err > /dev/stderr' < "$W/home/other/file" > "$W/home/log" 2> "$W/home/err" || true
  expect_eq "a file of the caller's" other "$(cat "$W/home/log")"
  if command -v python3 > /dev/null; then
    expect_eq "python" 4 "$(run "${only[@]}" python3 -c 'import subprocess, tempfile; tempfile.TemporaryFile(); print(2 + 2)')"
  fi
}
case_writing() {
  prepare
  local both=(--only "$W/data" --only "$W/home/other:ro" --)
  expect_ok "in the view" run "${both[@]}" sh -c 'mkdir -p a b && echo x > a/f && mv a/f b/g && ln b/g a/h && ln -s f b/l && mv b/l a && rm -r a b'
  expect_ok "in DIR" run "${both[@]}" sh -c "cd $W/data && mkdir -p a b && echo x > a/f && mv a/f b/g && ln b/g a/h && truncate -s 0 b/g && rm -r a b"
  expect_ok "from one to the other" run "${both[@]}" sh -c "mv file $W/data/file2 && mv $W/data/file2 file"
  expect_eq "DIR:ro is read" other "$(run "${both[@]}" cat "$W/home/other/file")"
  local command
  for command in "touch $W/home/other/new" "rm $W/home/other/file" "sh -c 'echo > $W/home/other/file'" \
    "mv $W/home/other/file moved" "touch /etc/x" "touch /usr/x" "touch /x" "mkdir /run/x" "touch /dev/x" "rm /dev/null"; do
    expect_fails "$command" run "${both[@]}" bash -c "$command"
  done
  expect_ok "beside them it is written to nothing" run "${both[@]}" touch "$W/x" "$W/home/x" /tmp/x-$$
  expect_fails "on the host there is none of it" ls "$W/x" "$W/home/x" /tmp/x-$$
  expect_eq "--ro: the view is read" content "$(run --ro --only "$W/data" -- cat file)"
  expect_fails "--ro: and not written" run --ro --only "$W/data" -- touch file
  # Writing to a DIR:ro in a DIR.
  mkdir "$W/data/inner"
  chown $USER_A "$W/data/inner"
  expect_fails "read-only in a writable one" run --only "$W/data" --only "$W/data/inner:ro" -- touch "$W/data/inner/x"
  expect_ok "the other way round" run --only "$W/data:ro" --only "$W/data/inner" -- touch "$W/data/inner/x"
  expect_fails "which stays read-only" run --only "$W/data:ro" --only "$W/data/inner" -- touch "$W/data/x"
}
case_trees_in_each_other() {
  prepare
  expect_eq "the home directory: the view lies over its part" "secret dir" \
    "$(echo $(run --hide '*' --hide '!/dir' --only "$HOME" -- sh -c "cd ~ && ls -d secret && ls source"))"
  expect_fails "what the view hides is hidden there" run --hide .env --only "$HOME" -- cat "$S/.env"
  expect_eq "the shared /tmp" "$$" "$(echo $$ > "/tmp/sluice-$$"; run --only /tmp -- cat "/tmp/sluice-$$"; rm -f "/tmp/sluice-$$")"
  expect_ok "one twice" run --only "$W/data" --only "$W/data/" -- cat "$W/data/file"
  ln -s "$W/data" "$W/home/link"
  expect_eq "by a link" data "$(run --only "$W/home/link" -- cat "$W/data/file")"
  expect_eq "a path that begins like it is another" 1 "$(mkdir "$W/data2" && run --only "$W/data" -- ls -d "$W/data2" 2> /dev/null; [ $? = 0 ] || echo 1)"
}
case_refused() {
  prepare
  refused 2 '--only "/none" cannot be found' run --only /none -- true
  refused 2 . run --only= -- true
  refused 2 '--only ":ro" cannot be found' run --only :ro -- true
  refused 2 'file" is not a directory' run --only "$W/data/file" -- true
  refused 2 'file:ro" is not a directory' run --only "$W/data/file:ro" -- true
  refused 2 '--only "/" is everything' run --only / -- true
  refused 2 '--only "/:ro" is everything' run --only /:ro -- true
  refused 2 '--only "/tmp/.." is everything' run --only /tmp/.. -- true
  refused 2 'is in the view' run --only "$S:ro" -- true
  refused 2 'is in the view' run --only dir -- true
  refused 2 'is in the view' run --hide dir --only dir -- true
  refused 2 'is in the view' run --hide keys/ --only "$S/keys:ro" -- true
  refused 2 'is named twice' run --only "$W/data" --only "$W/data:ro" -- true
  refused 2 'does not confine root' timed sluice run --identity preserve --only "$W/data" -- true
  refused 2 '.' run --only -- true
  refused 2 'cannot be found' run --only $'/no\nne' -- true
  mkdir -m 700 "$W/roots"
  mkdir -m 755 "$W/roots/in"
  refused 125 "in\" cannot be reached by the command's user" run --only "$W/roots/in" -- true
  local out
  out=$(run --only "$W/data" -- sh -c 'echo' 2>&1)
  expect_eq "one that is fine is fine" "" "$out"
  cd "$W/home/other" || return
  out=$(run --only "$W/data" "$S" -- pwd 2>&1)
  expect_match "a working directory that is not there" "neither in the view nor named by --only.*$S" "${out//$'\n'/ }"
}

# ---- What a hostile program reaches ----

# ways REACHED OUTPUT: of the output of the intruder, the ways that were reached are these.
ways() { awk '$2 == "reached" { print $1 }' <<< "$1" | sort | tr '\n' ' ' | sed 's/ $//'; }
start_outside() {
  printf 'of home\n' > "$W/home/secret"
  (cd "$W/home" && exec "${A[@]}" "$S/intruder" listen "$W/home/socket" "sluice-$$" "$W/home/secret" > "$W/ready") &
  OUTSIDE=$!
  STARTED+=($OUTSIDE)
  expect_soon "a process outside" 5 grep -qs ready "$W/ready"
  WAYS=("$S/intruder" ways "$W/home/secret" "$W/home" $OUTSIDE "$W/home/socket" "sluice-$$")
}
ALL_WAYS="absolute abstract-socket descriptor dots key memory mount name parent-root pidfd process-cwd process-environ process-fd process-root ptrace self-cwd self-root signal signal-to-parent socket unmount"
case_ways_out() {
  prepare
  start_outside
  start_service
  local out
  out=$(as_a "$S/intruder" with-key sh -c '"$@"; exit' sh "${WAYS[@]}" 9< "$W/home")
  expect_eq "without us, each of them is one" "$ALL_WAYS" "$(ways "$out")"
  out=$(as_a "$S/intruder" with-key sluice run --only "$W/data" -- "${WAYS[@]}" 9< "$W/home" 2>&1)
  expect_eq "none is reached with --only" "" "$(ways "$out")"
  expect_eq "and each was tried" "$(wc -w <<< "$ALL_WAYS")" "$(grep -c ' denied$' <<< "$out")"
  out=$(as_a "$S/intruder" with-key sluice run --only "$W/data" --unshare-all -- "${WAYS[@]}" 9< "$W/home" 2>&1)
  expect_eq "nor with namespaces of its own" "" "$(ways "$out" | sed 's/^signal$//')"
  # What is not said to be stopped, is not: the manual says so.
  out=$(as_a "$S/intruder" with-key sluice run -- "${WAYS[@]}" 9< "$W/home" 2>&1)
  expect_eq "without --only, run keeps what the user may do" \
    "absolute abstract-socket dots key mount name self-cwd self-root signal signal-to-parent socket unmount" "$(ways "$out")"
  stop_service
}
case_what_is_hidden_has_no_other_name() {
  prepare
  start_service
  local out
  out=$(as_a sluice run --hide .env --only "$HOME" -- sh -c "cat .env ~/source/.env /proc/self/root/$S/.env /proc/*/root/$S/.env /proc/*/cwd/.env
    unshare -Urm sh -c 'umount -l $S; cat $S/.env; mount --bind ~ /mnt; cat /mnt/source/.env'" 2> /dev/null)
  expect_eq "nothing" "" "$out"
  expect_fails "nor by a copy of the mount below" as_a sluice run --hide .env --only "$HOME" -- ./intruder copies-mount "$HOME" source/.env
  expect_fails "nor without --only" as_a sluice run --hide .env -- ./intruder copies-mount / "${S#/}/.env"
  stop_service
}
case_typing_at_the_shell() {
  prepare
  start_outside
  local out
  on_terminal() { as_a script -qec "$*" /dev/null < /dev/null 2>&1 | tr -d '\r'; }
  start_service
  out=$(on_terminal sluice run --only "$W/data" -- "${WAYS[@]}" terminal)
  expect_eq "nothing is typed for the shell" "denied denied denied" "$(grep -E '^(typing|pasting)' <<< "$out" | awk '{ print $2 }' | xargs)"
  if [ "$(cat /proc/sys/dev/tty/legacy_tiocsti 2> /dev/null || echo 1)" = 1 ]; then
    out=$(on_terminal sluice run -- "${WAYS[@]}" terminal)
    expect_match "where the kernel would let it" 'typing reached' "$out"
  fi
  out=$(on_terminal sluice run --only "$W/data" -- sh -c "'tty; stty size > /dev/null && echo > /dev/tty && echo is one'")
  expect_match "the terminal is one all the same" '/dev/console.*is one' "${out//$'\n'/ }"
  stop_service
}
case_terminals_of_its_own() {
  prepare
  local out
  out=$(run --only "$W/data" -- script -qec 'echo on $(tty)' /dev/null 2>&1 < /dev/null | tr -d '\r')
  expect_eq "a new one" "on /dev/pts/0" "$out"
  expect_eq "and none of others" ptmx "$(run --only "$W/data" -- ls /dev/pts)"
}
# A kernel without Landlock, as a filter makes it look.
case_a_protection_is_missing() {
  prepare
  start_service
  local out
  old() { as_a "$S/intruder" without-landlock "$@"; }
  refused 125 'the kernel lacks landlock, landlock-devices, landlock-scope'$'\n' old sluice run --only . -- true
  refused 125 'the kernel lacks landlock, landlock-devices'$'\n' old sluice run --only . --allow-missing landlock-scope -- true
  expect_eq "all of them allowed: the other layer is there" "content" "$(old sluice run --only . --allow-missing landlock \
    --allow-missing landlock-devices --allow-missing landlock-scope -- sh -c "cat file $W/home/secret" 2> /dev/null)"
  expect_eq "without --only none is needed" content "$(old sluice run -- cat file)"
  stop_service
}
case_in_a_user_namespace() {
  prepare
  start_service
  expect_eq "root of a user namespace" "content" "$(as_a unshare -Ur sluice run --only "$W/data" -- cat file)"
  expect_fails "has no more" as_a unshare -Ur sluice run --only "$W/data" -- cat "$W/home/secret"
  stop_service
}
case_with_namespaces() {
  prepare
  local out
  out=$(run --only "$W/data" --unshare-all -- sh -c 'for p in /proc/[0-9]*; do cat $p/comm; done; cat file')
  expect_eq "all together" "sluice sh content" "$(echo $out)"
}

run_cases
