#!/bin/bash
# fio through a view and on the plain directory under it, in turns: medians of the ratios.
#
#   fio.sh [BIN_DIRECTORY]     default: SLUICE_BIN, or build/dev/bin
#   ROUNDS (default 3), SECONDS_EACH (default 2), TMPDIR (default /var/tmp): which disk
# Needs root, /dev/fuse and fio; without them: exit 77, or a failure with SLUICE_REQUIRE_ALL=1.
set -euo pipefail

readonly ID=61234  # owns the files and uses the view; a uid that nobody has
readonly ROUNDS=${ROUNDS:-3} SECONDS_EACH=${SECONDS_EACH:-2}
here=$(cd "$(dirname "$0")" && pwd)
bin=${1:-${SLUICE_BIN:-$here/../../build/dev/bin}}

skip() {
  if [[ ${SLUICE_REQUIRE_ALL:-} == 1 ]]; then
    echo "FAILED: fio.sh: NOTHING WAS MEASURED ($1)" >&2
    exit 1
  fi
  echo "SKIPPED: fio.sh: NOTHING WAS MEASURED ($1)" >&2
  exit 77
}
[[ $(id -u) == 0 ]] || skip "needs root, to mount"
[[ -w /dev/fuse ]] || skip "needs /dev/fuse"
for tool in fio setpriv unshare timeout; do
  command -v "$tool" > /dev/null || skip "needs $tool"
done
[[ -x $bin/sluice ]] || { echo "fio.sh: no $bin/sluice" >&2; exit 1; }

# Once more, in a mount namespace of its own: nothing that is mounted here is seen elsewhere.
if [[ ${SLUICE_FIO_INSIDE:-} != 1 ]]; then
  SLUICE_FIO_INSIDE=1 exec unshare --mount --propagation private "$0" "$bin"
fi

base=$(mktemp -d "${TMPDIR:-/var/tmp}/sluice-fio.XXXXXX")
view=
end_view() {
  [[ -n $view ]] || return 0
  kill -TERM "$view" 2> /dev/null || true
  for ((i = 0; i < 50; i++)); do
    kill -0 "$view" 2> /dev/null || break
    sleep 0.1
  done
  kill -KILL "$view" 2> /dev/null || true
  wait "$view" 2> /dev/null || true
  view=
}
clean_up() {
  end_view
  umount -l "$base/tmpfs" 2> /dev/null || true
  rm -rf --one-file-system "$base"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
chmod 755 "$base"
mkdir "$base/disk" "$base/tmpfs"
mount -t tmpfs -o nosuid,nodev,size=1g,mode=755 sluice-fio "$base/tmpfs"

as_user() { setpriv --reuid $ID --regid $ID --clear-groups "$@"; }

start_view() {  # directory
  "$bin/sluice" mount --identity $ID "$1/source" "$1/view" > "$1/log" 2>&1 &
  view=$!
  for ((i = 0; i < 250; i++)); do
    as_user test -e "$1/view/data" && return 0
    sleep 0.02
  done
  echo "fio.sh: the view did not come up: $(cat "$1/log")" >&2
  exit 1
}

# fio's bandwidth in KiB/s: what was read and what was written, one of which is 0.
bandwidth() {  # directory, kind of job, size of a block
  local line
  line=$(as_user timeout -k 2 $((SECONDS_EACH + 20)) fio --minimal --terse-version=3 --name=job \
    --filename="$1/data" --size=64m --rw="$2" --bs="$3" --ioengine=psync --time_based \
    --runtime="$SECONDS_EACH" --overwrite=1 --invalidate=0 --fallocate=none | tail -n 1)
  awk -F';' '{ print $7 + $48 }' <<< "$line"
}

median() {
  sort -g | awk '{ v[NR] = $1 }
    END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

printf '%-18s %-8s %-8s %s\n' "fio, psync" where view "each round (view / native, higher is better)"
for where in disk tmpfs; do
  directory=$base/$where
  mkdir "$directory/source" "$directory/view"
  dd if=/dev/zero of="$directory/source/data" bs=1M count=64 conv=fsync status=none
  chown -R $ID:$ID "$directory/source" "$directory/view"
  start_view "$directory"
  for job in "randwrite 4k" "randread 4k" "read 1M" "write 1M"; do
    read -r kind block <<< "$job"
    ratios=()
    for ((round = 0; round < ROUNDS; round++)); do
      if ((round % 2 == 0)); then
        native=$(bandwidth "$directory/source" "$kind" "$block")
        through=$(bandwidth "$directory/view" "$kind" "$block")
      else
        through=$(bandwidth "$directory/view" "$kind" "$block")
        native=$(bandwidth "$directory/source" "$kind" "$block")
      fi
      ratios+=("$(awk -v v="$through" -v n="$native" \
        'BEGIN { if (n <= 0) exit 1; printf "%.3f", v / n }')")
    done
    middle=$(printf '%s\n' "${ratios[@]}" | median)
    printf '%-18s %-8s %-8s %s\n' "$job" "$where" "$middle" "${ratios[*]}"
  done
  end_view
done
