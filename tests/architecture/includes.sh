#!/usr/bin/env bash
# The architecture, as far as the text and the programs show it. The folder of a file says who may be
# lying there, so folders may only know of those that they may trust.
#
#   includes.sh SOURCE_DIRECTORY      with BROKER=the program of a view's broker, CORE= and WIRE=their libraries, and
#                                     SANITIZER= as the build was configured
set -u -o pipefail
export LC_ALL=C
cd "${1:?the source directory}" || exit 1

FAILED=0
complain() { # what lines
  [ -z "$2" ] && return
  FAILED=$((FAILED + 1))
  printf 'FAILED: %s\n%s\n' "$1" "$(sed 's/^/    /' <<< "$2")"
}
sources() { find "$@" -type f \( -name '*.cc' -o -name '*.h' \) | sort; }
code_of() { grep -hv '^[[:space:]]*//' "$@" | grep -v '^[[:space:]]*$'; }

# ---- core and wire know the language, and nothing of the machine or the time ----

PURE='algorithm|array|atomic|bit|cerrno|climits|compare|concepts|cstddef|cstdint|cstdlib|cstring|functional|initializer_list|iterator|limits|map|memory|new|numeric|optional|set|span|string|string_view|tuple|type_traits|utility|variant|vector'
complain "core and wire include nothing but pure headers of the language" \
  "$(sources src/core src/wire | xargs grep -nE '^#include <' | grep -vE "#include <($PURE)>")"

# What their objects ask of libc. Mangled names are the language's or our own; __ is the compiler's.
C_FUNCTIONS='abort|bcmp|calloc|free|malloc|memchr|memcmp|memcpy|memmove|memset|strlen|strnlen|_GLOBAL_OFFSET_TABLE_'
for library in "${CORE:-}" "${WIRE:-}"; do
  if [ -z "$library" ] || [ -n "${SANITIZER:-}" ]; then
    echo "not looked at: the symbols of ${library:-a library} (sanitizer: ${SANITIZER:-none})"
    continue
  fi
  complain "$(basename "$library") calls nothing but memory and string functions" \
    "$(nm -u "$library" 2> /dev/null | awk '$1 == "U" { print $2 }' | sort -u | grep -vE "^(_Z|__|($C_FUNCTIONS)\$)")"
done

# ---- Includes point one way ----

# folder: what it may include, beside itself. "generated" are the compiled policies.
declare -A MAY=(
  [core]='' [wire]='core' [os]='core wire' [sandbox]='core wire os'
  [service]='core wire os sandbox generated' [keeper]='core wire os sandbox generated' [broker]='core wire os sandbox generated'
  [worker]='core wire os sandbox generated' [client]='core wire os sandbox'
  [proxy]='core wire os sandbox generated client' [cli]='core wire os sandbox client'
)
for folder in src/*/ sandbox/; do
  name=$(basename "$folder")
  if [ -z "${MAY[$name]+set}" ]; then
    complain "every folder of src has its place in the order" "src/$name"
    continue
  fi
  complain "$name includes only: itself ${MAY[$name]}" \
    "$(sources "$folder" | xargs grep -nE '^#[[:space:]]*include "' |
      grep -vE "include \"($name${MAY[$name]:+|${MAY[$name]// /|}})/")"
done
# By its place in the folder, "x.h" would escape the rule above.
complain "includes name their folder" \
  "$(sources src sandbox | xargs grep -nE '^#[[:space:]]*include "([^/"]*|\.\.?/.*)"')"

# ---- Only os (and confine) calls the system ----

# What the others call all the same, each with its reason. file: call
read -r -d '' ALLOWED << 'EOF'
# the end of a process, at once: no destructor may run in a process that is half confined
src/broker/main.cc: _exit
src/broker/foreign_main.cc: _exit
src/broker/start.h: _exit
src/worker/main.cc: _exit
src/service/main.cc: _exit
src/keeper/main.cc: _exit
# a descriptor of the table of sandbox/fds.h, which no os::Fd owns
src/broker/main.cc: close
src/broker/foreign_main.cc: close
src/worker/main.cc: close
# one arena: malloc then calls nothing but what the policies know
src/broker/main.cc: mallopt
src/broker/foreign_main.cc: mallopt
src/keeper/main.cc: mallopt
src/worker/main.cc: mallopt
# who it has become, which the broker compares with a file's owner
src/broker/main.cc: geteuid
# clocks: how old something is
src/broker/events.cc: time
# and when a rule holds
src/broker/view.h: time
src/worker/open_files.cc: clock_gettime
src/worker/worker.cc: clock_gettime
src/worker/view_rules.cc: time
src/service/clock.h: clock_gettime
src/service/setup.cc: time
src/service/foreign.cc: time
src/service/main.cc: time
# replies in pieces, as libfuse hands them over
src/worker/session.cc: write
# log lines, and where the log goes
src/service/log.cc: write
src/service/log.cc: getenv
# what a service manager says, and whether it means this process
src/service/activation.cc: getenv
src/service/activation.cc: getpid
src/service/main.cc: getpid
src/service/notifier.cc: getenv
src/service/notifier.cc: getpid
# whether a peer's descriptor is O_PATH, before anything else is done with it
src/service/setup.cc: fcntl
# the programs beside its own, and /dev/null for their standard descriptors
src/service/processes.cc: open
src/service/worker_process.cc: open
src/service/broker_process.cc: open
src/service/foreign_broker.cc: open
src/service/keeper.cc: open
src/service/processes.cc: readlink
EOF
# Calls of the global namespace (::name() and std's of the environment, in code and not in comments.
calls() {
  local file
  for file in $(sources src/core src/wire src/broker src/worker src/keeper src/service); do
    sed 's://.*::' "$file" | grep -oE '(^|[^A-Za-z0-9_>:])::[a-z_][a-z0-9_]*\(|std::getenv\(|\bsyscall\(' |
      sed -E "s|.*::([a-z_0-9]*)\(|\1|; s|^.?syscall\(|syscall|; s|^|$file: |"
  done | sort -u
}
allowed=$(grep -v '^#' <<< "$ALLOWED" | sort -u)
complain "system calls are made in src/os" "$(comm -13 <(echo "$allowed") <(calls))"
complain "what is allowed is still needed" "$(comm -23 <(echo "$allowed") <(calls))"

# ---- The programs with the capability ----

LIBRARIES='libc\.so\.6|libm\.so\.6|libgcc_s\.so\.1|libcap-ng\.so\.0|libseccomp\.so\.2|ld-linux-x86-64\.so\.2|ld-linux-aarch64\.so\.1'
for broker in ${BROKER:+"$BROKER" "${BROKER%sluice-broker}sluice-foreign-broker"}; do
  if [ -n "${SANITIZER:-}" ]; then
    echo "not looked at: the libraries of $(basename "$broker") (sanitizer: $SANITIZER)"
    continue
  fi
  needed=$(readelf -d "$broker" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p') || complain "readelf" "$broker"
  [ -n "$needed" ] || complain "a broker has needed libraries" "$broker"
  complain "a broker needs no other library" "$(grep -vE "^($LIBRARIES)\$" <<< "$needed")"
  complain "nor a path to find libraries by" "$(readelf -d "$broker" | grep -E 'RPATH|RUNPATH')"
  echo "the libraries of $(basename "$broker"): $(echo $needed)"
done

# ---- Sizes ----

# What a broker is made of: its main file, each header that its files include, and the source beside each.
files_of() { # main file
  local files=$1 next
  while :; do
    next=$(for file in $files; do
      grep -hoE '^#include "(core|wire|os|sandbox|broker)/[^"]*"' "$file" | sed -E 's|#include "(.*)"|\1|'
    done | sort -u | while read -r header; do
      [[ $header == sandbox/* ]] && path=$header || path=src/$header
      echo "$path"
      [ -f "${path%.h}.cc" ] && echo "${path%.h}.cc"
    done)
    next=$(sort -u <<< "$files"$'\n'"$next")
    [ "$next" = "$files" ] && break
    files=$next
  done
  echo "$files"
}
MOST_TRUSTED_LINES=2500
ALL_FILES=
for main in src/broker/main.cc src/broker/foreign_main.cc; do
  files=$(files_of $main)
  ALL_FILES+=$'\n'$files
  echo "$main:"
  for folder in src/broker src/core src/wire src/os sandbox; do
    printf '%6d lines of code in %s\n' "$(code_of $(grep "^$folder/" <<< "$files") | wc -l)" $folder
  done
  trusted=$(code_of $files | wc -l)
  printf '%6d together, of at most %d\n' "$trusted" $MOST_TRUSTED_LINES
  [ "$trusted" -lt $MOST_TRUSTED_LINES ] ||
    complain "what a broker is made of stays readable" "$main: $trusted lines, not fewer than $MOST_TRUSTED_LINES"
done
complain "every file of src/broker is one of a broker" "$(comm -23 <(sources src/broker) <(sort -u <<< "$ALL_FILES"))"
complain "no file of src is longer than 400 lines" \
  "$(sources src | xargs wc -l | awk '$2 != "total" && $1 > 400 { print $2 ": " $1 }')"

# ---- The tree is nobody's machine ----

everything() { find . \( -name .git -o -name build -o -name 'cmake-build*' \) -prune -o -type f -print0; }
complain "no place of a machine on which this was written is named" \
  "$(everything | xargs -0 grep -InE '(^|[^A-Za-z0-9_.})$-])/(work|root)/[A-Za-z0-9.]')"
complain "no registry or mirror is named" \
  "$(everything | xargs -0 grep -InEi '(docker|ghcr|quay|gcr|crates)[.]io|[.]pkg[.]dev|registry[.]|artifactor[y]|(deb|archive|pypi|npmjs)[.](debian|ubuntu|org|com)')"

if [ $FAILED != 0 ]; then
  echo "$FAILED rules are broken"
  exit 1
fi
echo "the architecture holds"
