#!/usr/bin/env bash
# The figures in the texts are those of src/core/limits.h. figures.txt says which is which; a figure
# with a unit that it does not know is a failure too.
#   figures.sh SOURCE_DIRECTORY
. "$(dirname "$0")/common.sh"
. "$HERE/constants.sh"

# As shell variables, so that the shell can calculate with them.
for file in src/core/limits.h src/core/view_limits.h src/core/recovery_limits.h src/core/rules.h src/wire/control.h src/core/glob.cc src/cli/policy_{file,nodes,parser,rule_parser}.cc src/core/grafts.h src/cli/policy_text.h; do
  while read -r name value; do declare "$name=$value"; done < <(constants $file)
done
[ "${setup_seconds:-}" ] && [ "${most_name_bytes:-}" ] && [ "${most_policy_bytes:-}" ] ||
  complain "the constants were found" "setup_seconds, most_name_bytes or most_policy_bytes is missing"

UNITS='ms|s|m|h|d|milliseconds?|microseconds?|seconds?|minutes?|hours?|days?|bytes?|[KMG]iB|[kMG]B|views?|files?|descriptors?|rules|patterns?|grants?|places|events|requests|times'
FIGURE="(^|[^0-9A-Za-z_./:-])[0-9][0-9,.]* ?($UNITS)([^A-Za-z0-9]|\$)"
FILES='README.md SECURITY.md docs/man/sluice.1 docs/man/sluice.7 docs/man/sluice-policy.5 docs/man/sluiced.8'

declare -A EXPLAINED=() # "file:line": the regexps that explain figures there
while IFS= read -r line; do
  case $line in '' | '#'*) continue ;; esac
  file=${line%% ; *}
  regexp=${line#* ; }
  regexp=${regexp% ; *}
  expression=${line##* ; }
  found=0
  while IFS=: read -r number text; do
    [[ $text =~ $regexp ]] || continue
    found=1
    EXPLAINED[$file:$number]+=" x"
    case $expression in none:*) continue ;; esac
    said=${BASH_REMATCH[1]}
    case $said in a | second) said=1 ;; esac
    (( said == (expression) )) || complain "$file:$number: $text" "says $said, and $expression is $((expression))"
  done < <(grep -nE -e "$regexp" "$file")
  [ $found = 1 ] || complain "figures.txt: a sentence that is there" "$line"
done < "$HERE/figures.txt"

for file in $FILES; do
  while IFS=: read -r number text; do
    # As many explanations as figures in the line.
    count=$(grep -oE "$FIGURE" <<< "$text" | wc -l)
    explained=$(wc -w <<< "${EXPLAINED[$file:$number]:-}")
    [ "$explained" -ge "$count" ] || complain "$file:$number: a figure that figures.txt does not explain" "$text"
  done < <(grep -nE "$FIGURE" "$file" | grep -vE '^[0-9]+:\.It Sy [a-z_]+ No [0-9]+$')
done

finish "the figures are those of the code"
