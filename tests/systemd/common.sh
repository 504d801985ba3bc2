# Sourced first by every test here, with the build directory as first argument: a container with the
# package in it, its work directory $W, and what is said. DEBIAN: 12 or 13, if it was not set before.
# SLUICE_CACHE: where the root directory is kept between runs, otherwise the build directory.

set -u -o pipefail
export LC_ALL=C
HERE=$(cd "$(dirname "$0")" && pwd)
BUILD=$(realpath "${1:?the build directory}")

skip() {
  printf '\n*** SKIPPED: %s: %s\n*** Nothing of this file was tested.\n\n' "${0##*/}" "$1"
  if [ "${SLUICE_REQUIRE_ALL:-0}" = 1 ]; then
    echo "*** SLUICE_REQUIRE_ALL=1: that is a failure"
    exit 1
  fi
  exit 77
}
[ "$(id -u)" = 0 ] || skip "needs root"
[ -c /dev/fuse ] || skip "needs /dev/fuse"
for tool in mmdebstrap systemd-nspawn dpkg-deb cpack lintian jq pgrep; do
  command -v $tool > /dev/null || skip "needs $tool"
done
grep -q ' cgroup2 ' /proc/mounts || skip "needs a cgroup2"

CACHE=${SLUICE_CACHE:-$BUILD}
mkdir -p "$CACHE"
DEBIAN=${DEBIAN:-13}
ROOT=$CACHE/debian$DEBIAN
NAME=sluice-test-$$
export SLUICE_CONTAINERS=/run/sluice-containers
W=$(mktemp -d "${TMPDIR:-/var/tmp}/sluice-systemd-XXXXXX") || exit 1
chmod 755 "$W"
# Where temporary files lie on something that neither views nor overlays are made of.
case $(stat -f -c %T "$W") in
  overlayfs | fuse* | UNKNOWN*) mount -t tmpfs -o mode=755 tmpfs "$W" || exit 1 ;;
esac
mkdir "$W/srv" "$W/packages" "$W/upper"
UP=
clean_up() {
  [ -z "$UP" ] || "$HERE/container.sh" kill "$NAME"
  rm -rf "${SLUICE_CONTAINERS:?}/$NAME"
  umount -l "$W" 2> /dev/null
  rm -rf --one-file-system "$W"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

FAILED=0
fail() {
  FAILED=$((FAILED + 1))
  printf '  FAILED (line %s): %s\n' "${BASH_LINENO[1]}" "$1"
  shift
  [ $# = 0 ] || printf '    %s\n' "$@"
}
expect_eq() { # what expected got
  [ "$2" = "$3" ] || fail "$1" "expected: $2" "got:      $3"
}
expect_match() { # what extended-regexp text
  [[ $3 =~ $2 ]] || fail "$1" "expected: /$2/" "got:      $3"
}
expect_ok() { # what command...
  local what=$1 out status
  shift
  out=$("$@" 2>&1)
  status=$?
  [ $status = 0 ] || fail "$what" "expected: exit status 0" "got:      $status; $out" "command:  $*"
}
expect_fails() { # what command...
  local what=$1 out
  shift
  ! out=$("$@" 2>&1) || fail "$what" "expected: that it fails" "got:      success; $out" "command:  $*"
}
expect_soon() { # what seconds command...
  local what=$1 end=$((SECONDS + $2 + 1))
  shift 2
  until "$@" > /dev/null 2>&1; do
    if [ $SECONDS -ge $end ]; then
      fail "$what" "command:  $*"
      return 1
    fi
    sleep 0.1
  done
}
step() { printf '== %s (%d s)\n' "$1" $SECONDS; }
milliseconds() { echo $(($(date +%s%N) / 1000000)); }

# In the container, as root, with its own environment; nothing may hang.
c() { timeout -k 2 60 "$HERE/container.sh" in "$NAME" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/ "$@"; }
as() { # user command...
  local user=$1
  shift
  c setpriv --reuid="$user" --regid="$user" --init-groups -- "$@"
}
boot() { # systemd-nspawn's options
  UP=1
  "$HERE/container.sh" up "$NAME" "$ROOT" "$W/upper" --bind="$W/srv:/srv" --bind="$W/packages:/packages" \
    $([ ! -c /dev/autofs ] || echo --bind=/dev/autofs) "$@" ||
    { fail "the container boots"; exit 1; }
}
need_root() {
  local releases=([12]=bookworm [13]=trixie)
  "$HERE/container.sh" root "$ROOT" ${releases[DEBIAN]} || skip "no root directory of Debian $DEBIAN can be made"
}
is_view() { c grep -q " $1 .* - fuse.sluice " /proc/self/mountinfo; }
is_no_view() { ! is_view "$1"; }
active() { [ "$(c systemctl is-active "$1")" = "${2:-active}" ]; }
journal() { c journalctl --no-pager -o cat "$@"; }

# Somebody who works in a view all the time, as alice, and complains where anything goes wrong: in the directory that is
# the view's source.
start_user() { # view source
  rm -f "$W$2/complaint" "$W$2/busy"
  as alice sh -c 'cd "$1" && { (exec 3<> busy; while :; do
      echo x >&3 && [ "$(cat file)" = content ] && ls dir && mkdir made && rmdir made && echo x >> busy2 ||
        { echo failed > "$2/complaint"; exit; }
    done > /dev/null 2>&1 < /dev/null) & echo $! > "$2/user"; }' sh "$1" "$2"
}
grown() { local before; before=$(stat -c %s "$W$1/busy2"); sleep 0.3; [ "$(stat -c %s "$W$1/busy2")" -gt "$before" ]; }
expect_content() { # what source
  expect_soon "$1: who works in the view goes on" 10 grown "$2"
  [ ! -e "$W$2/complaint" ] || fail "$1: who works in the view saw an error"
}
stop_user() { # source
  c kill "$(cat "$W$1/user")"
  rm -rf "$W$1"/{complaint,busy,busy2,user,made}
}
processes_of_views() { c ps -eo pid,comm | awk '$2 ~ /^sluice-(broker|worker)$/ { print $1 }' | sort -n | tr '\n' ' '; }
# Soon, for a spare worker is called as any other until it has begun.
views_as_before() { [ "$(processes_of_views)" = "$1" ]; }

# The package, as it is built here, and the same again with a higher version.
make_packages() {
  local deb
  (cd "$BUILD" && rm -f sluice_*.deb && cpack -G DEB > "$W/cpack.log" 2>&1) || { cat "$W/cpack.log"; exit 1; }
  deb=$(echo "$BUILD"/sluice_*.deb)
  cp "$deb" "$W/packages/sluice.deb"
  dpkg-deb -R "$deb" "$W/unpacked"
  sed -i 's/^Version: .*/Version: 999-1/' "$W/unpacked/DEBIAN/control"
  dpkg-deb --root-owner-group -b "$W/unpacked" "$W/packages/newer.deb" > /dev/null
  rm -rf "$W/unpacked"
}
install_package() { c dpkg -i /packages/sluice.deb; }

finish() {
  if [ $FAILED != 0 ]; then
    echo "$FAILED expectations failed"
    exit 1
  fi
  echo "passed in $SECONDS s"
}
