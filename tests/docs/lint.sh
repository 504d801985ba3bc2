#!/usr/bin/env bash
# mandoc and groff have nothing to say against the manuals.
#   lint.sh SOURCE_DIRECTORY
. "$(dirname "$0")/common.sh"

for tool in mandoc man; do
  command -v $tool > /dev/null && continue
  printf '*** SKIPPED: lint.sh: needs %s\n' $tool
  [ "${SLUICE_REQUIRE_ALL:-0}" = 1 ] && exit 1
  exit 77
done

pages=$(find docs/man -type f | sort)
[ -n "$pages" ] || complain "there are manuals" "none in docs/man"
same "docs/man holds the manuals and nothing else" "$pages" "$(printf '%s\n' $MANUAL $POLICY $CONCEPTS $SERVICE $HELPER $LIBRARY)"
for page in $pages; do
  complain "mandoc -Tlint: $page" "$(mandoc -Tlint -W warning "$page" 2>&1)"
  complain "man --warnings: $page" \
    "$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 > /dev/null)"
  complain "$page: no line is longer than 110 characters" "$(awk 'length > 110 { print FNR ": " $0 }' "$page")"
done

finish "the manuals are clean"
