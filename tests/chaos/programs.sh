#!/usr/bin/env bash
# Programs that people trust their data to, at work in a view while a process of it is killed or stopped again and again:
# git, SQLite, fio with its verification, tar. They notice nothing; what they have written is right, through the view and in
# its source; and nothing is left: no process, no mount, no descriptor of a file.
#
#   SLUICE_PROGRAMS='git sqlite fio tar'   which
#   SLUICE_VICTIM=worker                   what is killed, as `sluice status --json` names it: or broker
#   SLUICE_SIGNAL=KILL                     KILL, or STOP: then the service finds that it hangs
#   SLUICE_KILLS=3                         so many for each program, at least
#   SLUICE_CLI_SECONDS=560                 how long all of it may take
. "$(dirname "$0")/../integration/cli/common.sh"

PROGRAMS=${SLUICE_PROGRAMS:-git sqlite fio tar}
VICTIM=${SLUICE_VICTIM:-worker}
SIGNAL=${SLUICE_SIGNAL:-KILL}
KILLS=${SLUICE_KILLS:-3}
for tool in git sqlite3 fio tar; do
  command -v $tool > /dev/null || skip "needs $tool"
done
export HOME=$BASE  # where no user has settings

# ---- What kills ----

pid_of() { timed sluice status --json v | jq -r ".views[0].processes[] | select(.process == \"$1\").pid"; }
# A line in $W/kills for each. The service forgives one end in a second: the next comes after another has been there for
# so long, and a time that nobody chose.
kill_again_and_again() {
  local pid before=
  until [ -e "$W/enough" ]; do
    pid=$(pid_of "$VICTIM")
    if [[ ! $pid =~ ^[1-9][0-9]*$ ]] || [ "$pid" = "$before" ]; then
      sleep 0.05
      continue
    fi
    sleep 1.$((RANDOM % 4))$((RANDOM % 10))
    [ -e "$W/enough" ] && break
    kill -"$SIGNAL" "$pid" 2> /dev/null && echo "$pid" >> "$W/kills" && before=$pid
  done
}
count_kills() { cat "$W/kills" 2> /dev/null | wc -l; }

files_of_broker() { find "/proc/$(pid_of broker)/fd" -lname '/*' 2> /dev/null | wc -l; }
as_few_files() { [ "$(files_of_broker)" -le "$FILES" ]; }

# ---- The programs: once around each, with the number of the round ----
# Each says why it failed, on standard output or error. Data that is made before is in $W/data.

prepare_git() { as_a git init -q -b main "$W/target/git"; }
run_git() {
  as_a bash -ec '
    export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example
    cd "$2/git"
    for i in 1 2 3 4 5 6; do
      mkdir -p "d$i"
      echo "round $3, commit $i" > "d$i/file$3"
      cp "$1/large" "large$i"
      echo "$3 $i" >> large$i
      git add -A
      git commit -q -m "round $3, commit $i"
    done
    git checkout -q -b "branch$3" HEAD~2
    echo other > "other$3"
    git add -A
    git commit -q -m "round $3, another"
    git checkout -q main
    git merge -q -m "round $3, merged" "branch$3"
    git gc -q --prune=now
    git fsck --strict --no-dangling' user "$W/data" "$W/target" "$1" 2>&1
}
# So many rounds later, by a git that knows nothing of the view.
verify_git() {
  local at=$1
  as_a git -C "$at/git" fsck --strict --no-dangling 2>&1 || return 1
  [ "$(as_a git -C "$at/git" rev-list --count main)" = $((8 * $2)) ] || { echo "not all commits are there"; return 1; }
  [ -z "$(as_a git -C "$at/git" status --porcelain 2>&1)" ] || { echo "the work tree is not what was committed"; return 1; }
}

prepare_sqlite() {
  as_a mkdir "$W/target/sqlite"
  local journal
  for journal in delete wal; do
    as_a sqlite3 "$W/target/sqlite/$journal" "PRAGMA journal_mode = $journal; CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT);" > "$W/out"
  done
}
# A transaction for each row, so that there is a journal and an fsync each time.
run_sqlite() {
  local journal
  for journal in delete wal; do
    { echo '.bail on'
      echo 'PRAGMA cache_size = 8;'
      seq 100 | sed "s/.*/INSERT INTO t (b) VALUES ('round $1, row & ' || hex(randomblob(500)));/"
      echo "BEGIN; UPDATE t SET b = b || 'gone'; ROLLBACK;"
    } | as_a sqlite3 "$W/target/sqlite/$journal" 2>&1 || return 1
  done
}
verify_sqlite() {
  local journal
  for journal in delete wal; do
    [ "$(as_a sqlite3 "$1/sqlite/$journal" 'PRAGMA integrity_check; SELECT count(*), count(DISTINCT b), sum(b LIKE "%gone") FROM t;' 2>&1)" = \
      $'ok\n'"$((100 * $2))|$((100 * $2))|0" ] || { echo "$journal: rows are lost, or the database is broken"; return 1; }
  done
}

prepare_fio() { as_a mkdir "$W/target/fio"; }
run_fio() {
  as_a fio --name="v$1" --directory="$W/target/fio" --size=12m --bsrange=1k-64k --rw=randwrite --ioengine=psync --fsync=16 \
    --verify=crc32c --verify_fatal=1 --do_verify=1 --verify_state_save=0 --numjobs=2 --randseed="$1" --output-format=terse 2>&1 &&
    as_a sh -c "rm $W/target/fio/*" 2>&1
}
verify_fio() { [ -z "$(as_a ls -A "$1/fio" 2>&1)" ] || { echo "files are left"; return 1; }; }

# What a listing cannot show is in the contents, which diff compares.
listing_of() { (cd "$1" && find . -printf '%p %y %m %s %TY%Tm%Td%TH%TM%.2TS %l\n' | sort); }
prepare_tar() { as_a mkdir "$W/target/tar" "$W/data/back"; }
run_tar() {
  as_a bash -ec '
    mkdir "$2/tar/$3" "$1/back/$3"
    tar -C "$1/tree" -cf - . | tar -C "$2/tar/$3" -xpf -
    tar -C "$2/tar/$3" -cf - . | tar -C "$1/back/$3" -xpf -
    diff -r --no-dereference "$1/tree" "$1/back/$3"' user "$W/data" "$W/target" "$1" 2>&1 || return 1
  [ "$(listing_of "$W/data/tree")" = "$(listing_of "$W/data/back/$1")" ] || { echo "modes or times are others"; return 1; }
  as_a rm -r "$W/target/tar/$1" "$W/data/back/$1" 2>&1
}
verify_tar() { [ -z "$(as_a ls -A "$1/tar" 2>&1)" ] || { echo "files are left"; return 1; }; }

make_data() {
  mkdir -p "$W/data/tree"
  local i
  for i in $(seq 30); do
    mkdir "$W/data/tree/d$i"
    seq "$i" $((i * 50)) > "$W/data/tree/d$i/numbers"
    head -c $((i * 1000)) /dev/urandom > "$W/data/tree/d$i/bytes"
    chmod $((400 + i % 8 * 10 + i % 5)) "$W/data/tree/d$i/bytes"
    ln -s "../d$i/numbers" "$W/data/tree/d$i/link"
    touch -d "2001-02-03 04:05:$((i + 10))" "$W/data/tree/d$i/numbers"
  done
  head -c 300000 /dev/urandom > "$W/data/large"
  chown -R $USER_A:$USER_A "$W/data"
}

# ---- One program ----

play() { # program
  make_data
  make_source "$W/source"
  mkdir "$W/target"
  mount_view --identity $USER_A --name v "$W/source" "$W/target" || return
  note_processes v
  FILES=$(files_of_broker)
  "prepare_$1" || fail "$1 can begin"
  kill_again_and_again &
  local killer=$! rounds=0 before=$FAILED out status
  STARTED+=("$killer")
  while [ "$FAILED" = "$before" ] && { [ $rounds = 0 ] || [ "$(count_kills)" -lt "$KILLS" ]; }; do
    rounds=$((rounds + 1))
    out=$("run_$1" $rounds)
    status=$?
    [ $status = 0 ] || fail "$1, round $rounds, in a view whose $VICTIM is hit by SIG$SIGNAL" "exit status $status" "$(tail -c 2000 <<< "$out")"
  done
  touch "$W/enough"
  expect_soon "nothing kills any more" 4 ended "$killer"
  wait "$killer" 2> /dev/null
  local at
  for at in "$W/target" "$W/source"; do
    out=$("verify_$1" "$at" $rounds) || fail "$1: what it wrote is right, in ${at##*/}" "$(tail -c 2000 <<< "$out")"
  done
  [ "$(count_kills)" -gt 0 ] || fail "$1: the $VICTIM was hit"
  expect_soon "$1: no file stays granted" 4 as_few_files
  kill -TERM "$VIEW"
  await_view
  expect_eq "$1: the view's exit status" 0 "$STATUS"
  [ "$FAILED" = "$before" ] || sed "s,^,    log: ," "$W/mount.err"
  printf '| %s | SIG%s of the %s | %s | %s |\n' "$1" "$SIGNAL" "$VICTIM" "$(count_kills)" $rounds
}

for program in $PROGRAMS; do
  declare -F "run_$program" > /dev/null || { echo "no such program here: $program"; exit 2; }
  eval "case_$program() { play $program; }"
done
run_cases
