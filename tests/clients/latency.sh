#!/usr/bin/env bash
# What a grant costs a server without privilege, as ratio to root's own ioctl in the same run: through libsluice, and
# through the supervisor of `sluice exec`; what data through a grant costs; and many clients at once.
#   latency.sh [--check]      with SLUICE_BIN=, SLUICE_LIB=, SLUICE_CLIENTS= as servers.sh
# --check: fails where the middle grant is further from root's ioctl than it may be on a busy machine.
CHECK=${1:-}
. "$(dirname "$0")/../integration/cli/common.sh"

mkdir /run/clients /run/lib
mount --bind "${SLUICE_CLIENTS:?}" /run/clients
mount --bind "${SLUICE_LIB:?}" /run/lib
mknod /run/fuse c 10 229 && chmod 666 /run/fuse && mount --bind /run/fuse /dev/fuse
export LD_LIBRARY_PATH=/run/lib
COUNT=1000
CLIENTS=1000
# How far the library's p50 may be from the ioctl's, in microseconds, and how often that the supervisor's may be.
MOST_BEYOND=25 MOST_TIMES=4
[ "$CHECK" != --check ] || { CLIENTS=200; MOST_BEYOND=250; MOST_TIMES=10; }

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
root_ioctl() {
  timed unshare -m sluice exec --mount "$W/point" -- /run/clients/grant_latency "$W/tree/file" {} ioctl $COUNT
}
own_namespace() { # command... , with the connection as 9, mounted, as root of a namespace
  timed "${A[@]}" unshare -Urm bash -c 'exec 9<> /dev/fuse
    mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0 bench "$0" && exec "$@"' "$W/point" "$@"
}
library() { own_namespace /run/clients/grant_latency "$W/tree/file" /dev/fd/9 library $COUNT; }
notifier() {
  timed "${A[@]}" sluice exec --unshare --mount "$W/point" -- /run/clients/grant_latency "$W/tree/file" {} ioctl $COUNT
}
# MB/s of reading the file with dd, of a server that says that it is 1 MiB long, again and again.
throughput() { # pid
  timed nsenter -t "$1" ${2:+-U} -m --preserve-credentials -- bash -c "
    exec 3< '$W/point/file'; cat <&3 > /dev/null
    begin=\$(date +%s%N)
    for i in {1..300}; do dd if=/dev/fd/3 of=/dev/null bs=1M count=1 iflag=fullblock status=none skip=0; exec 3< '$W/point/file'; done
    echo \$((300 * 1000000000 / (\$(date +%s%N) - begin)))"
}

case_latency() {
  mkdir "$W/tree" "$W/point"
  mount -t tmpfs tmpfs "$W/tree"
  head -c 1M /dev/urandom > "$W/tree/file"
  chown -R $USER_A:$USER_A "$W/tree" "$W/point"
  start_service
  local round way
  for round in 1 2 3 4 5; do
    for way in root_ioctl library notifier; do
      $way > "$W/$way.now" 2> "$W/$way.errors" || fail "$way" "$(cat "$W/$way.errors")"
      awk '{ print $1 }' "$W/$way.now" >> "$W/$way.50"
      awk '{ print $2 }' "$W/$way.now" >> "$W/$way.99"
    done
  done
  for way in root_ioctl library notifier; do
    printf '%s %s %s\n' $way "$(median < "$W/$way.50")" "$(median < "$W/$way.99")"
  done | awk -v beyond=$MOST_BEYOND -v times=$MOST_TIMES '
    NR == 1 { p50 = $2; p99 = $3 }
    { printf "%-10s  p50 %6.1f us (%5.1f times root'"'"'s ioctl)  p99 %6.1f us (%5.1f times)\n", $1, $2 / 1000, $2 / p50, $3 / 1000, $3 / p99 }
    $1 == "library" { library = $2; if ($2 - p50 > beyond * 1000) bad = 1 }
    $1 == "notifier" { if ($2 > times * library) bad = 1 }
    END { exit bad }' || fail "the library is at most $MOST_BEYOND us beyond the ioctl, the supervisor at most $MOST_TIMES times the library"
  umount "$W/tree"
}
case_throughput() {
  mkdir "$W/tree" "$W/point"
  mount -t tmpfs tmpfs "$W/tree"
  head -c 1M /dev/urandom > "$W/tree/file"
  chown -R $USER_A:$USER_A "$W/tree" "$W/point"
  start_service
  "${A[@]}" sluice exec --unshare --mount "$W/point" -- /run/clients/raw_server "$W/tree/file" {} > "$W/said" &
  local user=$! root round
  STARTED+=($user)
  unshare -m sluice exec --mount "$W/point" -- /run/clients/raw_server "$W/tree/file" {} > "$W/said.root" &
  root=$!
  STARTED+=($root)
  expect_soon "they are mounted" 10 grep -q " $W/point " /proc/$user/mountinfo
  expect_soon "they are mounted" 10 grep -q " $W/point " /proc/$root/mountinfo
  for round in 1 2 3 4 5; do
    timed setpriv --reuid=$USER_A --regid=$USER_A --clear-groups -- bash -c "$(declare -f throughput timed); W='$W'; throughput $user U" >> "$W/user"
    throughput $root >> "$W/root"
  done
  printf 'throughput  %s MiB/s without privilege, %s as root: %s %%\n' "$(median < "$W/user")" "$(median < "$W/root")" \
    $((100 * $(median < "$W/user") / $(median < "$W/root")))
  expect_eq "no data went through the servers" "" "$(cat "$W/said" "$W/said.root")"
  kill $user $root
  umount "$W/tree"
}
case_many_clients() {
  mkdir "$W/tree" "$W/points"
  head -c 1M /dev/urandom > "$W/tree/file"
  chown -R $USER_A:$USER_A "$W/tree" "$W/points"
  start_service
  mkfifo "$W/input"
  ulimit -S -n "$(ulimit -H -n)"
  "${A[@]}" unshare -Urm /run/clients/many_clients "$W/tree/file" "$W/points" $CLIENTS < "$W/input" > "$W/said" 2> "$W/errors" &
  STARTED+=($!)
  exec 8> "$W/input"
  expect_soon "all have a grant" 80 test -s "$W/said"
  local good took brokers
  read -r good took < "$W/said"
  expect_eq "clients with a grant" $CLIENTS "$good"
  brokers=$(our_processes 'sluice-foreign*' | wc -l)
  expect_eq "a broker for each" $CLIENTS "$brokers"
  printf 'clients     %s at once, each with a grant after %s ms\n' "$good" $((took / CLIENTS))
  [ "$good" = $CLIENTS ] || head -3 "$W/errors"
  exec 8>&-
  no_broker() { [ -z "$(our_processes 'sluice-foreign*')" ]; }
  expect_soon "their brokers end with them" 20 no_broker
}
run_cases
