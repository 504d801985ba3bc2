#!/usr/bin/env bash
# libsluice needs libc alone, shows its C interface and nothing else, and its headers are C99 and C++17.
#   library.sh SHARED STATIC INCLUDE_DIRECTORY CXX CC
set -u -o pipefail
export LC_ALL=C
SHARED=${1:?} STATIC=${2:?} INCLUDE=${3:?} CXX=${4:?} CC=${5:?}
FAILED=0
complain() { # what lines
  [ -z "$2" ] && return
  FAILED=$((FAILED + 1))
  printf 'FAILED: %s\n%s\n' "$1" "$(sed 's/^/    /' <<< "$2")"
}
declared=$(grep -oE '\bsluice_[a-z_]+\(' "$INCLUDE/sluice/sluice.h" | tr -d '(' | sort -u | grep -v '^sluice_session$')
shown=$(nm -D --defined-only "$SHARED" | awk '$2 != "A" { print $3 }' | sort -u)
complain "it shows what its header declares, each of version LIBSLUICE_0" \
  "$(diff <(grep -F -f <(nm -D --defined-only "$SHARED" | grep -oE 'sluice_[a-z_]+@@LIBSLUICE_0' | sed 's/@@.*//') <<< "$declared" | sort -u) \
    <(sed 's/@@LIBSLUICE_0$//' <<< "$shown"))"
[ "$(wc -l <<< "$shown")" -ge 9 ] || complain "how much it shows" "$shown"
complain "it asks nothing of C++" "$(nm -D -u "$SHARED" | grep -E ' (_Z|__cxa_[^f]|__gxx|absl)')"
complain "it needs libc, and the loader" "$(readelf -d "$SHARED" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p' | grep -vE '^(libc\.so\.6|ld-linux-[a-z0-9-]+\.so\.[0-9])$')"
complain "its name" "$(readelf -d "$SHARED" | grep SONAME | grep -v '\[libsluice\.so\.0\]')"
complain "the static one asks nothing of C++" \
  "$(comm -23 <(nm -u "$STATIC" 2> /dev/null | awk '$1 == "U" { print $2 }' | sort -u) \
    <(nm --defined-only "$STATIC" 2> /dev/null | awk 'NF == 3 { print $3 }' | sort -u) | grep -E '^(_Z|__cxa|__gxx)')"

W=$(mktemp -d) || exit 1
trap 'rm -rf "$W"' EXIT
cat > "$W/c.c" << 'END'
#include <sluice/sluice.h>
int main(void) { return sluice_version()[0] == 0 || sluice_reason_name(0)[0] == 0; }
END
cat > "$W/cpp.cc" << 'END'
#include <sluice/sluice.hpp>
#include <utility>
int main() {
  sluice::Session session(-1);
  if (session || session.error() == 0) return 1;
  sluice::Session other = std::move(session);
  sluice::Backing backing;
  int connection = -1, mount = -1;
  if (sluice::Session::connect(&connection, &mount, "/nowhere") || backing.valid()) return 1;
  return backing ? 1 : 0;
}
END
complain "C99" "$("$CC" -std=c99 -Wall -Wextra -Wpedantic -Werror -I"$INCLUDE" "$W/c.c" "$STATIC" -o "$W/c" 2>&1 && "$W/c" || echo "exit $?")"
complain "C++17" "$("$CXX" -std=c++17 -Wall -Wextra -Wpedantic -Werror -I"$INCLUDE" "$W/cpp.cc" "$STATIC" -o "$W/cpp" 2>&1 && "$W/cpp" || echo "exit $?")"
[ $FAILED = 0 ] && echo "libsluice is C, of libc alone"
exit $FAILED
