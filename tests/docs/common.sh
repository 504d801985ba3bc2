# Sourced first by every test here, with the source directory as first argument.
set -u -o pipefail
export LC_ALL=C
HERE=$(cd "$(dirname "$0")" && pwd)
cd "${1:?the source directory}" || exit 1

MANUAL=docs/man/sluice.1
CONCEPTS=docs/man/sluice.7
POLICY=docs/man/sluice-policy.5
SERVICE=docs/man/sluiced.8
HELPER=docs/man/mount.sluice.8
LIBRARY=docs/man/libsluice.3

FAILED=0
complain() { # what lines
  [ -z "$2" ] && return
  FAILED=$((FAILED + 1))
  printf 'FAILED: %s\n%s\n' "$1" "$(sed 's/^/    /' <<< "$2")"
}
# same WHAT CODE MANUAL: two lists, one entry a line, have the same entries. A list that comes out
# empty is a mistake of this test, and not agreement.
same() {
  local code manual
  code=$(sort -u <<< "$2")
  manual=$(sort -u <<< "$3")
  [ -n "$code" ] || complain "$1: found in the code" "nothing"
  [ -n "$manual" ] || complain "$1: found in the manual" "nothing"
  complain "$1: in the code, not in the manual" "$(comm -23 <(echo "$code") <(echo "$manual"))"
  complain "$1: in the manual, not in the code" "$(comm -13 <(echo "$code") <(echo "$manual"))"
}
# The lines of one .Sh section of a manual.
section() { # file name
  awk -v name="$2" '/^\.Sh / { inside = ($0 == ".Sh " name) } inside' "$1"
}
finish() { # what holds
  if [ $FAILED != 0 ]; then
    echo "$FAILED things differ"
    exit 1
  fi
  echo "$1"
}
