#!/usr/bin/env bash
# What the packages of libsluice install is found by pkg-config and by CMake, and is enough to build the example with.
#   install.sh BUILD_DIRECTORY SOURCE_DIRECTORY
set -u -o pipefail
export LC_ALL=C
BUILD=${1:?} SOURCE=${2:?}
W=$(mktemp -d) || exit 1
trap 'rm -rf "$W"' EXIT
FAILED=0
complain() { # what lines
  FAILED=$((FAILED + 1))
  printf 'FAILED: %s\n%s\n' "$1" "$(sed 's/^/    /' <<< "$2")"
}
run() { # what command...
  local what=$1 out
  shift
  out=$("$@" 2>&1) || complain "$what" "$out"
}
for component in libsluice0 libsluice-dev; do
  run "install $component" env DESTDIR="$W" cmake --install "$BUILD" --component $component --prefix /usr
done
# What programs run with is in the one, what they are made with in the other.
run "install libsluice0" env DESTDIR="$W/0" cmake --install "$BUILD" --component libsluice0 --prefix /usr
extra=$(cd "$W/0" && find . ! -type d | grep -vE '/libsluice\.so\.0(\.[0-9.]+)?$|/usr/share/(doc/libsluice0/|lintian/overrides/libsluice0$)')
[ -z "$extra" ] || complain "libsluice0 holds the library and nothing else" "$extra"

PC=$(dirname "$(find "$W/usr" -name sluice.pc)")
export PKG_CONFIG_PATH=$PC
example=$W/usr/share/doc/libsluice-dev/examples/passthrough_server.c
run "pkg-config" sh -c "cc -D_GNU_SOURCE '$example' -o '$W/server' \$(pkg-config --cflags --libs sluice fuse3)"
needed=$(readelf -d "$W/server" | grep -c 'NEEDED.*libsluice.so.0')
[ "$needed" = 1 ] || complain "it needs libsluice.so.0" "$(readelf -d "$W/server" | grep NEEDED)"
[ "$(pkg-config --modversion sluice)" = "$(sed -nE 's/^project\(sluice VERSION ([0-9.]+) .*/\1/p' "$SOURCE/CMakeLists.txt")" ] ||
  complain "its version" "$(pkg-config --modversion sluice)"

mkdir "$W/project"
cat > "$W/project/CMakeLists.txt" << 'END'
cmake_minimum_required(VERSION 3.25)
project(user C CXX)
find_package(Sluice 0.1 REQUIRED)
foreach(kind sluice static)
  add_executable(of_${kind} main.cc)
  target_compile_features(of_${kind} PRIVATE cxx_std_17)
  target_link_libraries(of_${kind} PRIVATE Sluice::${kind})
endforeach()
END
cat > "$W/project/main.cc" << 'END'
#include <sluice/sluice.hpp>
int main() { return sluice::Session(-1) ? 1 : 0; }
END
run "find_package" cmake -S "$W/project" -B "$W/project/build" -DCMAKE_PREFIX_PATH="$W/usr"
run "find_package: build" cmake --build "$W/project/build"
run "the shared library" "$W/project/build/of_sluice"
run "the static library" "$W/project/build/of_static"
[ $FAILED = 0 ] && echo "libsluice is found and used"
exit $FAILED
