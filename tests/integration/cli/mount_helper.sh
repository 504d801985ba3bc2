#!/usr/bin/env bash
# `mount -t sluice`, lines of /etc/fstab, and what findmnt, df and umount make of a view.
. "$(dirname "$0")/common.sh"

# mount(8) looks for its helpers in /sbin and nowhere else.
mkdir /run/sbin /run/sbin/upper /run/sbin/work
mount -t overlay -o lowerdir=/usr/sbin,upperdir=/run/sbin/upper,workdir=/run/sbin/work overlay /usr/sbin 2> /dev/null ||
  skip "cannot lay anything over /usr/sbin"
ln -s /run/bin/sluice /usr/sbin/mount.sluice
ln -s /run/bin/sluice /usr/sbin/mount.fuse.sluice
touch /run/fstab
[ -e /etc/fstab ] && mount --bind /run/fstab /etc/fstab || skip "needs an /etc/fstab"

prepare() {
  make_source "$W/source"
  mkdir "$W/target"
}
m() { timed mount -t sluice "$@"; }
by_hand() { timed mount.sluice "$@"; }
refused() { # what expected-regexp arguments of mount...
  local what=$1 wanted=$2 out status
  shift 2
  out=$(m "$@" 2>&1)
  status=$?
  [ $status != 0 ] || fail "$what: exit status" "got: 0"
  expect_match "$what" "$wanted" "${out//$'\n'/ }"
  expect_eq "$what: one line what, one line what to do" 2 "$(wc -l <<< "$out")"
  expect_eq "$what: nothing is mounted" "" "$(mounted_paths)"
}
gone() { none_but_the_service; }
none_but_the_service() { [ "$(our_processes | grep -vxc "$SERVICE")" = 1 ]; } # the maker

case_it_returns_when_the_view_serves_and_the_view_stays() {
  prepare
  start_service
  expect_eq "nothing is said" "" "$(m -o "identity=$USER_A,hide=.env,hide=*.key,name=by-mount" "$W/source" "$W/target" 2>&1)"
  is_view "$W/target" || fail "it is mounted"
  expect_eq "it serves" content "$(as_a cat "$W/target/file")"
  expect_fails "what is hidden is" as_a cat "$W/target/.env"
  expect_fails "what is hidden by the second is" as_a cat "$W/target/keys/id.key"
  expect_eq "findmnt" "$W/target $W/source fuse.sluice" "$(findmnt -rno TARGET,SOURCE,FSTYPE "$W/target")"
  expect_match "findmnt: options" '(^|,)nosuid,nodev(,|$)' "$(findmnt -no OPTIONS "$W/target")"
  expect_eq "df, as its user" "$W/source fuse.sluice $W/target" \
    "$(as_a df --output=source,fstype,target "$W/target" | tail -1 | awk '{ print $1, $2, $3 }')"
  expect_eq "sluice ls" '["by-mount"]' "$(timed sluice ls --json | jq -c 'map(.name)')"
  expect_ok "umount" timed umount "$W/target"
  is_no_view "$W/target" || fail "it is gone"
  expect_soon "its processes are gone" 3 gone
  stop_service
}
case_options() {
  prepare
  printf 'hide = ["file"]\n' > "$W/policy, with comma.toml"
  cp /bin/true "$W/source/program"
  mkdir "$W/source/lib" "$W/other"
  chown $USER_A "$W/source/program" "$W/source/lib"
  touch "$W/other/grafted"
  start_service
  expect_ok "policy, graft, coherence, ro" m -o \
    "ro,identity=$USER_A,policy=\"$W/policy, with comma.toml\",graft=lib=$W/other:ro,coherence=0s,noexec,nofail,x-systemd.automount,defaults" \
    "$W/source" "$W/target"
  expect_eq "the policy's rule and the graft" "dir keys lib program grafted" \
    "$(as_a sh -c "cd $W/target; ls; ls lib" | grep -v '^\.' | tr '\n' ' ' | sed 's/ $//')"
  expect_fails "read-only" as_a touch "$W/target/new"
  expect_match "read-only and noexec in the list" '^ro,.*noexec' "$(findmnt -no OPTIONS "$W/target")"
  expect_fails "noexec" as_a "$W/target/program"
  expect_eq "coherence" 0 "$(timed sluice ls --json | jq '.[0].coherence_ms')"
  timed umount "$W/target"
  expect_ok "a comma behind a backslash" m -o "identity=$USER_A,hide=a\\,b,hide=f\\ile" "$W/source" "$W/target"
  touch "$W/source/a,b"
  expect_fails "hides the name with it" as_a ls "$W/target/a,b"
  expect_fails "a backslash before anything else is the pattern's" as_a ls "$W/target/file"
  timed umount "$W/target"
  expect_ok "programs run without noexec" m -o "identity=$USER_A" "$W/source" "$W/target"
  expect_ok "they do" as_a "$W/target/program"
  timed umount "$W/target"
  expect_ok "type fuse.sluice, as findmnt shows it" timed mount -t fuse.sluice -o "identity=$USER_A" "$W/source" "$W/target"
  timed umount "$W/target"
  expect_match "-v says what is there" '^mount.sluice: .* at .* \(read-only, as ' \
    "$(by_hand "$W/source" "$W/target" -v -r -n -o "identity=$USER_A" 2>&1)"
  timed umount "$W/target"
  expect_soon "its processes are gone" 3 gone
  stop_service
}
case_device_nodes() {
  prepare
  start_service --preserve --device-nodes
  refused "of one owner" 'views that keep every owner' -o "device_nodes,identity=$USER_A" "$W/source" "$W/target"
  mount -t tmpfs -o nodev,mode=755 tmpfs "$W/source"
  expect_ok "of every owner" m -o device_nodes,identity=preserve "$W/source" "$W/target"
  expect_ok "one is made" mknod "$W/target/null" c 1 3
  expect_eq "in the source" 1:3 "$(stat -c %t:%T "$W/source/null")"
  timed umount "$W/target"
  stop_service
  umount "$W/source"
}
case_refused() {
  prepare
  start_service
  refused "a mistyped option" 'no option "polici" .*did you mean "policy"\?' -o "polici=office" "$W/source" "$W/target"
  refused "an unknown one" 'no option "noatime" ' -o "noatime,identity=$USER_A" "$W/source" "$W/target"
  refused "given twice" '"identity" is given twice' -o "identity=1,identity=2" "$W/source" "$W/target"
  refused "no value" '"policy" has no value' -o policy "$W/source" "$W/target"
  # mount(8) leaves these two out, so that they are only seen from who starts the program itself.
  expect_match "suid" 'always nosuid' "$(by_hand "$W/source" "$W/target" -o "suid,identity=$USER_A" 2>&1)"
  expect_match "dev" 'always nodev' "$(by_hand "$W/source" "$W/target" -o "dev,identity=$USER_A" 2>&1)"
  refused "no source" "source .*/none\" does not exist" "$W/none" "$W/target"
  refused "no policy" 'no ready policy .*office' -o policy=ofice "$W/source" "$W/target"
  refused "no user" 'no-such-user' -o identity=no-such-user "$W/source" "$W/target"
  refused "root itself" 'root' -o identity=0 "$W/source" "$W/target"
  expect_ok "sloppy forgives" timed mount -s -t sluice -o "noatime,identity=$USER_A" "$W/source" "$W/target"
  expect_match "mounted twice" 'is a view already' "$(m -o "identity=$USER_A" "$W/source" "$W/target" 2>&1)"
  timed umount "$W/target"
  by_hand "$W/source" > /dev/null 2>&1
  expect_eq "wrong words: status of mount(8)" 1 $?
  by_hand "$W/none" "$W/target" > /dev/null 2>&1
  expect_eq "a failure: status of mount(8)" 32 $?
  expect_ok "--help" by_hand --help
  expect_ok "fake" by_hand -f "$W/source" "$W/target" -o "identity=$USER_A"
  is_no_view "$W/target" || fail "fake mounts nothing"
  expect_fails "fake, with what is wrong" by_hand -f "$W/none" "$W/target"
  expect_match "an ordinary user is told" 'only root may mount here' "$(as_a mount.sluice "$W/source" "$W/target" 2>&1)"
  expect_soon "nothing is left of it" 3 gone
  stop_service
}
case_no_service() {
  prepare
  refused "no service" 'no service listens .*systemctl enable --now sluice.socket' -o "identity=$USER_A" "$W/source" "$W/target"
  expect_nothing_left "it starts none of its own"
}
case_not_in_the_group() {
  prepare
  mkdir -p /run/sluice
  sluiced --listen /run/sluice/sluice.sock --mode 0660 2> "$W/service.log" &
  SERVICE=$!
  STARTED+=("$SERVICE")
  expect_soon "the service listens" 5 test -S /run/sluice/sluice.sock
  local out status
  out=$(as_a sluice run "$W/source" -- true 2>&1)
  status=$?
  expect_match "who is not in the group learns so" 'only root and the group root may .*usermod -aG root' "${out//$'\n'/ }"
  expect_eq "exit status of run" 125 $status
  stop_service
}
case_fstab() {
  prepare
  mkdir "$W/with space"
  start_service
  printf '# comment\n%s %s sluice identity=%s,nofail,hide=.env 0 0\n%s %s sluice identity=%s,hid=x 0 0\n%s %s sluice identity=%s 0 0\n' \
    "$W/source" "$W/with\\040space" $USER_A "$W/source" "$W/target" $USER_A "$W/missing" "$W/dir" $USER_A > /run/fstab
  expect_ok "a line, by its target" timed mount "$W/with space"
  expect_eq "serves" content "$(as_a cat "$W/with space/file")"
  expect_fails "and hides" as_a ls "$W/with space/.env"
  timed umount "$W/with space"
  local out
  out=$(timed mount "$W/target" 2>&1)
  expect_match "a wrong line is named" '^mount.sluice: /etc/fstab:3: no option "hid" .*did you mean "hide"' "${out//$'\n'/ }"
  mkdir "$W/dir"
  out=$(timed mount "$W/dir" 2>&1)
  expect_match "and one whose source is missing" '^mount.sluice: /etc/fstab:4: source .* does not exist' "${out//$'\n'/ }"
  timed mount -a > "$W/out" 2>&1
  is_view "$W/with\\\\040space" || fail "mount -a: a wrong line fails that one view" "got: $(cat "$W/out")"
  is_no_view "$W/target" || fail "and not another"
  timed umount "$W/with space"
  expect_soon "its processes are gone" 3 gone
  : > /run/fstab
  stop_service
}
case_umount_while_it_is_used() {
  prepare
  start_service
  m -o "identity=$USER_A" "$W/source" "$W/target"
  "${A[@]}" sh -c "exec < $W/target/file; echo ready; read line; exec sleep 18" > "$W/out" &
  local user=$!
  STARTED+=($user)
  expect_soon "somebody uses it" 5 grep -qs ready "$W/out"
  expect_fails "umount is refused" timed umount "$W/target"
  is_view "$W/target" || fail "it stays"
  expect_ok "umount -l" timed umount -l "$W/target"
  is_no_view "$W/target" || fail "it is gone from the tree"
  expect_eq "who has a file open keeps the view" 1 "$(timed sluice ls --json | jq length)"
  kill "$user"
  wait "$user" 2> /dev/null
  expect_soon "and then it ends" 4 gone
  m -o "identity=$USER_A" "$W/source" "$W/target"
  note_processes
  kill -STOP "$WORKER"
  as_a ls "$W/target/dir" > /dev/null 2>&1 &
  local hung=$!
  sleep 0.3
  timed umount --force "$W/target" 2> /dev/null
  expect_soon "umount --force frees who waits for a worker that hangs" 4 ended $hung
  wait $hung
  timed umount "$W/target" 2> /dev/null
  is_no_view "$W/target" || fail "and takes it off"
  expect_soon "its processes are gone" 4 gone
  stop_service
}
case_an_ordinary_user_unmounts_what_is_its_own() {
  prepare
  start_service
  m -o "identity=$USER_A" "$W/source" "$W/target"
  expect_fails "another user may not" as_b umount "$W/target"
  is_view "$W/target" || fail "it is there still"
  # umount(8) with the set-user-ID bit lets the user of a FUSE mount take it off.
  if [ -u "$(command -v umount)" ]; then
    expect_ok "its user may" as_a umount "$W/target"
  else
    timed umount "$W/target"
  fi
  is_no_view "$W/target" || fail "it is gone"
  expect_soon "its processes are gone" 3 gone
  stop_service
}
case_in_another_mount_namespace() {
  prepare
  start_service
  unshare --mount --propagation private sh -c 'echo ready; exec sleep 17' > "$W/out" &
  local other=$!
  STARTED+=($other)
  expect_soon "another namespace" 5 grep -qs ready "$W/out"
  expect_ok "-N" by_hand "$W/source" "$W/target" -N "/proc/$other/ns/mnt" -o "identity=$USER_A"
  is_no_view "$W/target" || fail "it is not here"
  expect_eq "but there" content "$(nsenter -m -t $other setpriv --reuid=$USER_A --regid=$USER_A --clear-groups cat "$W/target/file")"
  # A line that would be it, here and there; nobody reads what is there.
  printf '%s %s sluice identity=%s 0 0\n' "$W/source" "$W/none" $USER_A > /run/fstab
  expect_ok "another fstab" nsenter -m -t $other sh -c "mkfifo '$W/fifo' && mount --bind '$W/fifo' /etc/fstab"
  expect_match "what fails there is at no line of a file" '^mount.sluice: target ".*none" does not exist' \
    "$(by_hand "$W/source" "$W/none" -N "/proc/$other/ns/mnt" -o "identity=$USER_A" 2>&1)"
  expect_match "what fails here is" '^mount.sluice: /etc/fstab:1: target ' \
    "$(by_hand "$W/source" "$W/none" -o "identity=$USER_A" 2>&1)"
  : > /run/fstab
  kill $other
  wait $other 2> /dev/null
  expect_soon "it ends with the namespace" 4 gone
  expect_fails "what is no namespace" by_hand "$W/source" "$W/target" -N /dev/null -o "identity=$USER_A"
  expect_soon "and leaves nothing" 4 gone
  stop_service
}

run_cases
