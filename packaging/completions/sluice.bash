# Completion of sluice(1) for bash. What there is to complete is asked of the command's own help, so that
# it cannot be out of step.

_sluice_words() { # what the help of the command lists: commands, or options
  local kind=$1
  shift
  sluice "$@" --help 2> /dev/null | awk -v kind="$kind" '
    /^[A-Za-z]/ { part = tolower($0); next }
    kind == "commands" && part ~ /^subcommands:/ && NF { print $1 }
    kind == "options" && /^ +-/ {
      gsub(/,/, " ")
      for (i = 1; i <= NF && $i ~ /^-/; ++i) print $i
    }'
}
_sluice_policies() { sluice policy list 2> /dev/null | awk 'NF { print $1 }'; }
_sluice_views() { sluice ls 2> /dev/null | awk 'NR > 1 && $2 != "foreign" { print $1 }'; }
_sluice_connections() { sluice ls 2> /dev/null | awk '$2 == "foreign" { print $1 }'; }

_sluice() {
  local cur prev words cword
  if declare -F _init_completion > /dev/null; then
    _init_completion || return
  else
    cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
  fi
  # The command, and a command of a command.
  local -a command=()
  local i known
  for ((i = 1; i < cword; ++i)); do
    known=" $(_sluice_words commands "${command[@]}" | tr '\n' ' ') "
    [[ ${words[i]} != -* && $known == *" ${words[i]} "* ]] || break
    command+=("${words[i]}")
  done
  # Behind --, it is somebody else's command.
  for ((; i < cword; ++i)); do
    if [[ ${words[i]} == -- ]]; then
      declare -F _command_offset > /dev/null && _command_offset $((i + 1))
      return
    fi
  done
  case $prev in
    --policy) COMPREPLY=($(compgen -W "$(_sluice_policies)" -- "$cur") $(compgen -f -- "$cur")); return ;;
    --identity) COMPREPLY=($(compgen -u -W preserve -- "$cur")); return ;;
    --op) COMPREPLY=($(compgen -W 'look list read write change make remove' -- "$cur")); return ;;
    --view | --socket) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --only | --mount) COMPREPLY=($(compgen -d -- "$cur")); return ;;
    --hide | --graft | --coherence | --name | --allow-missing) return ;;
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$(_sluice_words options "${command[@]}")" -- "$cur"))
    return
  fi
  local commands
  commands=$(_sluice_words commands "${command[@]}")
  if [ -n "$commands" ]; then
    COMPREPLY=($(compgen -W "$commands" -- "$cur"))
    return
  fi
  case ${command[0]} in
    status) COMPREPLY=($(compgen -W "$(_sluice_views) $(_sluice_connections)" -- "$cur")) ;;
    reload) COMPREPLY=($(compgen -W "$(_sluice_views)" -- "$cur")) ;;
    umount) COMPREPLY=($(compgen -W "$(_sluice_connections)" -- "$cur") $(compgen -d -- "$cur")) ;;
    policy) COMPREPLY=($(compgen -W "$(_sluice_policies)" -- "$cur") $(compgen -f -- "$cur")) ;;
    *) COMPREPLY=($(compgen -d -- "$cur")) ;;
  esac
}
complete -o filenames -F _sluice sluice
