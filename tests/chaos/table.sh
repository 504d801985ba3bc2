#!/usr/bin/env bash
# How dependable a view is, as a table: runs what is in this directory for longer than the check does, and writes
# docs/dependability.md when all of it went well. Where something did not, it says so, writes nothing and ends with 1.
#   tests/chaos/table.sh [FILE]
#   SLUICE_BUILD=build/dev   the build
#   SLUICE_ROUNDS=1200       of random operations, 400 in each, while workers are killed, as many while they are killed often, and
#                            while brokers are
#   SLUICE_KILLS=50          for each program and signal
set -eu -o pipefail
cd "$(dirname "$0")/../.."
OUTPUT=$(realpath "${1:-docs/dependability.md}")
BUILD=$(realpath "${SLUICE_BUILD:-build/dev}")
ROUNDS=${SLUICE_ROUNDS:-1200}
export SLUICE_LONG=1 SLUICE_KILLS=${SLUICE_KILLS:-50} SLUICE_REQUIRE_ALL=1 SLUICE_CLI_SECONDS=3600
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# What a run says, which has to end well; everything of it on standard error.
run() { # name of a file in $WORK, command...
  local into=$WORK/$1
  shift
  "$@" > >(tee "$into" >&2) 2>&1 || { echo "table.sh: this went wrong, and no table is written: $*" >&2; exit 1; }
}
model() { run "$1" env SLUICE_BIN="$BUILD/$2" "$BUILD/bin/model_test" --only "$1" --deadline 3600 "${@:3}"; }

model killed bin --rounds "$ROUNDS"
model killed-often often --rounds "$ROUNDS"
model killed-brokers bin --rounds "$ROUNDS"
for phase in steps steps-hidden steps-preserved; do model $phase steps; done
model broker-steps bin
model flood bin --rounds "$((ROUNDS < 20 ? ROUNDS : 20))"
FATES='worker-KILL worker-STOP broker-KILL'
for fate in $FATES; do
  run "programs-$fate" env SLUICE_BIN="$BUILD/bin" SLUICE_VICTIM=${fate%-*} SLUICE_SIGNAL=${fate#*-} bash tests/chaos/programs.sh
done

deaths_of() { sed -n 's/^\([0-9]*\) deaths$/\1/p' "$WORK/$1"; }
# Of the one line of the phase: kills, and how long somebody waited.
waited() { grep -E '^\| [0-9]+ \|' "$WORK/$1" | tr -d ' ' | sed 's/ms/ ms/g'; }
IFS='|' read -r _ kills p50 p99 longest _ < <(waited killed)
IFS='|' read -r _ often often_p50 often_p99 often_longest _ < <(waited killed-often)
IFS='|' read -r _ broker_kills broker_p50 broker_p99 broker_longest _ < <(waited killed-brokers)
commit=$(git rev-parse --short HEAD 2> "$WORK/err" || echo unknown)
[ -z "$(git status --porcelain --untracked-files=no 2> "$WORK/err")" ] || commit="$commit and changes"
{
  cat << END
# Dependability

What tests/chaos/table.sh measured at commit $commit, on Linux $(uname -r | sed 's/[^0-9.].*//') with $(nproc) processors. A worker is what
serves a view, a broker what grants its files; the application is in the view all the time, and each result is compared with that of a plain directory.

| the application | what becomes of the processes | how often | bytes lost | operations that failed wrongly | left over |
|---|---|---|---|---|---|
| random operations, of several processes | workers killed, at random | $kills | 0 | 0 | 0 |
| the same | workers killed, at random, several a second | $often | 0 | 0 | 0 |
| the same, of what keeps its name | brokers killed, at random | $broker_kills | 0 | 0 | 0 |
| each operation, in a view without rules | the worker killed, at each of its steps | $(deaths_of steps) | 0 | 0 | 0 |
| the same, in a view that hides names | the same | $(deaths_of steps-hidden) | 0 | 0 | 0 |
| the same, of every owner's files | the same | $(deaths_of steps-preserved) | 0 | 0 | 0 |
| each operation, in a view without rules | the broker killed, at the beginning and the end of each of its system calls | $(deaths_of broker-steps) | 0 | 0 | 0 |
END
  for fate in $FATES; do
    sed -n -E "s/^\| ([a-z]+) \| SIG[A-Z]+ of the [a-z]+ \| ([0-9]+) \| ([0-9]+) \|/\1 \2 \3/p" "$WORK/programs-$fate" |
      while read -r program times rounds; do
        [ "${fate#*-}" = KILL ] && what="${fate%-*}s killed, at random" || what="${fate%-*}s stopped, at random"
        echo "| $program, $rounds times | $what | $times | 0 | 0 | 0 |"
      done
  done
  cat << END

Left over would be processes, mounts, descriptors of files, and ids of the kernel's that no ledger has. The numbers that are 0 are
so wherever there is a table: it is not written otherwise. What SECURITY.md says is lost with a worker or a broker is left out, or is
no failure here. A look at a name that began with the death of a process by a signal took

| of a | half of the times at most | 99 of 100 at most | at the longest |
|---|---|---|---|
| worker, once a second | $p50 | $p99 | $longest |
| worker, several times a second | $often_p50 | $often_p99 | $often_longest |
| broker | $broker_p50 | $broker_p99 | $broker_longest |

One that is stopped is first found to be: in about a second.

## Floods
An application at full speed looks for absent names, opens files and lists a directory, with so many threads. Another one, in a
view, looks for a name that is not there every half millisecond: how long that took without the flood and with it (half of the times at most,
99 of 100 at most), by what factor that is more, and how many operations of the flood ended meanwhile, half of the times at most.
Where the flood goes to a plain directory, all that is taken is the processors.

| the flood goes to | its threads | its operations per second | without it | with it | times | operations meanwhile |
|---|---|---|---|---|---|---|
$(grep -E '^\| (plain directory|another view|same view) \|' "$WORK/flood")
END
} > "$WORK/table"
cp "$WORK/table" "$OUTPUT"
echo "table.sh: wrote $OUTPUT" >&2
