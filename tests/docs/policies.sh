#!/usr/bin/env bash
# sluice-policy.5 has every key, access and effect that the code has, every rule of the ready policies, and
# examples that are policies.
#   policies.sh SOURCE_DIRECTORY      with SLUICE_BIN= the directory of the built programs
. "$(dirname "$0")/common.sh"

# The lines of one .Ss part of a section.
part() { # section part
  section $POLICY "$1" | awk -v name="$2" '/^\.S[hs] / { inside = ($0 == ".Ss " name) } inside'
}
tags() { sed -nE 's/^\.It Sy ([a-z-]+)$/\1/p'; }

# ---- Keys ----

keys_of() { # file class
  grep -oE "\{\"[a-z-]+\", &$2::" "$1" | grep -oE '"[a-z-]+"' | tr -d '"'
}
same "keys of a policy" "$(keys_of src/cli/policy_parser.cc PolicyParser)" "$(part KEYS 'Of the policy' | tags)"
same "keys of a rule" "$(keys_of src/cli/policy_rule_parser.cc RuleParser)" "$(part KEYS 'Of a rule' | tags)"
same "keys of a graft" "$(keys_of src/cli/policy_graft_parser.cc GraftParser)" "$(part KEYS 'Of a graft' | tags)"
same "keys of a window" "$(keys_of src/cli/policy_rule_parser.cc Window)" "$(part KEYS 'Of a window' | tags)"

# ---- What can be said ----

accesses=$(awk '/kAccesses\[\] = \{/ { on = 1 } on; /^\};/ { on = 0 }' src/cli/policy_rule_parser.cc |
  grep -oE '\{"[a-z-]+"' | tr -d '{"')
same "values of access" "$accesses" \
  "$(part KEYS 'Of a rule' | awk '/^\.It Sy access$/ { on = 1; next } /^\.It/ { on = 0 } on && /^\.Li|^or$|^With$/' |
    sed '/^With$/,$d' | grep '^\.Li' | tr ' ,' '\n\n' | grep -E '^[a-z-]+$')"
effects=$(awk '/^enum class Effect/ { on = 1; next } on && /^};/ { on = 0 } on' src/core/rule.h |
  sed -nE 's/^  k([A-Za-z]+).*/\1/p' | sed -E 's/([A-Z])/-\L\1/g; s/^-//')
same "effects" "$effects" "$(section $POLICY EFFECTS | awk '/^\.Ss/ { exit } 1' | tags)"
# The terms of which the last rule decides, each alone.
complain "how many terms there are" \
  "$([ "$(awk '/^enum class Term/' src/core/rule.h | grep -oE 'k[A-Z][a-z]+' | grep -vcx kCount)" = 6 ] || echo "not six, as the manual says")"
complain "sluice.1: operations of policy explain" "$(comm -3 \
  <(grep -oE '\{"[a-z]+", Operation::' src/cli/policy_explain.cc | grep -oE '"[a-z]+"' | tr -d '"' | sort) \
  <("$SLUICE_BIN/sluice" policy explain --help | sed -nE 's/.*--op OP .* get: //p' | tr -d ' ' | tr ',' '\n' | sort))"
for operation in $(grep -oE '\{"[a-z]+", Operation::' src/cli/policy_explain.cc | grep -oE '"[a-z]+"' | tr -d '"'); do
  complain "sluice.1: --op" "$(section $MANUAL DESCRIPTION | awk '/^\.It Fl -op/ { on = 1; next } /^\.It/ { on = 0 } on' |
    grep -qE "^\.Cm (.* )?$operation( |$)" || echo "$operation")"
done

# ---- The ready policies ----

# "policy<tab>what it says: reason<tab>pattern", of the files and of the manual.
rules_of() { # policy
  awk -v policy="$1" '
    function flush(  i) { for (i = 1; i <= n; ++i) print policy "\t" says ": " reason "\t" paths[i]; n = 0; says = reason = "" }
    /^\[\[rule\]\]/ { flush() }
    /^paths? = / { on = 1 }
    on { rest = $0; while (match(rest, /"[^"]*"/)) { paths[++n] = substr(rest, RSTART + 1, RLENGTH - 2); rest = substr(rest, RSTART + RLENGTH) } }
    on && (/\]$/ || /^path = /) { on = 0 }
    /^access = / { says = $3; gsub(/"/, "", says) }
    /^execute = false/ { says = "no execute" }
    /^reason = / { reason = substr($0, 11); sub(/"$/, "", reason) }
    END { flush() }' "policies/$1.toml"
}
manual_rules() {
  section $POLICY 'READY POLICIES' | awk '
    /^\.Ss / { policy = $2 }
    /^\.It / { what = substr($0, 5) }
    /^\.Li / {
      rest = substr($0, 5)
      while (match(rest, /^("[^"]*"|[^ ]+) ?/)) {
        word = substr(rest, 1, RLENGTH)
        rest = substr(rest, RLENGTH + 1)
        sub(/ $/, "", word)
        gsub(/"/, "", word)
        if (word != ",") print policy "\t" what "\t" word
      }
    }'
}
ready=$(find policies -name '*.toml' -printf '%f\n' | sed 's/\.toml$//' | sort)
same "ready policies" "$ready" "$(section $POLICY 'READY POLICIES' | sed -nE 's/^\.Ss (.*)$/\1/p')"
same "ready policies that are installed" "$ready" "$("$SLUICE_BIN/sluice" policy list | awk '{ print $1 }')"
same "README.md: ready policies" "$ready" "$(sed -nE '/one that is ready:/s/.*ready: //p' README.md | grep -oE '[a-z-]+')"
same "rules of the ready policies" "$(for policy in $ready; do rules_of "$policy"; done)" "$(manual_rules)"
for policy in $ready; do
  first=$(head -1 "policies/$policy.toml")
  complain "its first line is in the manual: $policy" \
    "$(section $POLICY 'READY POLICIES' | grep -A1 -x "\.Ss $policy" | grep -qxF "${first#\# }." || echo "$first")"
  # Each rule is said with its reason, so that nobody has to guess.
  complain "each rule has a reason: $policy" \
    "$([ "$(grep -c '^\[\[rule\]\]' "policies/$policy.toml")" = "$(grep -c '^reason = ' "policies/$policy.toml")" ] || echo "$policy")"
  # And the parser counts as many rules in it as this test.
  own=$(rules_of "$policy" | wc -l)
  for included in $(sed -nE 's/^include = \[(.*)\]/\1/p' "policies/$policy.toml" | tr -d '",'); do
    own=$((own + $(rules_of "$included" | wc -l)))
  done
  complain "all rules were read: $policy" \
    "$("$SLUICE_BIN/sluice" policy check $policy | grep -q ": $own rules" || "$SLUICE_BIN/sluice" policy check $policy)"
done

# ---- Examples ----

W=$(mktemp -d) || exit 1
trap 'rm -rf "$W"' EXIT
awk -v to="$W/" '/^\.Bd / { file = to (++n) ".toml"; next } /^\.Ed/ { file = ""; next } file { print > file }' $POLICY
awk -v to="$W/readme" '/^```toml/ { file = to (++n) ".toml"; next } /^```/ { file = ""; next } file { print > file }' README.md
rm -f $(grep -lE '^sluice ' "$W"/*.toml)
[ "$(ls "$W" | wc -l)" -ge 6 ] || complain "the examples were found" "$(ls "$W")"
for example in "$W"/*.toml; do
  complain "an example is a policy" "$("$SLUICE_BIN/sluice" policy check "$example" 2>&1 > /dev/null | sed "s,$W/,,")"
done

finish "the manual of policies is the code's"
