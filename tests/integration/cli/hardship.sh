#!/usr/bin/env bash
# What a view is set up on, or shows, fails: the application is told what a plain directory would tell it, nothing is half
# done, and what cannot be set up says so and leaves nothing. (A full disk, a source that is unmounted: operations.sh.)
. "$(dirname "$0")/common.sh"

end_view() {
  kill -TERM "$VIEW"
  await_view
  expect_eq "the view's exit status" 0 "$STATUS"
}
on_tmpfs() { # options: a source on a filesystem of its own
  mkdir "$W/source" "$W/target"
  mount -t tmpfs -o "mode=755,uid=$USER_A,gid=$USER_A,$1" tmpfs "$W/source"
  make_source "$W/source"
}
# What a command says, without the words that are the command's own.
says() { as_a "$@" 2>&1 | sed 's/.*: //'; }

# Not by blocks but by inodes: what makes a name is told, and nothing is there afterwards.
case_no_inode_left() {
  on_tmpfs nr_inodes=20
  mount_view --identity $USER_A "$W/source" "$W/target" || return
  expect_match "as many as there are" 'No space left' "$(as_a sh -c "for i in \$(seq 30); do : > $W/target/new\$i; done" 2>&1)"
  local before
  before=$(snapshot_of "$W/source")
  expect_eq "a file" "No space left on device" "$(says touch "$W/target/more")"
  expect_eq "a directory" "No space left on device" "$(says mkdir "$W/target/more")"
  expect_eq "a pipe" "No space left on device" "$(says mkfifo "$W/target/more")"
  expect_eq "a symbolic link" "No space left on device" "$(says ln -s file "$W/target/more")"
  expect_eq "a nameless file" "No space left on device" \
    "$(as_a perl -e 'sysopen my $f, $ARGV[0], 020200002, 0600 or print "$!\n"' "$W/target")"
  expect_eq "nothing is half done" "$before" "$(snapshot_of "$W/source")"
  expect_ok "with room again" as_a sh -c "rm $W/target/new1 && mkdir $W/target/more"
  end_view
  umount "$W/source"
}

# A view with few grants, which those take up that are kept after the last close: they make room, the oldest first.
case_few_grants() {
  mkdir "$W/source" "$W/target"
  make_source "$W/source"
  seq 700 | (cd "$W/source" && while read -r i; do echo "$i" > "many$i"; done)
  chown -R $USER_A:$USER_A "$W/source"
  expect_ok "a view" bash -c "ulimit -n 780; exec sluice mount --background --identity $USER_A $W/source $W/target"
  expect_match "the view has few" '"most_grants": 26.,' "$(sluice status --json)"
  expect_eq "each file in turn" 700 "$(as_a sh -c "for i in \$(seq 700); do cat $W/target/many\$i; done" | wc -l)"
  expect_eq "and written" 0 "$(as_a sh -c "for i in \$(seq 700); do echo more >> $W/target/many\$i || echo x; done" 2>&1 | wc -l)"
  # As many as there are are open at once, and no more.
  expect_match "all at once" '^2[56][0-9] Too many open files in system$' "$(as_a perl -e '
    my @open; for (1 .. 300) { open(my $f, "<", "$ARGV[0]/many$_") or do { print scalar @open, " $!\n"; exit }; push @open, $f }' "$W/target")"
  expect_ok "the end" sluice umount "$W/target"
}

# Below the view, while it serves. What was just written is no reason against it.
case_remounted_read_only() {
  on_tmpfs size=4m
  mount_view --identity $USER_A "$W/source" "$W/target" || return
  expect_ok "a file is written" as_a sh -c "echo new > $W/target/new"
  remount() { mount -o "remount,$1" "$W/source" 2> "$W/err"; }
  local from before
  from=$(milliseconds)
  expect_soon "the source is made read-only" 5 remount ro
  [ $(($(milliseconds) - from)) -lt 1000 ] || fail "at once" "took: $(($(milliseconds) - from)) ms"
  before=$(snapshot_of "$W/source")
  local error="Read-only file system"
  expect_match "write" "$error" "$(as_a sh -c "echo x >> $W/target/file" 2>&1)"
  expect_match "empty" "$error" "$(as_a sh -c ": > $W/target/file" 2>&1)"
  expect_eq "truncate" "$error" "$(says truncate -s 0 "$W/target/file" | sed 's/.*: //')"
  expect_eq "make" "$error" "$(says touch "$W/target/more")"
  expect_eq "mkdir" "$error" "$(says mkdir "$W/target/more")"
  expect_eq "remove" "$error" "$(says rm -f "$W/target/new")"
  expect_eq "rename" "$error" "$(says mv "$W/target/new" "$W/target/more")"
  expect_eq "link" "$error" "$(says ln "$W/target/new" "$W/target/more")"
  expect_eq "symlink" "$error" "$(says ln -s new "$W/target/more")"
  expect_eq "chmod" "$error" "$(says chmod 600 "$W/target/new")"
  expect_eq "times" "$error" "$(says touch -d 2001-01-01 "$W/target/new")"
  expect_eq "an attribute" "$error" "$(says setfattr -n user.x -v y "$W/target/new")"
  expect_eq "nothing has changed" "$before" "$(snapshot_of "$W/source")"
  expect_eq "reading goes on" "new content" "$(echo $(as_a cat "$W/target/new" "$W/target/file"))"
  expect_soon "and back" 2 remount rw
  expect_ok "then it can be written again" as_a sh -c "echo more >> $W/target/new && mkdir $W/target/more"
  expect_eq "in the source" "new more" "$(echo $(cat "$W/source/new"))"
  end_view
  umount "$W/source"
}

# The disk ends before the file does.
case_disk_that_shrinks() {
  truncate -s 16M "$W/image"
  mkfs.ext4 -q -O ^has_journal "$W/image" 2> "$W/err" || { echo "not looked at: no mkfs.ext4"; return; }
  mkdir "$W/source" "$W/target"
  mount -o loop "$W/image" "$W/source" 2> "$W/err" || { echo "not looked at: no loop device"; return; }
  make_source "$W/source"
  head -c 8M /dev/urandom > "$W/source/large"
  umount "$W/source"
  mount -o loop,ro,noload "$W/image" "$W/source" || return
  mount_view --identity $USER_A --ro "$W/source" "$W/target" || return
  expect_eq "a file" content "$(as_a cat "$W/target/file")"
  expect_ok "there is a large one" as_a stat "$W/target/large"
  truncate -s 1M "$W/image"
  local plain
  plain=$(timed cat "$W/source/large" 2>&1 > /dev/null | sed 's/.*: //')
  expect_eq "the plain directory" "Input/output error" "$plain"
  expect_eq "the view says the same" "$plain" "$(says cat "$W/target/large" | tr -d '\0' | tail -1)"
  expect_eq "the view goes on" content "$(as_a cat "$W/target/file")"
  end_view
  umount "$W/source"
}

# ---- Set-up ----

# Either it serves, or it says why not; then nothing is left.
set_up_or_refused() { # what command...
  local what=$1 out status
  shift
  out=$(timed "$@" 2>&1)
  status=$?
  if [ $status = 0 ]; then
    SERVED=$((SERVED + 1))
    expect_eq "$what: it serves" content "$(as_a cat "$W/target/file" 2>&1)"
    expect_soon "$what: sluice umount" 3 timed sluice umount "$W/target" 2> "$W/err"
  else
    REFUSED=$((REFUSED + 1))
    [ $status -lt 124 ] || fail "$what: the command ends by itself" "exit status $status"
    expect_match "$what: it says why" 'sluice.*(:|=)' "$out"
    expect_eq "$what: the target is as it was" "" "$(ls -A "$W/target")"
  fi
  expect_nothing_left "$what"
}
case_few_descriptors() {
  make_source "$W/source"
  mkdir "$W/target"
  SERVED=0 REFUSED=0
  local most
  for most in 6 8 12 16 20 24 28 32 40 48 64 128 256 1024; do
    set_up_or_refused "at most $most descriptors" \
      bash -c "ulimit -n $most; exec sluice mount --background --identity $USER_A $W/source $W/target"
  done
  [ $REFUSED -gt 3 ] || fail "with few there is no view" "refused: $REFUSED, served: $SERVED"
  [ $SERVED -gt 0 ] || fail "with enough there is one" "refused: $REFUSED"
}

# Processes cannot be made any more: the first, the second, and so on.
PIDS=
pids_cgroup() {
  local top
  for top in /sys/fs/cgroup/pids /sys/fs/cgroup; do
    PIDS=$top/${BASE##*/}
    mkdir "$PIDS" 2> "$W/err" || continue
    [ ! -w "$PIDS/pids.max" ] || return 0
    rmdir "$PIDS"
  done
  PIDS=
  false
}
remove_cgroup() {
  [ -n "$PIDS" ] || return
  kill -KILL $(cat "$PIDS/cgroup.procs") 2> /dev/null
  eventually 2 rmdir "$PIDS" 2> /dev/null
}
trap 'clean_up; remove_cgroup' EXIT
case_few_processes() {
  make_source "$W/source"
  mkdir "$W/target"
  pids_cgroup || { echo "not looked at: no cgroup that bounds processes"; return; }
  SERVED=0 REFUSED=0
  local most
  for most in 1 2 3 4 5 6 7 8 9 10 12 14 16 20 30 60; do
    echo $most > "$PIDS/pids.max"
    set_up_or_refused "at most $most tasks" \
      bash -c "echo \$\$ > $PIDS/cgroup.procs; exec sluice mount --background --identity $USER_A $W/source $W/target"
  done
  [ $REFUSED -gt 3 ] || fail "with few there is no view" "refused: $REFUSED, served: $SERVED"
  [ $SERVED -gt 0 ] || fail "with enough there is one" "refused: $REFUSED"
  expect_soon "its cgroup is empty" 2 rmdir "$PIDS"
  PIDS=
}

run_cases
