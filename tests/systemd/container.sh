#!/usr/bin/env bash
# Boots a real systemd as the first process of a container, on a host that need not run systemd itself.
#   container.sh root DIRECTORY RELEASE [PACKAGES]   makes a root directory of Debian's RELEASE, if it is not there yet
#   container.sh up NAME ROOT UPPER [OPTIONS]        boots it and returns when the system is up; what is
#                                                    written goes to UPPER, and is there at the next boot
#   container.sh in NAME COMMAND...                  runs a command in it, as root
#   container.sh down NAME                           an orderly poweroff; prints how many milliseconds it took
#   container.sh kill NAME                           ends what `up` started, and nothing else
# OPTIONS are systemd-nspawn's. As root, with /dev/fuse. SLUICE_MIRROR: where packages come from;
# otherwise from where this host's apt has Debian.
set -euo pipefail

# What a minimal system has, and dependencies of the package, so that it installs without a network.
PACKAGES=systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,libcap-ng0,procps,init-system-helpers
STATE_OF=${SLUICE_CONTAINERS:-/run/sluice-containers}

ACTION=$1
make_root() { # directory release
  local stamp=$1.made mirror
  [ "$(cat "$stamp" 2> /dev/null)" = "$PACKAGES" ] && return
  mirror=${SLUICE_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
    'Label: Debian' 2> /dev/null | grep -m1 '^https\?:' || true)}
  rm -rf --one-file-system "$1" "$stamp"
  mmdebstrap --quiet --variant=minbase --include="$PACKAGES" "$2" "$1" ${mirror:+"$mirror"} > "$1.log" 2>&1 ||
    { tail -5 "$1.log"; exit 1; }
  echo "$PACKAGES" > "$stamp"
}
if [ "$ACTION" = root ]; then
  PACKAGES=${4:-$PACKAGES}
  make_root "$2" "$3"
  exit
fi

NAME=$2
shift 2
STATE=$STATE_OF/$NAME
cgroup2() { awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts; }
inside() { nsenter -t "$(cat "$STATE/leader")" -m -u -i -n -p -C -r -w "$@"; }
alive() { kill -0 "$1" 2> /dev/null; }
# The first process of the container: a descendant of nspawn that is number 1 where it is.
find_leader() {
  local child grandchild
  for child in $(pgrep -P "$1"); do
    for grandchild in $child $(pgrep -P "$child"); do
      [ "$(awk '/^NSpid/ { print $NF }' "/proc/$grandchild/status" 2> /dev/null)" = 1 ] || continue
      [ "$(cat "/proc/$grandchild/comm")" = systemd ] && echo "$grandchild" && return
    done
  done
}
end_all() {
  local nspawn=$1
  if alive "$nspawn"; then kill -KILL "$(cat "$STATE/leader" 2> /dev/null || echo "$nspawn")" "$nspawn" 2> /dev/null || true; fi
  for _ in $(seq 50); do
    alive "$nspawn" || break
    sleep 0.1
  done
  find "$(cgroup2)/$NAME" -depth -type d -exec rmdir {} + 2> /dev/null || true
}

case $ACTION in
  up)
    ROOT=$(realpath "$1") UPPER=$(realpath "$2")
    shift 2
    mkdir -p "$STATE" "$UPPER/files" "$UPPER/work"
    rm -f "$STATE"/*
    CGROUP=$(cgroup2)
    mkdir -p "$CGROUP/$NAME"
    # systemd-nspawn wants a cgroup2 alone, and a system bus or a directory of its own in /run. Its own
    # seccomp filter would refuse bpf() and Landlock.
    setsid unshare -m --propagation slave bash -c '
      CGROUP=$1 NAME=$2 ROOT=$3 UPPER=$4
      shift 4
      echo $$ > "$CGROUP/$NAME/cgroup.procs"
      umount -R /sys/fs/cgroup
      mount -t cgroup2 cgroup2 /sys/fs/cgroup
      mount -t tmpfs tmpfs /mnt
      mkdir /mnt/root
      mount -t overlay overlay -o lowerdir="$ROOT",upperdir="$UPPER/files",workdir="$UPPER/work" /mnt/root
      mount -t tmpfs tmpfs /run
      mkdir -p /run/systemd
      export SYSTEMD_SECCOMP=0
      exec systemd-nspawn -q --boot --capability=all -D /mnt/root --machine="$NAME" --register=no --keep-unit \
        --bind=/dev/fuse --private-network --resolv-conf=off --timezone=off --link-journal=no \
        --console=read-only --kill-signal=SIGRTMIN+4 "$@"
    ' bash "$CGROUP" "$NAME" "$ROOT" "$UPPER" "$@" < /dev/null > "$STATE/console" 2>&1 &
    nspawn=$!
    echo $nspawn > "$STATE/nspawn"
    for _ in $(seq 600); do
      alive $nspawn || break
      leader=$(find_leader $nspawn || true)
      if [ -n "$leader" ]; then
        echo "$leader" > "$STATE/leader"
        case $(inside systemctl is-system-running 2> /dev/null || true) in running | degraded) exit 0 ;; esac
      fi
      sleep 0.1
    done
    tail -30 "$STATE/console"
    end_all $nspawn
    exit 1
    ;;
  in) inside "$@" ;;
  down)
    nspawn=$(cat "$STATE/nspawn")
    from=$(date +%s%N)
    inside systemctl --no-block poweroff || true
    for _ in $(seq 1200); do
      alive "$nspawn" || break
      sleep 0.05
    done
    took=$((($(date +%s%N) - from) / 1000000))
    if alive "$nspawn"; then
      end_all "$nspawn"
      echo "no poweroff within $took ms"
      exit 1
    fi
    end_all "$nspawn"
    echo $took
    ;;
  kill) end_all "$(cat "$STATE/nspawn")" ;;
  *)
    echo "usage: $0 root|up|in|down|kill ..." >&2
    exit 2
    ;;
esac
