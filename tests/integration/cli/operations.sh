#!/usr/bin/env bash
# What happens to a view while the world below it changes, and what its service says of it.
. "$(dirname "$0")/common.sh"

end_view() {
  kill -TERM "$VIEW"
  await_view
  expect_eq "the view's exit status" 0 "$STATUS"
}

# The disk is full: the writer hears of it, what was written stays, the view goes on.
case_disk_full() {
  mkdir "$W/source" "$W/target"
  mount -t tmpfs -o size=4m,mode=755,uid=$USER_A,gid=$USER_A tmpfs "$W/source"
  make_source "$W/source"
  mount_view --identity $USER_A "$W/source" "$W/target" || return
  head -c 8000000 /dev/urandom > "$W/data"
  local out
  out=$(as_a dd if="$W/data" of="$W/target/large" bs=64k 2>&1)
  expect_eq "the writer's exit status" 1 $?
  expect_match "the writer is told" 'No space left on device' "$out"
  local size
  size=$(stat -c %s "$W/source/large")
  [ "$size" -gt 1000000 ] || fail "what fits is written" "got: $size bytes"
  cmp -n "$size" "$W/data" "$W/source/large" || fail "what was written is right"
  expect_eq "as the view shows it" "$(sha256sum < "$W/source/large")" "$(as_a sha256sum < <(as_a cat "$W/target/large"))"
  expect_match "making a file and filling it fails too" 'No space left' "$(as_a sh -c "head -c 100000 /dev/zero > $W/target/more" 2>&1)"
  expect_ok "room is made through the view" as_a rm "$W/target/large"
  expect_ok "and it can be written again" as_a dd if="$W/data" of="$W/target/again" bs=64k count=16
  cmp -n 1048576 "$W/data" "$W/source/again" || fail "what was written again is right"
  expect_match "truncate beyond the disk is no trouble" '^$' "$(as_a truncate -s 100M "$W/target/sparse" 2>&1)"
  expect_match "fallocate beyond the disk" 'No space left' "$(as_a fallocate -l 100M "$W/target/sparse2" 2>&1)"
  end_view
  umount "$W/source"
}

# Elsewhere too, at once: neither the view nor the kernel keeps open for writing what nobody writes to any more.
case_program_just_written() {
  make_source "$W/source"
  mkdir "$W/target"
  mount_view --identity $USER_A "$W/source" "$W/target" || return
  local i from
  for i in 1 2 3; do
    expect_ok "a program is written" as_a cp /bin/true "$W/target/program$i"
    expect_ok "and run in the view" as_a "$W/target/program$i"
    expect_ok "another is written" as_a cp /bin/true "$W/target/another$i"
    from=$(milliseconds)
    expect_soon "and run in the source" 4 as_a "$W/source/another$i"
    [ $(($(milliseconds) - from)) -lt 700 ] || fail "not much later" "took: $(($(milliseconds) - from)) ms"
  done
  end_view
}

# What may be written but not read is all that its writer needs it to be.
case_files_that_cannot_be_read() {
  make_source "$W/source"
  mkdir "$W/target"
  printf 'letters\n' > "$W/source/box"
  printf 'letters\n' > "$W/source/others"
  chown $USER_A "$W/source/box"
  chmod 200 "$W/source/box"
  chmod 602 "$W/source/others"
  mount_view --identity $USER_A "$W/source" "$W/target" || return
  local name what='use IO::Handle; use Fcntl;
    sub say { print shift() ? "done " : "$! " }
    chdir $ARGV[0]; my ($name, $flags) = @ARGV[1, 2];
    sysopen(my $f, $name, eval $flags, 0) or die "$!";
    say syswrite $f, "written";
    say $f->sync;
    say truncate $f, 6000;
    print sysseek($f, 1, 3) // $!, " ", sysseek($f, 1, 4) // $!, " ", (stat $f)[7], " ", open(my $g, "<", $name) ? "read" : $!, "\n";'
  mkdir "$W/plain"
  cp -p "$W/source/box" "$W/source/others" "$W/plain/"
  chown $USER_A "$W/plain"
  local plain
  for name in box others new; do
    plain=$(as_a perl -e "$what" "$W/plain" $name 'O_WRONLY | O_CREAT')
    expect_match "$name, in a plain directory" 'done done done .* 6000 Permission denied' "$plain"
    expect_eq "$name" "$plain" "$(as_a perl -e "$what" "$W/target" $name 'O_WRONLY | O_CREAT' 2>&1)"
  done
  for name in newer newest; do
    plain=$(as_a perl -e "$what" "$W/plain" $name 'O_RDWR | O_CREAT')
    expect_eq "$name, for nobody" "$plain" "$(as_a perl -e "$what" "$W/target" $name 'O_RDWR | O_CREAT' 2>&1)"
  done
  end_view
}

# Whoever is there already has what is open, in another worker too; by the way that is closed nothing can be opened any more.
case_directory_closed_above() {
  make_source "$W/source"
  mkdir "$W/target"
  mount_view --identity $USER_A --name v "$W/source" "$W/target" || return
  note_processes v
  mkdir "$W/step"
  chmod 777 "$W/step"
  "${A[@]}" perl -e 'use IO::Handle; $| = 1;
    sub say { print shift() ? "done " : "$! " }
    my ($at, $step) = @ARGV;
    mkdir "$at/up"; mkdir "$at/up/d"; chdir "$at/up/d" or die "$!";
    open my $f, "+>", "f" or die "$!"; open my $r, "<", "f" or die "$!";
    chmod 0, "$at/up";
    for my $size (11, 22) {
      print((stat $f)[7], " ", (stat $r)[7], " ");
      say(truncate $f, $size); say(chmod 0640 + $size % 8, $f); say(utime 1, 1, $f); say($f->sync);
      print((stat $f)[7], " ");
      say(open my $new, ">", "new");
      print "ready\n";
      select undef, undef, undef, 0.05 until -e "$step/go";
    }' "$W/target" "$W/step" > "$W/user" 2>&1 &
  local user=$! there="done done done done"
  STARTED+=($user)
  expect_soon "a user is there" 5 grep -qs ready "$W/user"
  kill -KILL "$WORKER"
  touch "$W/step/go"
  expect_soon "all is tried" 8 ended $user
  expect_eq "what is open" "0 0 $there 11 Permission denied ready 11 11 $there 22 Permission denied ready" "$(echo $(cat "$W/user"))"
  expect_eq "in the source" "22 646" "$(stat -c '%s %a' "$W/source/up/d/f")"
  end_view
}

# A file of two names goes by the one that can still be reached, whichever was learned last.
case_two_names() {
  make_source "$W/source"
  mkdir "$W/target"
  mount_view --identity $USER_A "$W/source" "$W/target" || return
  expect_ok "two names, and the directory of the second is closed" \
    as_a sh -c "cd $W/target && echo one > dir/a && mkdir closed && ln dir/a closed/a && stat closed/a && chmod 0 closed"
  expect_eq "read" one "$(as_a cat "$W/target/dir/a")"
  expect_ok "write" as_a sh -c "echo two > $W/target/dir/a"
  expect_ok "append" as_a sh -c "echo three >> $W/target/dir/a"
  expect_ok "truncate" as_a truncate -s 6 "$W/target/dir/a"
  expect_ok "chmod" as_a chmod 640 "$W/target/dir/a"
  expect_ok "an extended attribute" as_a setfattr -n user.x -v y "$W/target/dir/a"
  expect_eq "in the source" "two th 640 2" "$(echo $(cat "$W/source/dir/a") $(stat -c '%a %h' "$W/source/dir/a"))"
  end_view
}

# Labels of SELinux are those of the source, and in a view of one identity there is no such thing.
case_labels() {
  make_source "$W/source"
  mkdir "$W/target"
  as_a setfattr -n user.first -v 1 "$W/source/file"
  setfattr -n security.selinux -v label "$W/source/file"
  as_a setfattr -n user.last -v 2 "$W/source/file"
  keys() { getfattr --absolute-names -m - "$1" | grep -v '^#' | sort; }
  expect_eq "in the source" "security.selinux user.first user.last" "$(echo $(keys "$W/source/file"))"
  mount_view --identity $USER_A "$W/source" "$W/target" || return
  expect_eq "in the view" "user.first user.last" "$(echo $(as_a bash -c "$(declare -f keys); keys '$W/target/file'"))"
  expect_match "the label" 'Operation not supported' "$(as_a getfattr --absolute-names -n security.selinux "$W/target/file" 2>&1)"
  expect_match "of another file" 'Operation not supported' "$(as_a getfattr --absolute-names -n security.selinux "$W/target/dir" 2>&1)"
  expect_match "another attribute" 'last="2"' "$(as_a getfattr --absolute-names -n user.last "$W/target/file")"
  end_view
  mount_view --identity preserve "$W/source" "$W/target" || return
  expect_eq "where every owner is kept" "security.selinux user.first user.last" "$(echo $(keys "$W/target/file"))"
  end_view
}

# Where root asked for it, of what is mounted nodev: they are made as on the filesystem itself, and open nothing.
case_device_nodes() {
  mkdir "$W/source" "$W/target"
  mount -t tmpfs -o nodev,mode=755 tmpfs "$W/source"
  as_of() { stat -c '%F %t:%T %a %U %h' "$1" 2>&1; }
  mount_view --identity preserve --device-nodes --hide '*.key' "$W/source" "$W/target" || return
  expect_eq "it is told" true "$(timed sluice ls --json | jq '.[0].device_nodes')"
  expect_ok "a character device" mknod -m 640 "$W/target/null" c 1 3
  expect_eq "in the source" "character special file 1:3 640 root 1" "$(as_of "$W/source/null")"
  expect_eq "in the view" "character special file 1:3 640 root 1" "$(as_of "$W/target/null")"
  expect_eq "in a list" "1, 3" "$(ls -l "$W/target" | awk '/null/ { print $5, $6 }')"
  expect_ok "a block device" mknod "$W/target/loop" b 7 300
  expect_eq "with a large number" "block special file 7:12c" "$(stat -c '%F %t:%T' "$W/target/loop")"
  expect_match "it opens nothing" 'Permission denied' "$(cat "$W/target/null" 2>&1)"
  expect_ok "another name" ln "$W/target/null" "$W/target/linked"
  expect_ok "a new name" mv "$W/target/null" "$W/target/moved"
  expect_ok "another owner" chown "$USER_A" "$W/target/moved"
  expect_ok "another mode" chmod 604 "$W/target/moved"
  expect_eq "of the one file" "604 $USER_A 2" "$(stat -c '%a %u %h' "$W/source/linked")"
  expect_fails "a hidden name" mknod "$W/target/null.key" c 1 3
  expect_fails "which is not made" test -e "$W/source/null.key"
  expect_fails "by a user" as_a mknod "$W/target/users" c 1 3
  mkdir "$W/target/lists"
  # user::rwx, user:1000:rw-, group::r-x, mask::rwx, other::r--
  setfattr -n system.posix_acl_default -v 0x0200000001000700ffffffff02000600e803000004000500ffffffff10000700ffffffff20000400ffffffff \
    "$W/target/lists"
  expect_ok "below a default ACL" sh -c "umask 077; mknod '$W/target/lists/null' c 1 3"
  expect_eq "which counts, and no umask" 664 "$(stat -c %a "$W/source/lists/null")"
  expect_ok "without one" sh -c "umask 027; mknod '$W/target/masked' c 1 3"
  expect_eq "the umask counts" 640 "$(stat -c %a "$W/source/masked")"
  expect_ok "they are removed" rm "$W/target/moved" "$W/target/linked" "$W/target/loop"
  end_view
  mount_view --identity preserve "$W/source" "$W/target" || return
  expect_match "not asked for" 'Operation not permitted' "$(mknod "$W/target/null" c 1 3 2>&1)"
  expect_ok "one that is there is moved" mv "$W/target/masked" "$W/target/moved"
  expect_ok "a whiteout is no device" mknod "$W/target/whiteout" c 0 0
  end_view
  umount "$W/source"
}

# A process stays in a directory that is moved away behind the view, and another takes its place. What is
# done there is done to neither by mistake.
case_directory_replaced_behind() {
  make_source "$W/source"
  mkdir "$W/target"
  as_a mkdir "$W/source/d"
  as_a touch "$W/source/d/a" "$W/source/d/b" "$W/source/d/c"
  mount_view --identity $USER_A --coherence 10s "$W/source" "$W/target" || return
  "${A[@]}" bash -c 'cd "$1/target/d" && ls > /dev/null && cat a && echo ready && while [ ! -e "$1/source/go" ]; do sleep 0.05; done
    rm -f a; mv b moved; ln -s x pointing; ln c linked; echo made > log; mkdir below; ls > /dev/null; echo done' user "$W" > "$W/user" 2>&1 &
  local user=$!
  STARTED+=($user)
  expect_soon "it is there" 5 grep -q ready "$W/user" || return
  as_a mv "$W/source/d" "$W/source/old"
  as_a mkdir "$W/source/d"
  as_a sh -c "cd $W/source/d && echo new > a && echo new > b && echo new > c && echo new > log"
  as_a touch "$W/source/go"
  expect_soon "it has tried all" 8 grep -q '^done' "$W/user" || return
  expect_eq "the new directory is as it was" "a b c log new new new new" \
    "$(echo $(ls "$W/source/d") $(cat "$W/source/d/"*))"
  expect_eq "in the old one nothing is left half done" "a b below c" "$(echo $(ls "$W/source/old"))"
  expect_ok "by its new path all goes on" as_a rm "$W/target/old/a"
  expect_ok "and the new one serves" as_a rm "$W/target/d/a"
  expect_eq "what was removed" "b c log b below c" "$(echo $(ls "$W/source/d") $(ls "$W/source/old"))"
  end_view
}

case_source_deleted() {
  make_source "$W/source"
  mkdir "$W/target"
  mount_view --identity $USER_A --coherence 0s "$W/source" "$W/target" || return
  "${A[@]}" bash -c 'exec 5< "$1/file"; echo opened; sleep 1; cat <&5' user "$W/target" > "$W/user" 2>&1 &
  local user=$!
  STARTED+=($user)
  expect_soon "a user has a file open" 5 grep -qs opened "$W/user"
  rm -r "$W/source"
  expect_eq "the view is empty" "" "$(as_a ls -A "$W/target" 2> /dev/null)"
  expect_fails "its files are gone" as_a cat "$W/target/file"
  expect_fails "nothing can be made in it" as_a touch "$W/target/new"
  expect_ok "it still answers" as_a stat -f "$W/target"
  expect_soon "the user ends" 5 ended $user
  expect_eq "the open file stayed usable" "opened content" "$(echo $(cat "$W/user"))"
  end_view
}

# The view holds a clone of its own of the source's mount.
case_source_unmounted() {
  mkdir "$W/source" "$W/target"
  mount -t tmpfs -o mode=755,uid=$USER_A,gid=$USER_A tmpfs "$W/source"
  make_source "$W/source"
  mount_view --identity $USER_A "$W/source" "$W/target" || return
  expect_ok "umount -l of the source" timed umount -l "$W/source"
  expect_eq "the view goes on: reading" content "$(as_a cat "$W/target/file")"
  expect_ok "writing" as_a sh -c "echo more > $W/target/new"
  expect_eq "and reading it back" more "$(as_a cat "$W/target/new")"
  expect_eq "the directory below is empty" "" "$(ls -A "$W/source")"
  end_view
}

case_source_changed_behind_the_view() {
  make_source "$W/source"
  mkdir "$W/target"
  mount_view --identity $USER_A --coherence 0s --hide '*.key' "$W/source" "$W/target" || return
  echo new > "$W/source/new"
  expect_eq "a file made behind it" new "$(as_a cat "$W/target/new")"
  mv "$W/source/new" "$W/source/new.key"
  expect_fails "renamed to a hidden name" as_a cat "$W/target/new"
  expect_fails "and not there by that name" as_a cat "$W/target/new.key"
  mv "$W/source/file" "$W/source/dir/moved"
  expect_eq "moved" content "$(as_a cat "$W/target/dir/moved")"
  rm "$W/source/dir/moved"
  echo other > "$W/source/dir/moved"
  chown $USER_A "$W/source/dir/moved"
  expect_eq "replaced" other "$(as_a cat "$W/target/dir/moved")"
  mkdir "$W/source/mounted"
  expect_eq "a directory made behind it" "" "$(as_a ls -A "$W/target/mounted")"
  mount -t tmpfs -o mode=755 tmpfs "$W/source/mounted"
  touch "$W/source/mounted/foreign"
  expect_eq "what is mounted over it later is not in the view" "" "$(as_a ls -A "$W/target/mounted")"
  umount "$W/source/mounted"
  end_view
}

# Not even root: only who the view is for.
case_only_its_user() {
  make_source "$W/source"
  mkdir "$W/target"
  mount_view --identity $USER_A "$W/source" "$W/target" || return
  expect_fails "root may not list it" timed ls "$W/target/"
  expect_fails "root may not read in it" timed cat "$W/target/file"
  expect_fails "nor another user" as_b ls "$W/target/"
  expect_eq "its user may" content "$(as_a cat "$W/target/file")"
  end_view
}

case_read_only() {
  make_source "$W/source"
  mkdir "$W/target"
  local before
  mount_view --identity $USER_A --ro "$W/source" "$W/target" || return
  before=$(snapshot_of "$W/source")
  expect_match "write" 'Read-only file system' "$(as_a sh -c "echo x > $W/target/file" 2>&1)"
  expect_fails "make" as_a touch "$W/target/new"
  expect_fails "remove" as_a rm "$W/target/file"
  expect_fails "rename" as_a mv "$W/target/file" "$W/target/other"
  expect_fails "mkdir" as_a mkdir "$W/target/new"
  expect_fails "chmod" as_a chmod 600 "$W/target/file"
  expect_fails "truncate" as_a truncate -s 0 "$W/target/file"
  expect_fails "remounting it read-write does not help" timed mount -o remount,rw "$W/target" && as_a touch "$W/target/file"
  expect_eq "nothing has changed" "$before" "$(snapshot_of "$W/source")"
  end_view
}

case_policy_file() {
  make_source "$W/source"
  mkdir "$W/target"
  printf 'hide = [\n  ".env",      # a comment\n  "*.key",\n]\n' > "$W/policy.toml"
  mount_view --identity $USER_A --policy "$W/policy.toml" --hide dir/ "$W/source" "$W/target" || return
  expect_eq "rules of the file and of the words" "file keys" "$(echo $(as_a ls -A "$W/target"))"
  expect_eq "hidden below" "" "$(as_a ls -A "$W/target/keys")"
  end_view
}

# A thing of the machine, which one view may not stop.
case_sync_with_a_stopped_worker() {
  make_source "$W/source"
  mkdir "$W/target"
  mount_view --identity $USER_A --name v "$W/source" "$W/target" || return
  note_processes v
  kill -STOP "$WORKER"
  local from
  from=$(milliseconds)
  timed sync
  [ $(($(milliseconds) - from)) -lt 10000 ] || fail "sync(1) does not wait for a worker"
  kill -CONT "$WORKER"
  end_view
}

case_doctor() {
  local out
  mkdir "$W/place"
  chmod 777 "$W/place"
  out=$(timed sluice doctor "$W/place")
  expect_eq "doctor: exit status" 0 $?
  expect_no_match "doctor: nothing is wrong" 'FAIL' "$out"
  out=$(timed sluice doctor "$W/place" --json)
  expect_eq "doctor --json: exit status" 0 $?
  expect_eq "doctor --json: every step has its fields" true \
    "$(jq 'length >= 8 and all(.[]; (keys == ["found","mend","step","verdict","why"]) and (.verdict | IN("ok","warn","FAIL")))' <<< "$out")"
  expect_eq "doctor leaves nothing behind" "" "$(ls -A "$W/place")"
  expect_nothing_left doctor
  start_service
  out=$(as_a sluice doctor "$W/place" --json)
  expect_eq "doctor of a user: exit status" 0 $?
  expect_eq "doctor of a user leaves nothing behind" "" "$(ls -A "$W/place")"
  stop_service
  out=$(as_a sluice doctor "$W/place" --json)
  expect_eq "doctor without a service: exit status" 5 $?
  expect_eq "it names the step" FAIL "$(jq -r '.[] | select(.step == "service").verdict' <<< "$out")"
  expect_eq "and leaves nothing behind" "" "$(ls -A "$W/place")"
}

# Names that somebody else chose, on one line and without escapes, wherever they are printed.
case_hostile_names() {
  local source=$W/$'s\e[31m\n"\\' target=$W/$'t\n x'
  make_source "$source"
  mkdir "$target"
  mount_view --identity $USER_A --name v "$source" "$target" || return
  touch "$source"/$'f\e[32m\n'
  as_a cat "$target"/$'f\e[32m\n' > /dev/null || fail "a file of that name can be read"
  local text
  for text in "$(cat "$W/mount.out")" "$(cat "$W/mount.err")" "$(timed sluice ls)" "$(timed sluice status)" \
    "$(timed sluice ls --json)" "$(timed sluice status --json)"; do
    LC_ALL=C grep -q '[^ -~]' <<< "$text" && fail "only printable characters" "got: $(od -c <<< "$text" | head -20)"
  done
  expect_eq "one line for a view" 2 "$(timed sluice ls | wc -l)"
  expect_match "the name in ls" 's\\x1b\[31m\\x0a\\x22\\x5c -> ' "$(timed sluice ls)"
  expect_ok "umount by that name" timed sluice umount "$target"
  await_view
}

# A strict umask of root's is no reason for others not to see what is theirs.
case_umask_of_root() {
  make_source "$W/source"
  mkdir "$W/target"
  (umask 077 && exec sluice mount --identity $USER_A --name v "$W/source" "$W/target") > "$W/mount.out" 2> "$W/mount.err" &
  VIEW=$!
  STARTED+=($VIEW)
  expect_soon "the view comes up" 5 serves
  expect_eq "its user sees it in ls" '["v"]' "$(as_a sluice ls --json | jq -c 'map(.name)')"
  expect_ok "files get the mode that their user's umask says" as_a sh -c "umask 022; touch $W/target/new"
  expect_eq "and not root's" 644 "$(stat -c %a "$W/source/new")"
  end_view
}

run_cases
