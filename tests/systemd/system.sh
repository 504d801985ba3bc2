#!/usr/bin/env bash
# The package in a booted Debian 13: installed, used in all the ways of a host, booted again, upgraded
# and purged.
#   system.sh BUILD_DIRECTORY
. "$(dirname "$0")/common.sh"

need_root
make_packages
ALICE=1001 BOB=1002
for user in $ALICE $BOB; do
  mkdir -p "$W/srv/$user/dir"
  echo content > "$W/srv/$user/file"
  echo secret > "$W/srv/$user/.env"
  chown -R $user:$user "$W/srv/$user"
done
mkdir -p "$W/srv/at/"{hand,fstab,wrong,missing,template,unit,auto,bad}

step "a first boot"
boot
files() { c find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /packages -o -path /srv -o -path /var/log \
  -o -path /var/lib/dpkg -o -path /var/tmp -o -path /var/cache -o -path /home \) -prune -o -print | sort; }
c useradd -u $ALICE -m alice
c useradd -u $BOB -m bob
files > "$W/before"
taken_over() { # what expected-regexp how to undo it
  local out
  out=$(install_package 2>&1) && fail "a group with the package's name, $1: refused" "got: success"
  expect_match "it says so" "sluice: there is a group \"sluice\" already, $2.*sluice: try: " "${out//$'\n'/ }"
  c "${@:3}"
}
c groupadd --system --users bob sluice
taken_over "with members" 'with members \(bob\)' groupdel sluice
c useradd -u 1500 -U sluice
taken_over "of a user" 'which is no system group \(gid 1500\)' groupmod -g 500 sluice
expect_fails "or his by number" c dpkg --configure sluice
c userdel sluice
c groupdel sluice
c groupadd --system sluice
expect_ok "the package installs" c dpkg --configure sluice
expect_ok "its socket is enabled" c systemctl is-enabled sluice.socket
active sluice.socket || fail "and listens"
active sluice.service inactive || fail "the service has not been started"
expect_eq "the socket: owner and mode" "root:sluice 660" "$(c stat -c '%U:%G %a' /run/sluice/sluice.sock)"
# Not of ours: a container loads no modules.
failed() { c systemctl list-units --failed --no-legend --plain | awk '$1 != "systemd-modules-load.service" { print $1 }' | sort | tr '\n' ' ' | sed 's/ $//'; }
expect_eq "nothing has failed" "" "$(failed)"

step "the first connection starts the service"
expect_fails "who is not in the group may not connect" as bob sluice run /srv/$BOB -- true
expect_match "and learns so" 'only root and the group sluice may' "$(as bob sluice run /srv/$BOB -- true 2>&1)"
c usermod -aG sluice alice
expect_eq "who is, has views" "content" "$(as alice sluice run --hide .env /srv/$ALICE -- cat /srv/$ALICE/file 2>&1)"
active sluice.service || fail "the service was started"
expect_eq "its type" notify "$(c systemctl show -p Type --value sluice.service)"
expect_eq "capabilities of the process that serves" 0000000000000020 \
  "$(c sh -c "awk '/^CapEff/ { print \$2 }' /proc/\$(systemctl show -p MainPID --value sluice.service)/status")"

field() { c journalctl --no-pager -o json -t sluiced SLUICE_EVENT=view-started | tail -1 | jq -r ".$1"; }
expect_eq "the journal has the view's source as a field" "/srv/$ALICE" "$(field SLUICE_SOURCE)"
expect_match "and who asked for it" "^$ALICE\$" "$(field SLUICE_OWNER)"

step "mount -t sluice, a unit, an automount, a template"
expect_ok "mount -t sluice" c mount -t sluice -o identity=alice,hide=.env /srv/$ALICE /srv/at/hand
is_view /srv/at/hand || fail "it is mounted"
expect_eq "and serves" content "$(as alice cat /srv/at/hand/file)"
expect_match "findmnt" '^/srv/1001 fuse.sluice' "$(c findmnt -rno SOURCE,FSTYPE /srv/at/hand)"
expect_ok "its user may unmount it" as alice umount /srv/at/hand
is_no_view /srv/at/hand || fail "it is gone"
c mkdir -p /etc/sluice/views
c sh -c "cat > /etc/sluice/views/shared.toml" << END
hide = [".env"]
[view]
source = "/srv/$ALICE"
target = "/srv/at/template"
identity = "alice"
END
expect_ok "sluice-view@shared starts" c systemctl start sluice-view@shared.service
expect_eq "and serves when it has started" "content" "$(as alice cat /srv/at/template/file)"
expect_fails "and hides" as alice cat /srv/at/template/.env
expect_ok "reload" c sh -c 'sed -i "s/\.env/file/" /etc/sluice/views/shared.toml && systemctl reload sluice-view@shared.service'
expect_fails "other rules hold" as alice cat /srv/at/template/file
c sh -c 'sed -i "s/\"file\"/\".env\"/" /etc/sluice/views/shared.toml && systemctl reload sluice-view@shared.service'
c sh -c "cat > /etc/sluice/views/bad.toml" << END
[view]
source = "/srv/$ALICE"
target = "/srv/at/bad"
identiti = "alice"
END
c sh -c "cat > /etc/sluice/views/lost.toml" << END
[view]
target = "/srv/at/bad"
source = "/srv/lost"
END
expect_fails "a view file with a mistake fails its unit" c systemctl start sluice-view@bad.service
expect_match "the journal names file and line" '/etc/sluice/views/bad.toml:4:1: .*identiti.*did you mean "identity"' \
  "$(journal -u sluice-view@bad.service | tr '\n' ' ')"
expect_fails "so does one whose source is missing" c systemctl start sluice-view@lost.service
expect_match "and the journal names it" '/etc/sluice/views/lost.toml:3:10: source "/srv/lost" does not exist' \
  "$(journal -u sluice-view@lost.service | tr '\n' ' ')"
expect_eq "the other view goes on" content "$(as alice cat /srv/at/template/file)"
c sh -c "cat > /etc/systemd/system/srv-at-unit.mount" << END
[Mount]
What=/srv/$ALICE
Where=/srv/at/unit
Type=sluice
Options=identity=alice,hide=.env,_netdev
[Install]
WantedBy=multi-user.target
END
c sh -c "cat > /etc/systemd/system/srv-at-auto.mount" << END
[Mount]
What=/srv/$ALICE
Where=/srv/at/auto
Type=sluice
Options=identity=preserve
[Install]
WantedBy=multi-user.target
END
c systemctl daemon-reload
expect_ok "a mount unit" c systemctl start srv-at-unit.mount
is_view /srv/at/unit || fail "it is mounted"
expect_fails "preserve is refused without a service that allows it" c systemctl start srv-at-auto.mount
expect_match "and the journal says so" 'mount.sluice: .*may not ask' "$(journal -u srv-at-auto.mount | tr '\n' ' ')"
c sed -i 's/preserve/alice/' /etc/systemd/system/srv-at-auto.mount
c systemctl stop srv-at-unit.mount
is_no_view /srv/at/unit || fail "stopping it unmounts"

step "a user's own unit"
expect_ok "alice's manager" c systemctl start "user@$ALICE.service"
u() { as alice env XDG_RUNTIME_DIR=/run/user/$ALICE DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/$ALICE/bus HOME=/home/alice "$@"; }
u mkdir -p /home/alice/.config/sluice/views
u sh -c "cat > /home/alice/.config/sluice/views/own.toml" << END
hide = [".env"]
[view]
source = "/srv/$ALICE"
command = ["sh", "-c", "ls -A /srv/$ALICE > /srv/$ALICE/dir/seen; exec sleep 600"]
END
expect_ok "systemctl --user start sluice-view@own" u systemctl --user start sluice-view@own.service
expect_soon "its command runs" 5 test -s "$W/srv/$ALICE/dir/seen"
expect_eq "in the view" "dir file" "$(tr '\n' ' ' < "$W/srv/$ALICE/dir/seen" 2> /dev/null | sed 's/ $//')"
expect_ok "and stops" u systemctl --user stop sluice-view@own.service

step "idle exit, watchdog, restart"
start_user /srv/at/template /srv/$ALICE
expect_content "before" /srv/$ALICE
views=$(processes_of_views) command=$(c systemctl show -p MainPID --value sluice-view@shared.service)
c mkdir -p /etc/systemd/system/sluice.service.d
c sh -c 'printf "[Service]\nWatchdogSec=2s\nExecStart=\nExecStart=/usr/libexec/sluice/sluiced --listen-fds --store-views --idle-exit 1\n" > /etc/systemd/system/sluice.service.d/test.conf; systemctl daemon-reload; systemctl restart sluice.service'
main_pid() { c systemctl show -p MainPID --value sluice.service; }
expect_content "after a restart of the service" /srv/$ALICE
expect_soon "a restart leaves brokers and workers as they are" 5 views_as_before "$views"
expect_eq "and the command that waits for the view" "$command" "$(c systemctl show -p MainPID --value sluice-view@shared.service)"
before=$(main_pid)
[ "$before" = 0 ] || c kill -STOP "$before"
other_pid() { [ "$(main_pid)" != "$before" ] && [ "$(main_pid)" != 0 ]; }
expect_soon "a service that hangs is replaced" 15 other_pid
expect_match "by the watchdog" watchdog "$(c journalctl --no-pager -o cat -u sluice.service | grep -i watchdog)"
expect_content "after the watchdog" /srv/$ALICE
before=$(main_pid)
c kill -KILL "$before"
expect_soon "a service that is killed is started again" 15 other_pid
expect_content "after the service was killed" /srv/$ALICE
expect_soon "the same brokers and workers" 5 views_as_before "$views"
c kill -KILL $(c ps -eo pid,comm | awk '$2 == "sluice-worker" { print $1 }')
expect_content "after its worker was killed too" /srv/$ALICE
stop_user /srv/$ALICE
before=$(c systemctl show -p MainPID --value sluice-view@shared.service)
c kill -KILL "$before"
made_again() { [ "$(c systemctl show -p MainPID --value sluice-view@shared.service)" != "$before" ] && active sluice-view@shared.service; }
expect_soon "a template's command that is killed is started again" 10 made_again
expect_eq "and the view serves" content "$(as alice cat /srv/at/template/file)"
c systemctl stop sluice-view@shared.service
is_no_view /srv/at/template || fail "stopping the template's unit unmounts"
expect_soon "without a view the service ends" 10 active sluice.service inactive
active sluice.socket || fail "and its socket listens"
expect_eq "it ended well" success "$(c systemctl show -p Result --value sluice.service)"
expect_eq "and the next connection starts it" content "$(as alice sluice run /srv/$ALICE -- cat /srv/$ALICE/file 2>&1)"
c sh -c 'rm -r /etc/systemd/system/sluice.service.d; systemctl daemon-reload; systemctl restart sluice.service'

step "poweroff while views are used, and a boot that makes them"
c systemctl enable -q sluice-view@shared.service sluice-view@bad.service srv-at-unit.mount srv-at-auto.mount 2> /dev/null
c sh -c "cat >> /etc/fstab" << END
# views
/srv/$ALICE /srv/at/fstab sluice identity=alice,hide=.env 0 0
/srv/$ALICE /srv/at/wrong sluice identity=alice,hid=.env,nofail 0 0
/srv/lost /srv/at/missing sluice identity=alice,nofail 0 0
END
expect_ok "mount -t sluice" c mount -t sluice -o identity=alice /srv/$ALICE /srv/at/hand
as alice sh -c 'cd /srv/at/hand; (while :; do echo x >> busy; ls -lR . ; cat file; done > /dev/null 2>&1 < /dev/null) &'
took=$("$HERE/container.sh" down "$NAME") || fail "poweroff in time" "$took"
[ "$took" -lt 15000 ] || fail "poweroff within 15 s" "took: $took ms"
echo "poweroff with a busy view: $took ms"
rm -f "$W/srv/$ALICE/busy"
boot
is_view /srv/at/fstab || fail "the line of fstab is mounted" "$(journal -u srv-at-fstab.mount)"
expect_eq "and serves" content "$(as alice cat /srv/at/fstab/file)"
is_view /srv/at/unit || fail "the mount unit is mounted" "$(journal -u srv-at-unit.mount)"
is_view /srv/at/auto || fail "the other one is, too"
expect_soon "the template's view is" 10 is_view /srv/at/template
is_no_view /srv/at/wrong || fail "the wrong line is not"
expect_match "the journal names file and line of what is wrong" \
  'mount.sluice: /etc/fstab:[0-9]+: no option "hid" .*did you mean "hide"' "$(journal -b -u srv-at-wrong.mount | tr '\n' ' ')"
line=$(c grep -n 'hid=.env' /etc/fstab | cut -d: -f1)
expect_match "the right one" "/etc/fstab:$line: " "$(journal -b -u srv-at-wrong.mount)"
expect_match "and of what is missing" '/etc/fstab:[0-9]+: source "/srv/lost" does not exist' "$(journal -b -u srv-at-missing.mount)"
expect_match "and the view file" '/etc/sluice/views/bad.toml:4:1' "$(journal -b -u sluice-view@bad.service)"
expect_eq "nothing else has failed" "sluice-view@bad.service srv-at-missing.mount srv-at-wrong.mount" \
  "$(failed)"
expect_eq "no cycle was broken" "" "$(c journalctl -b --no-pager -o cat | grep -i 'ordering cycle')"

step "an automount"
c systemctl stop srv-at-auto.mount
c sh -c 'printf "[Automount]\nWhere=/srv/at/auto\n" > /etc/systemd/system/srv-at-auto.automount; systemctl daemon-reload'
expect_ok "an automount unit" c systemctl start srv-at-auto.automount
is_no_view /srv/at/auto || fail "nothing is mounted yet"
expect_eq "whoever looks there gets the view" content "$(as alice cat /srv/at/auto/file)"
c systemctl stop srv-at-auto.automount srv-at-auto.mount

step "an upgrade while views are mounted, and the end"
start_user /srv/at/fstab /srv/$ALICE
expect_content "before the upgrade" /srv/$ALICE
before=$(main_pid) views=$(processes_of_views)
out=$(c dpkg -i /packages/newer.deb 2>&1) || fail "the upgrade" "$out"
expect_match "says what happens" 'views go on with the new service' "$out"
expect_content "after the upgrade" /srv/$ALICE
expect_soon "the views are as they were" 5 views_as_before "$views"
[ "$(main_pid)" != "$before" ] || fail "and the service is the new one"
active sluice.socket || fail "and the socket listens"
expect_ok "new views can be had" as alice sluice run /srv/$ALICE -- true
# As another version's, which would not understand the broker of this one.
c sh -c 'cd /usr/libexec/sluice && cp -p sluice-worker kept && cp /bin/false new && mv new sluice-worker'
c kill -KILL $(c ps -eo pid,comm | awk '$2 == "sluice-worker" { print $1 }')
expect_content "a view goes on with the programs that it was made with" /srv/$ALICE
c mv /usr/libexec/sluice/kept /usr/libexec/sluice/sluice-worker
stop_user /srv/$ALICE
expect_ok "stopping the service" c systemctl stop sluice.service
no_views() { [ -z "$(processes_of_views)" ]; }
expect_soon "ends them" 5 no_views
expect_eq "who looks there is not kept waiting" "Transport endpoint is not connected" \
  "$(as alice stat /srv/at/fstab 2>&1 | sed 's/.*: //')"
c sh -c 'ln -s /etc/passwd /run/sluice/private-1.sock && touch /run/sluice/others'
expect_ok "it can be purged while views are mounted" c dpkg -P sluice
expect_eq "of /run/sluice what is its own goes, and nothing by a link" "others alice:" \
  "$(c ls -A /run/sluice) $(c grep -o ^alice: /etc/passwd)"
c rm -r /run/sluice
expect_eq "no view is left" 0 "$(c grep -c ' - fuse.sluice ' /proc/self/mountinfo)"
expect_eq "no process is left" "" "$(c ps -eo comm | grep '^sluice')"
expect_eq "no group is left" "" "$(c getent group sluice)"
c rm -f /etc/systemd/system/srv-at-{unit,auto}.{mount,automount} /etc/systemd/system/multi-user.target.wants/srv-at-{unit,auto}.mount
files > "$W/after"
expect_eq "no file is left" "" "$(comm -13 "$W/before" "$W/after" | grep -vE '^/(etc/(fstab|group-|gshadow-)|var/lib/systemd|root)')"
expect_eq "nor in /run" "" "$(c ls -A /run/sluice 2> /dev/null)"
took=$("$HERE/container.sh" down "$NAME") || fail "poweroff in time" "$took"
UP=

finish
