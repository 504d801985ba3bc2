#!/usr/bin/env bash
# systemd has nothing to say against the units, and little against what the service may do.
#   units.sh BUILD_DIRECTORY
. "$(dirname "$0")/common.sh"
# Of ten, in tenths. What is above it is argued for in the unit, directive by directive.
EXPOSURE=${SLUICE_EXPOSURE:?}

"$HERE/container.sh" root "$ROOT" || skip "no root directory of Debian 13 can be made"
make_packages
mkdir "$W/root" "$W/upper/work"
mkdir "$W/upper/files"
in_root() { # the package unpacked over the root; nothing runs in it but this
  unshare -m --propagation private bash -euc '
    mount -t overlay overlay -o lowerdir="$1",upperdir="$2/files",workdir="$2/work" "$3"
    mount -t proc proc "$3/proc"
    shift 2
    exec chroot "$@"' bash "$ROOT" "$W/upper" "$W/root" "$@"
}
dpkg-deb -x "$W/packages/sluice.deb" "$W/upper/files"
UNITS='sluice.socket sluice.service sluice-view@name.service'
for unit in $UNITS; do
  out=$(in_root systemd-analyze verify --man=no "/usr/lib/systemd/system/$unit" 2>&1)
  expect_eq "systemd-analyze verify $unit" "" "$out"
done
out=$(in_root env XDG_RUNTIME_DIR=/run HOME=/ systemd-analyze verify --man=no --user \
  /usr/lib/systemd/user/sluice-view@name.service 2>&1)
expect_eq "systemd-analyze verify, of a user" "" "$out"
out=$(in_root systemd-analyze security --offline=true --no-pager --threshold="$EXPOSURE" sluice.service 2>&1)
expect_eq "systemd-analyze security --threshold=$EXPOSURE" 0 $?
echo "$(tail -1 <<< "$out")"

finish
