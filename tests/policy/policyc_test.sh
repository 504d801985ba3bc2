#!/bin/sh
# The command policyc: usage: policyc_test.sh POLICYC POLICIES
set -eu
policyc=$1
policies=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail() {
  echo "policyc_test: $*" >&2
  exit 1
}
# status EXPECTED COMMAND...
status() {
  expected=$1
  shift
  actual=0
  "$@" >"$dir/out" 2>"$dir/err" || actual=$?
  [ "$actual" = "$expected" ] || fail "$* ended with $actual, not $expected: $(cat "$dir/err")"
}

status 2 "$policyc"
status 2 "$policyc" "$policies/broker.policy"
status 2 "$policyc" --describe "$policies/broker.policy" -o "$dir/x.h"
status 2 "$policyc" --nonsense "$policies/broker.policy"
status 1 "$policyc" "$dir/absent.policy" -o "$dir/x.h"

printf 'default kill\n\n  mmap\n' >"$dir/bad.policy"
status 1 "$policyc" "$dir/bad.policy" -o "$dir/bad.h"
grep -q "^$dir/bad.policy:3:3: 'mmap' is dangerous" "$dir/err" || fail "message: $(cat "$dir/err")"
[ ! -e "$dir/bad.h" ] || fail "a header of a bad policy"

status 0 "$policyc" "$policies/worker-ro.policy" -o "$dir/plain.h"
grep -q 'worker_ro_policy()' "$dir/plain.h" || fail "no function in the header"
grep -q '\.extra = false' "$dir/plain.h" || fail "extra in a release"
status 0 "$policyc" "$policies/worker-ro.policy" -o "$dir/other.h" --symbol other \
  --extra "$policies/sanitizer.policy"
grep -q ' other()' "$dir/other.h" || fail "--symbol"
grep -q '\.extra = true' "$dir/other.h" || fail "--extra leaves no mark"

status 0 "$policyc" --describe "$policies/broker.policy"
grep -q '^| ioctl | `arg0 == FD_FUSE and arg1 == FUSE_DEV_IOC_BACKING_OPEN` | What this' "$dir/out" ||
  fail "--describe: $(grep ioctl "$dir/out")"
status 0 "$policyc" --json "$policies/broker.policy"
grep -q '"policy": "broker", "calls": ' "$dir/out" || fail "--json: $(cat "$dir/out")"
