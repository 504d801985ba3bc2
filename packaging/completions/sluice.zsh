#compdef sluice
# Completion of sluice(1) for zsh. What there is to complete is asked of the command's own help, so that
# it cannot be out of step.

_sluice_words() { # what the help of the command lists, with what it says of each: commands, or options
  local kind=$1
  shift
  sluice "$@" --help 2> /dev/null | awk -v kind="$kind" '
    function rest(from,   i, text) {
      for (i = from; i <= NF; ++i) text = text (text == "" ? "" : " ") $i
      gsub(/:/, "\\:", text)
      return text
    }
    /^[A-Za-z]/ { part = tolower($0); next }
    kind == "commands" && part ~ /^subcommands:/ && NF { print $1 ":" rest(2) }
    kind == "options" && /^ +-/ {
      gsub(/,/, " ")
      for (n = 1; n <= NF && $n ~ /^-/; ++n);
      first = $n ~ /^[A-Z]+$/ ? n + 1 : n
      for (i = 1; i < n; ++i) print $i ":" rest(first)
    }'
}

_sluice() {
  local -a command list
  local i
  for ((i = 2; i < CURRENT; ++i)); do
    list=(${(f)"$(_sluice_words commands $command)"})
    [[ $words[i] != -* && -n ${(M)list:#${words[i]}:*} ]] || break
    command+=($words[i])
  done
  # Behind --, it is somebody else's command.
  if (( ${words[(I)--]} && ${words[(I)--]} < CURRENT )); then
    shift ${words[(I)--]} words
    (( CURRENT -= ${#command} + 2 ))
    _normal
    return
  fi
  case $words[CURRENT-1] in
    --policy) _alternative 'policies:ready policy:($(sluice policy list 2> /dev/null | awk "NF { print \$1 }"))' 'files:file:_files'; return ;;
    --identity) _alternative 'users:user:_users' 'modes:mode:(preserve)'; return ;;
    --op) compadd look list read write change make remove; return ;;
    --view | --socket) _files; return ;;
    --only | --mount) _files -/; return ;;
    --hide | --graft | --coherence | --name | --allow-missing) return ;;
  esac
  if [[ $PREFIX == -* ]]; then
    list=(${(f)"$(_sluice_words options $command)"})
    _describe -o option list
    return
  fi
  list=(${(f)"$(_sluice_words commands $command)"})
  if (( $#list )); then
    _describe command list
    return
  fi
  case $command[1] in
    status) compadd -- ${(f)"$(sluice ls 2> /dev/null | awk 'NR > 1 { print $1 }')"} ;;
    reload) compadd -- ${(f)"$(sluice ls 2> /dev/null | awk 'NR > 1 && $2 != "foreign" { print $1 }')"} ;;
    umount)
      compadd -- ${(f)"$(sluice ls 2> /dev/null | awk '$2 == "foreign" { print $1 }')"}
      _files -/
      ;;
    policy) _alternative 'policies:ready policy:($(sluice policy list 2> /dev/null | awk "NF { print \$1 }"))' 'files:file:_files' ;;
    *) _files -/ ;;
  esac
}

_sluice "$@"
