#!/usr/bin/env bash
# Every command and option that the programs print is in their manuals, and the other way round; what
# README names exists.
#   words.sh SOURCE_DIRECTORY      with SLUICE_BIN= the directory of the built programs
. "$(dirname "$0")/common.sh"

[ -x "${SLUICE_BIN:?the directory of the built programs}/sluice" ] || {
  echo "no $SLUICE_BIN/sluice"
  exit 1
}

# ---- What the programs print ----

# A command of a command, as "policy check", is one word here: policy-check.
sluice_help() { "$SLUICE_BIN/sluice" ${1:+${1//-/ }} --help; }
commands_of() { sluice_help "$@" | awk 'tolower($0) ~ /^subcommands:/ { on = 1; next } on && NF { print $1 }'; }
# Of CLI11's help: the options, each with the word for its value.
options_of() {
  awk '/^ +-/ {
    gsub(/,/, " ")
    n = 0
    for (i = 1; i <= NF && $i ~ /^-/; ++i) option[++n] = $i
    value = i <= NF && $i ~ /^[A-Z]+$/ ? " " $i : ""
    for (i = 1; i <= n; ++i) print option[i] value
  }'
}
operands_of() { grep '^Usage: ' | grep -oE '\b[A-Z]+\b' | grep -vxE 'OPTIONS|SUBCOMMAND'; }
top=$(commands_of)
commands=$(for command in $top; do
  of=$(commands_of "$command")
  if [ -n "$of" ]; then sed "s/^/$command-/" <<< "$of"; else echo "$command"; fi
done)
printed=$(
  sluice_help | options_of | sed 's/^/sluice /'
  for command in $commands; do
    sluice_help "$command" | options_of | sed "s/^/$command /"
  done
)
operands=$(for command in $commands; do sluice_help "$command" | operands_of | sed "s/^/$command /"; done)

# ---- What sluice.1 says ----

# SYNOPSIS: "command --option VALUE", or "command OPERAND".
synopsis_of() { # file
  section "$1" SYNOPSIS | awk '
    /^\.Nm/ { command = "" }
    /^\.Cm / { command = $2 ($3 ? "-" $3 : "") }
    /^\.(Op )?Fl / {
      sub(/^\.(Op )?Fl /, "")
      gsub(/[|]/, " ")
      if ($1 == "-") next  # the end of the options
      value = ""
      for (i = 1; i < NF; ++i) if ($i == "Ar") { value = " " $(i + 1); NF = i - 1 }
      for (i = 1; i <= NF; ++i) print (command == "" ? "sluice" : command), "-" $i value
      next
    }
    /^\.(Op )?Ar / {
      sub(/^\.(Op )?Ar /, "")
      for (i = 1; i <= NF; ++i) if ($i ~ /^[A-Z]+$/) print command, $i
    }'
}
# DESCRIPTION: the tagged options below each command.
described_of() { # file
  section "$1" DESCRIPTION | awk -v all="$(echo $commands)" '
    /^\.Ss / {
      who = substr($0, 5)
      sub(/:.*/, "", who)
      gsub(/ /, "-", who)
      if ($0 ~ /^\.Ss View options: of mount and run$/) who = "mount run"
      if ($0 == ".Ss For every command") who = "sluice " all
    }
    /^\.It Fl / {
      sub(/^\.It Fl /, "")
      gsub(/,/, " ")
      value = ""
      for (i = 1; i < NF; ++i) if ($i == "Ar") { value = " " $(i + 1); NF = i - 1 }
      count = split(who, whose, " ")
      for (w = 1; w <= count; ++w)
        for (i = 1; i <= NF; ++i)
          if ($i != "-version" || whose[w] == "sluice") print whose[w], "-" $i value
    }'
}
synopsis=$(synopsis_of $MANUAL)
# Written once for all commands.
help=$(for command in sluice $commands; do printf '%s -h\n%s --help\n' "$command" "$command"; done)
same "sluice.1, SYNOPSIS: commands and options" "$printed" \
  "$(grep ' -' <<< "$synopsis" | grep -v '^sluice --*h'; echo "$help")"
same "sluice.1, SYNOPSIS: operands" "$operands" "$(grep -v ' -' <<< "$synopsis")"
same "sluice.1, DESCRIPTION: options of each command" "$printed" "$(described_of $MANUAL)"
complain "sluice.1, SYNOPSIS: the options of every command" \
  "$(section $MANUAL SYNOPSIS | grep -qx '\.Fl h | -help' || echo "no .Fl h | -help")"
same "sluice.1, DESCRIPTION: a part for each command" "$commands" \
  "$(section $MANUAL DESCRIPTION | sed -nE 's/^\.Ss ([a-z]+( [a-z]+)?): .*/\1/p' | tr ' ' -)"
# Its heading is what the command says of itself.
for command in $commands; do
  complain "sluice.1 says of $command what its help says" \
    "$(grep -qxF ".Ss ${command//-/ }: $(sluice_help "$command" | head -1)" $MANUAL || sluice_help "$command" | head -1)"
done

# ---- sluiced ----

usage=$("$SLUICE_BIN/sluiced" --help)
# It has no line of its own for --help, which was just understood.
service_options=$(sed -nE 's/^  (--[a-z-]+( [A-Z]+)?)( .*)?$/\1/p' <<< "$usage"; echo --help)
same "sluiced --help: its first lines and its list" "$service_options" \
  "$(sed '/^  --/,$d' <<< "$usage" | grep -oE -- '--[a-z-]+( [A-Z]+)?'; echo --help)"
same "sluiced.8, SYNOPSIS: options" "$service_options" "$(synopsis_of $SERVICE | sed 's/^sluice //')"
same "sluiced.8, DESCRIPTION: options" "$service_options" \
  "$(section $SERVICE DESCRIPTION | sed -nE 's/^\.It Fl (-[a-z-]+)( Ar ([A-Z]+))?/-\1 \3/p' | sed 's/ $//')"

# ---- mount.sluice ----

# Of its options behind -o, with the word for the value.
same "mount.sluice.8: options" "$("$SLUICE_BIN/mount.sluice" --help | sed -nE 's/^  ([a-z]+(=[A-Z]+)?)  .*/\1/p')" \
  "$(section $HELPER OPTIONS | sed -nE 's/^\.It Cm ([a-z]+)( Ns = Ns Ar ([A-Z]+))?$/\1=\3/p' | sed 's/=$//')"
same "mount.sluice.8: letters" "$("$SLUICE_BIN/mount.sluice" --help | sed -n 2p | grep -oE -- '-[A-Za-z]+' | grep -v sluice |
  sed 's/^-//' | grep -o . | grep -vx o)" \
  "$(section $HELPER OPTIONS | sed -nE 's/^\.It Fl ([A-Za-z])( .*)?$/\1/p')"
ignored=$(awk '/kOfOthers\[\] = / { on = 1; next } on && /};/ { exit } on' src/cli/mount_words.cc | grep -oE '"[a-z_]+"' | tr -d '"')
same "mount.sluice.8: what is ignored" "$ignored" \
  "$(section $HELPER OPTIONS | awk '/^Ignored, since/ { on = 1; next } /^and whatever/ { exit } on' | sed 's/^\.Cm//' | tr ', ' '\n\n' | grep .)"

# ---- The environment ----

read_in() { grep -rhoE 'getenv\("[A-Z_]+"\)' "$@" | grep -oE '[A-Z_]{2,}'; }
named_in() { section "$1" ENVIRONMENT | sed -nE 's/^\.It Ev //p'; }
same "sluice.1, ENVIRONMENT" "$(read_in src/cli)" "$(named_in $MANUAL)"
same "sluiced.8, ENVIRONMENT" "$(read_in src/service)" "$(named_in $SERVICE)"

# ---- libsluice ----

# Its functions, with their parameters, as the header has them; and the variable that it reads.
declared=$(tr '\n' ' ' < include/sluice/sluice.h | grep -oE 'SLUICE_API [^;]*;' | grep -oE 'sluice_[a-z_]+\([^)]*\)' | sed 's/(void)/()/')
written=$(section $LIBRARY SYNOPSIS | sed -nE 's/^\.Fn ([a-z_]+) (.*)$/\1 \2/p' |
  sed -E 's/^([a-z_]+) void$/\1()/; s/^([a-z_]+) "(.*)"$/\1(\2)/; s/" "/, /g')
same "libsluice.3: functions" "$declared" "$written"
same "libsluice.3, ENVIRONMENT" "$(grep -rhoE 'secure_getenv\("[A-Z_]+"\)' src/os | grep -oE '[A-Z_]{2,}')" "$(named_in $LIBRARY)"

# ---- README and its like ----

TEXTS='README.md SECURITY.md CONTRIBUTING.md'
# The commands that README shows for use, in its block of code that begins with sluice mount.
same "README.md: commands" "$top" \
  "$(sed -nE '/^sluice [a-z]/s/^sluice //p' README.md | tr '|' '\n' | sed -nE 's/^ *([a-z]+)( .*)?$/\1/p')"
# Options of other programs: cmake's, cpack's, systemctl's, confinement_report's; policyc and the benchmarks print their own.
OTHERS='--workflow --preset --build --markdown --config --now'
known=$(
  awk '{ print $2 }' <<< "$printed"
  awk '{ print $1 }' <<< "$service_options"
  tr ' ' '\n' <<< "$OTHERS"
  for program in policyc view_bench start_bench; do "$SLUICE_BIN/$program" --help 2>&1 | grep -oE -- '--[a-z-]+'; done
)
complain "README, SECURITY, CONTRIBUTING: every option is a program's" \
  "$(comm -23 <(grep -ohE -- '(^|[^-[:alnum:]])--[a-z][a-z-]*' $TEXTS | grep -oE -- '--[a-z-]+' | sort -u) \
    <(sort -u <<< "$known"))"
for script in scripts/demo scripts/check; do
  complain "README.md names its two commands" "$(grep -q "^$script  " README.md || echo "$script")"
done
for script in $(grep -ohE '\bscripts/[a-z]+' $TEXTS | sort -u); do
  complain "the scripts that are named exist and can be run" \
    "$([ -f "$script" ] && [ -x "$script" ] && bash -n "$script" || echo "$script")"
done

finish "the words are the programs'"
