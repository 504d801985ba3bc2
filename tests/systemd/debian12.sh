#!/usr/bin/env bash
# The package in a booted Debian 12: installed, used, upgraded and purged. What it does there otherwise is as
# in Debian 13: system.sh.
#   debian12.sh BUILD_DIRECTORY
DEBIAN=12
. "$(dirname "$0")/common.sh"

need_root
make_packages
ALICE=1001
mkdir -p "$W/srv/source/dir" "$W/srv/at/"{fstab,template}
echo content > "$W/srv/source/file"
echo secret > "$W/srv/source/.env"
chown -R $ALICE:$ALICE "$W/srv/source"

step "installed"
boot
expect_match "this is Debian 12" '^12' "$(c cat /etc/debian_version)"
c useradd -u $ALICE -m alice
expect_ok "the package installs" install_package
active sluice.socket || fail "its socket listens"
expect_eq "systemd has nothing to say against its units" "" \
  "$(c systemd-analyze verify --man=no sluice.socket sluice.service sluice-view@name.service 2>&1)"
c usermod -aG sluice alice
expect_eq "the first connection starts the service" content \
  "$(as alice sluice run --hide .env /srv/source -- cat /srv/source/file 2>&1)"

step "views"
c sh -c 'echo "/srv/source /srv/at/fstab sluice identity=alice,hide=.env 0 0" >> /etc/fstab; systemctl daemon-reload'
expect_ok "a line of fstab" c systemctl start srv-at-fstab.mount
expect_eq "serves" "dir file" "$(as alice ls -A /srv/at/fstab | tr '\n' ' ' | sed 's/ $//')"
c sh -c 'cat > /etc/sluice/views/shared.toml' << END
hide = [".env"]
[view]
source = "/srv/source"
target = "/srv/at/template"
identity = "alice"
END
expect_ok "a template's unit" c systemctl start sluice-view@shared.service
expect_eq "serves" "dir file" "$(as alice ls -A /srv/at/template | tr '\n' ' ' | sed 's/ $//')"

step "restarted"
start_user /srv/at/template /srv/source
expect_content "before" /srv/source
views=$(processes_of_views)
expect_ok "the service restarts" c systemctl restart sluice.service
expect_content "after a restart" /srv/source
c kill -KILL "$(c systemctl show -p MainPID --value sluice.service)"
expect_content "after it was killed" /srv/source
expect_soon "and is there again" 5 active sluice.service
expect_soon "the views are as they were" 5 views_as_before "$views"

step "upgraded and purged"
out=$(c dpkg -i /packages/newer.deb 2>&1) || fail "the upgrade" "$out"
expect_match "says what happens" 'views go on with the new service' "$out"
expect_content "after the upgrade" /srv/source
expect_soon "the views are still as they were" 5 views_as_before "$views"
stop_user /srv/source
expect_ok "it can be purged while views are mounted" c dpkg -P sluice
expect_eq "no view is left" 0 "$(c grep -c ' - fuse.sluice ' /proc/self/mountinfo)"
expect_eq "no process is left" "" "$(c ps -eo comm | grep '^sluice')"
expect_eq "no group is left" "" "$(c getent group sluice)"
expect_eq "no file is left" "" "$(c find /etc /usr /run -xdev -iname '*sluice*')"
took=$("$HERE/container.sh" down "$NAME") || fail "poweroff in time" "$took"
UP=

finish
