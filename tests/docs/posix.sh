#!/usr/bin/env bash
# What sluice(7) says of the POSIX suite is what is recorded of it.
#   posix.sh SOURCE_DIRECTORY
. "$(dirname "$0")/common.sh"

same "sluice.7: what pjdfstest finds" "$(tests/posix/section)" \
  "$(sed -n '/^\.\\" tests\/posix\/section$/,/^\.\\" end$/p' $CONCEPTS | sed '1d;$d')"
complain "tests/posix/failures.txt: each failure has a reason that the manual explains" \
  "$(grep -vE '^(#|(native|devices|preserve|identity) [0-9]+ [0-9]+$)' tests/posix/failures.txt |
    grep -vE '^[a-z]+/[0-9]+\.t [0-9]+ [0-9]+ devices$')"

finish "the manual says what the POSIX suite finds"
