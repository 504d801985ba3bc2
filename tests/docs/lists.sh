#!/usr/bin/env bash
# The closed lists of the code are in the manuals, whole, and nothing else is: exit statuses, reasons,
# limits, events of the log, fields of the JSON output, steps of doctor.
#   lists.sh SOURCE_DIRECTORY
. "$(dirname "$0")/common.sh"
. "$HERE/constants.sh"

# ---- Exit statuses ----

# As src/cli/output.h has them, and the two of a shell that a command which cannot be run gives.
statuses=$(
  sed -nE 's/^  kExit[A-Za-z]+ = ([0-9]+),.*/\1/p' src/cli/output.h
  grep -E '_exit\(' src/cli/run.cc | grep -oE '\b1[0-9]{2}\b'
)
listed() { section "$1" 'EXIT STATUS' | sed -nE 's/^\.It ([0-9]+)$/\1/p'; }
table=$(sed -nE 's/^\| ([0-9][0-9, ]*) \|.*/\1/p' README.md | tr -d ' ' | tr ',' '\n')
same "sluice.1: exit statuses" "$statuses" "$(listed $MANUAL)"
same "sluice.7: exit statuses" "$statuses" "$(listed $CONCEPTS)"
same "README.md: exit statuses" "$statuses" "$table"
# And they mean the same everywhere.
meaning() { section "$1" 'EXIT STATUS' | awk '/^\.It [0-5]$/ { status = $2; getline; print status ": " $0 }'; }
meanings=$(sed -nE 's/^\| ([0-5]) \| (.*) \|$/\1: \2/p' README.md)
same "sluice.1: what README.md says of the statuses" "$meanings" "$(meaning $MANUAL)"
same "sluice.7: what README.md says of the statuses" "$meanings" "$(meaning $CONCEPTS)"
same "sluiced.8: exit statuses" "$(sed -nE 's/.*\breturn ([0-9]+);.*/\1/p' src/service/main.cc)" "$(listed $SERVICE)"

# ---- Reasons ----

# Each with its text, by which people look for it.
reasons=$(tr '\n' ' ' < src/core/reason_text.cc | grep -oE '\{"[a-z-]+", +"[^"]*"' | sed -E 's/\{"([a-z-]+)", +"(.*)"/\1: \2/')
same "sluice.7: reasons" "$reasons" "$(section $CONCEPTS 'REFUSAL REASONS' |
  awk '/^\.It Sy / { name = $3 } /^\.Dq / && name { text = substr($0, 5); sub(/ \.$/, "", text); print name ": " text; name = "" }')"
complain "the reasons were all found" \
  "$(diff <(sed -nE 's/^  (k[A-Z][A-Za-z]*)[, ].*/\1/p' src/core/reason.h | grep -vx kCount | wc -l) <(wc -l <<< "$reasons"))"

# ---- Limits ----

same "sluice.7: limits" "$(constants src/core/limits.h; constants src/core/view_limits.h; constants src/core/rules.h; constants src/core/glob.cc
    constants src/core/connection_limits.h | sed 's/^/connections_/')" \
  "$(section $CONCEPTS LIMITS | sed -nE 's/^\.It Sy ([a-z_]+) No ([0-9]+)$/\1 \2/p')"
# What `sluice status` prints under a name is the constant of that name.
complain "src/cli/list.cc: a limit's name is its constant's" \
  "$(sed -nE 's/.*\{"([a-z_]+)", Limits::k([A-Za-z]+)\}.*/\1 \2/p
            s/.*\{"([a-z_]+)", ConnectionLimits::k([A-Za-z]+)\}.*/\1 Connections\2/p' src/cli/list.cc |
    while read -r name constant; do [ "$name" = "$(in_snake_case "$constant")" ] || echo "$name $constant"; done)"

# ---- The log ----

# What stands between log( and the fields: words, and reasons by whose name an event goes.
events=$(cat src/service/*.cc | tr '\n' ' ' | grep -oE '\blog\([^{;]*\{' | grep -oE '"[a-z-]+"|Reason::k[A-Za-z]+' |
  while read -r event; do in_snake_case "${event#Reason::k}"; done | tr -d '"' | tr _ -)
same "sluiced.8: events of the log" "$events" \
  "$(section $SERVICE DESCRIPTION | awk '/^\.Ss / { inside = /^\.Ss Log$/ } inside' | sed -nE 's/^\.It Sy (.*)$/\1/p')"

# ---- JSON ----

# Those that are printed piece by piece stand in the text of a printf.
fields=$(sed -E 's/(return |Step step)\{"[^"]*"//; /Operation::/d' src/cli/{list,open_files,top,umount,doctor}.cc \
  src/cli/policy_{check,explain,show,list,learn}.cc | grep -oE '(\{|\[)"[A-Za-z_]+"[],]|\\"[a-z]+\\":' | grep -oE '[A-Za-z_]+')
json=$(section $MANUAL DESCRIPTION | awk '/^\.Ss / { inside = /^\.Ss JSON output$/ } inside')
same "sluice.1: fields of the JSON output" "$fields" "$(sed -nE 's/^\.It Sy ([A-Za-z_]+)$/\1/p' <<< "$json")"

# ---- doctor ----

same "sluice.1: steps of doctor" \
  "$(sed -nE 's/.*(return |Step step)\{"([^"]+)".*/\2/p' src/cli/doctor.cc)" \
  "$(section $MANUAL DESCRIPTION | awk '/^\.Ss / { inside = /^\.Ss doctor:/ } inside' | sed -nE 's/^\.It Sy (.*)$/\1/p')"

finish "the lists are whole"
