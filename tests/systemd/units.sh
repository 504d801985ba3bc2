#!/usr/bin/env bash
# lintian has nothing to say against the package, and systemd nothing against its units. What it finds of
# the service, the unit gives a reason for, line by line, and SECURITY.md has the figure.
#   units.sh BUILD_DIRECTORY
. "$(dirname "$0")/common.sh"

need_root
make_packages
expect_eq "lintian" "" "$(lintian --display-info "$W/packages/sluice.deb" 2>&1 | grep -v 'root privileges')"
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

security() { in_root systemd-analyze security --offline=true --no-pager "$@" sluice.service 2>&1; }
found=$(security --json=short | jq -r '.[] | select(.set == false and .exposure != null) | .name')
[ "$(wc -l <<< "$found")" -gt 10 ] || fail "systemd-analyze security finds what it has to" "$found"
reasons=$(sed -n '/What is left off, and why/,$p' "$HERE/../../systemd/sluice.service.in")
while read -r name; do
  directive=${name%%=~*} value=${name#"$directive"}
  [[ $reasons == *"${directive%=}="* && $reasons == *"${value#=}"* ]] || fail "sluice.service gives a reason for $name"
done <<< "$found"
figure=$(security | sed -n 's/.*exposure level for sluice.service: \([0-9.]*\) .*/\1/p')
expect_eq "what SECURITY.md says that it finds" "$figure" \
  "$(sed -n 's/.*`systemd-analyze security` gives it \([0-9.]*\) .*/\1/p' "$HERE/../../SECURITY.md")"

finish
