#!/usr/bin/env bash
# Completion offers every option and command that the help prints, in bash and in zsh.
#   completion.sh SOURCE_DIRECTORY      with SLUICE_BIN= the directory of the built programs
. "$(dirname "$0")/common.sh"

for tool in bash zsh; do
  command -v $tool > /dev/null && continue
  printf '*** SKIPPED: completion.sh: needs %s\n' $tool
  [ "${SLUICE_REQUIRE_ALL:-0}" = 1 ] && exit 1
  exit 77
done
PATH=${SLUICE_BIN:?the directory of the built programs}:$PATH
cd packaging/completions || exit 1

commands_of() { sluice "$@" --help | awk 'tolower($0) ~ /^subcommands:/ { on = 1; next } on && NF { print $1 }'; }
options_of() { sluice "$@" --help | grep -E '^ +-' | awk '{ print $1 }' | tr ',' '\n'; }
in_bash() { # words... the last of them being typed
  bash --norc -c '. ./sluice.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sluice; printf "%s\n" "${COMPREPLY[@]}"' bash "$@"
}
# zsh completes on a terminal only; here its own means of showing matches are replaced by printing.
in_zsh() {
  zsh -f -c '
    compadd() { shift ${@[(i)--]}; print -rl -- "$@"; }
    _describe() { [[ $1 == -o ]] && shift; print -rl -- "${(@)${(@P)2}%%:*}"; }
    _files() { : }
    _alternative() { : }
    words=("$@") CURRENT=$# PREFIX=$@[-1]
    . ./sluice.zsh' zsh "$@"
}
for shell in bash zsh; do
  same "$shell: commands" "$(commands_of)" "$(in_$shell sluice '')"
  same "$shell: commands of policy" "$(commands_of policy)" "$(in_$shell sluice policy '')"
  for command in $(commands_of); do
    same "$shell: options of $command" "$(options_of "$command")" "$(in_$shell sluice "$command" -)"
  done
  for command in $(commands_of policy); do
    same "$shell: options of policy $command" "$(options_of policy "$command")" "$(in_$shell sluice policy "$command" -)"
  done
done
same "bash: what has begun" --identity "$(in_bash sluice mount --ide)"
same "bash: ready policies" "coding-agent" "$(in_bash sluice mount --policy coding)"

finish "completion knows what the help prints"
