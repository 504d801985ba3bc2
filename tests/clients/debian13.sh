#!/usr/bin/env bash
# A server that calls libfuse 3.17's fuse_passthrough_open(), compiled and run in a Debian 13, under `sluice exec`.
#   debian13.sh BUILD_DIRECTORY SERVER_SOURCE      with SLUICE_BIN=
#   debian13.sh BUILD_DIRECTORY --root-only        makes the root directory, if it is not there yet
# SLUICE_CACHE: where the root directory is kept between runs, otherwise the build directory. SLUICE_MIRROR: where
# packages come from; otherwise from where this host's apt has Debian.
if [ -z "${SLUICE_CLI_INSIDE:-}" ]; then
  CACHE=${SLUICE_CACHE:-$(realpath "${1:?the build directory}")}
  export ROOT=$CACHE/debian13-clients
  PACKAGES=gcc,libc6-dev,libfuse3-dev,pkg-config
  if ! command -v mmdebstrap > /dev/null; then
    printf '\n*** SKIPPED: debian13.sh: needs mmdebstrap\n'
    [ "${SLUICE_REQUIRE_ALL:-0}" = 1 ] && exit 1
    exit 77
  fi
  mkdir -p "$CACHE"
  "$(dirname "$0")/../systemd/container.sh" root "$ROOT" trixie "$PACKAGES" || exit 1
  [ "$2" != --root-only ] || exit 0
  cp "${2:?the source of the server}" "$ROOT/tmp/server.c"
  timeout 120 chroot "$ROOT" sh -c 'cc -O1 -Wall -Wextra -Werror /tmp/server.c -o /usr/bin/server $(pkg-config --cflags --libs "fuse3 >= 3.17")' ||
    exit 1
fi
. "$(dirname "$0")/../integration/cli/common.sh"

case_passthrough_open() {
  mkdir "$W/tree" "$W/point" /run/debian13
  # At a place that every user reaches, wherever the cache lies.
  mount --bind "$ROOT" /run/debian13
  mount --bind "$W/tree" /run/debian13/mnt
  mknod /run/fuse c 10 229 && chmod 666 /run/fuse && mount --bind /run/fuse /dev/fuse
  head -c 3000000 /dev/urandom > "$W/tree/file"
  chown -R $USER_A:$USER_A "$W/tree" "$W/point"
  start_service
  : > "$W/said"
  "${A[@]}" sluice exec --unshare --mount "$W/point" -- chroot /run/debian13 /usr/bin/server /mnt {} >> "$W/said" 2>&1 &
  SERVER=$!
  STARTED+=($SERVER)
  expect_soon "it serves" 10 grep -q libfuse "$W/said"
  in_server() {
    timed setpriv --reuid=$USER_A --regid=$USER_A --clear-groups -- nsenter -t "$SERVER" -U -m --preserve-credentials -- "$@"
  }
  expect_eq "what is read" "$(sha256sum < "$W/tree/file")" "$(in_server sha256sum "$W/point/file" | sed "s,$W/point/file,-,")"
  in_server bash -c "exec 3< '$W/point/file'; printf changed | dd of='$W/point/file' bs=1 seek=100 conv=notrunc status=none"
  expect_eq "what is written while it is open for reading" changed "$(dd if="$W/tree/file" bs=1 skip=100 count=7 status=none)"
  expect_eq "it was asked for no data, and got its ids" "libfuse 3.17 or later" "$(cat "$W/said")"
  kill -TERM $SERVER
  wait $SERVER 2> /dev/null
}
run_cases
