#!/usr/bin/env bash
# What rules do in a mounted view: each effect, and what is told to the application.
. "$(dirname "$0")/common.sh"

# view POLICY: a view of $W/source at $W/view for user A, by a policy read from standard input.
view() {
  mkdir -p "$W/view"
  cat > "$W/policy.toml"
  mount_view --identity $USER_A --policy "$W/policy.toml" "$@" "$W/source" "$W/view"
}
# in_view COMMAND...: as user A, in the view; its output and errors.
in_view() { (cd / && as_a sh -c 'cd "$1" && shift && exec "$@"' sh "$W/view" "$@" 2>&1); }
# refused WHAT ERROR COMMAND...
refused() {
  local what=$1 error=$2 out
  shift 2
  if out=$(in_view "$@"); then fail "$what" "expected: $error" "got:      success; $out"; fi
  expect_match "$what" "$error" "$out"
}
end_view() {
  kill -TERM "$VIEW"
  await_view
}

case_read_only_and_read_write_again() {
  make_source "$W/source"
  mkdir -p "$W/source/vendor/cache"
  echo library > "$W/source/vendor/lib"
  ln "$W/source/vendor/lib" "$W/source/other-name"
  chown -R $USER_A:$USER_A "$W/source"
  view << 'END' || return
[[rule]]
path = "/vendor/"
access = "read-only"
[[rule]]
path = "/vendor/cache/"
access = "read-write"
END
  local rofs='Read-only file system'
  expect_eq "reading" library "$(in_view cat vendor/lib)"
  refused "writing" "$rofs" sh -c 'echo x > vendor/lib'
  refused "appending" "$rofs" sh -c 'echo x >> vendor/lib'
  refused "cutting" "$rofs" truncate -s 0 vendor/lib
  refused "making" "$rofs" touch vendor/new
  refused "removing" "$rofs" rm -f vendor/lib
  refused "renaming" "$rofs" mv vendor/lib elsewhere
  refused "replacing" "$rofs" mv -f file vendor/lib
  refused "changing the mode" "$rofs" chmod 600 vendor/lib
  refused "changing times" "$rofs" touch -d @0 vendor/lib
  refused "an attribute" "$rofs" python3 -c 'import os; os.setxattr("vendor/lib", "user.a", b"b")'
  refused "a further name" "cross-device|$rofs" ln vendor/lib elsewhere
  expect_ok "below it what is read-write again" in_view sh -c 'echo x > vendor/cache/x && rm vendor/cache/x'
  # Another name of the file is not read-only; both are open at once.
  expect_eq "both names at once" "library more" "$(in_view sh -c \
    'exec 3< vendor/lib 4>> other-name; echo more >&4; echo $(cat <&3)')"
  expect_eq "the source is as it was but for that" "library more" "$(echo $(cat "$W/source/vendor/lib"))"
  end_view
}

case_denied() {
  make_source "$W/source"
  mkdir "$W/source/keys/in"
  view << 'END' || return
[[rule]]
path = "/keys/"
access = "deny"
errno = "EPERM"
END
  expect_eq "it can be seen" directory "$(in_view stat -c %F keys)"
  refused "listing" 'Operation not permitted' ls keys
  refused "what is in it" 'Operation not permitted' cat keys/id.key
  refused "changing it" 'Operation not permitted' chmod 700 keys
  refused "removing it" 'Operation not permitted' rmdir keys
  end_view
}

case_masked() {
  make_source "$W/source"
  ln -s keys/id.key "$W/source/to-key"
  view << 'END' || return
[[rule]]
paths = ["/keys/", ".env", "to-key"]
access = "mask"
END
  expect_eq "types" "directory, regular empty file, symbolic link" \
    "$(in_view stat -c %F keys .env to-key | paste -sd, | sed 's/,/, /g')"
  expect_eq "a file is empty" "" "$(in_view cat .env)"
  expect_eq "and so is its map and its size" 0 "$(in_view stat -c %s .env)"
  expect_eq "a directory is empty" "" "$(in_view ls -A keys)"
  refused "what is in it is not there" 'No such file' cat keys/id.key
  refused "a link leads nowhere" 'Permission denied' readlink -v to-key
  refused "making in it" 'Read-only file system' touch keys/new
  refused "removing it" 'Read-only file system' rm -f .env
  expect_eq "the source is as it was" secret "$(cat "$W/source/.env")"
  end_view
}

case_owner_mode_and_execution() {
  make_source "$W/source"
  printf '#!/bin/sh\necho ran\n' > "$W/source/tool.sh"
  chmod 755 "$W/source/tool.sh"
  chown $USER_A:$USER_A "$W/source/tool.sh"
  view << 'END' || return
[[rule]]
path = "file"
owner = 4321
group = 4322
mode = "go-r"
[[rule]]
path = "*.sh"
execute = false
END
  expect_eq "as the rule says" "4321 4322 600" "$(in_view stat -c '%u %g %a' file)"
  expect_eq "also in a listing" "4321 4322 600" "$(in_view find . -name file -printf '%U %G %m')"
  refused "the rule decides, not chmod" 'Operation not permitted' chmod 644 file
  expect_eq "the source is as it was" "$USER_A $USER_A 644" "$(stat -c '%u %g %a' "$W/source/file")"
  refused "executing" 'Permission denied' ./tool.sh
  expect_eq "reading it" ran "$(in_view sh tool.sh)"
  expect_eq "new ones too" 644 "$(in_view sh -c 'umask 022; cp -p tool.sh new.sh; chmod 755 new.sh; stat -c %a new.sh')"
  end_view
}

case_window() {
  make_source "$W/source"
  head -c 300000 /dev/urandom > "$W/source/big"
  chown $USER_A:$USER_A "$W/source/big"
  tail -c +1001 "$W/source/big" | head -c 200000 > "$W/part"
  chmod 644 "$W/part"
  view << 'END' || return
[[rule]]
path = "big"
window = { offset = 1000, length = 200000 }
[[rule]]
path = "file"
window = { offset = 5, length = 100 }
END
  expect_eq "its size" 200000 "$(in_view stat -c %s big)"
  expect_ok "its content, read" in_view cmp big "$W/part"
  expect_ok "its content, mapped" in_view python3 -c 'import mmap, sys
f = open("big", "rb"); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
sys.exit(m[:] != open(sys.argv[1], "rb").read())' "$W/part"
  expect_eq "from the middle" "$(tail -c +150001 "$W/part" | md5sum)" "$(in_view sh -c 'tail -c +150001 big | md5sum')"
  expect_eq "behind its end" 0 "$(in_view sh -c 'dd if=big bs=1000 skip=200 2> /dev/null | wc -c')"
  expect_eq "a window that is longer than the file" nt "$(in_view cat file)"
  expect_eq "fsync, and where its data and its end are" "0 100 200000 [Errno 6] No such device or address" \
    "$(in_view python3 -c 'import os
f = os.open("big", os.O_RDONLY); os.fsync(f); os.fdatasync(f)
print(os.lseek(f, 0, os.SEEK_DATA), os.lseek(f, 100, os.SEEK_DATA), os.lseek(f, 0, os.SEEK_HOLE), end=" ")
try: os.lseek(f, 200000, os.SEEK_DATA)
except OSError as error: print(error)' 2>&1)"
  refused "writing" 'Read-only file system' sh -c 'echo x >> big'
  # Many at a time, and read by many: every reply goes to who asked.
  expect_ok "ten readers" in_view sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do cmp big "$1" & p="$p $!"; done
for i in $p; do wait $i || exit 1; done' sh "$W/part"
  echo longer content > "$W/source/file"
  sleep 1.2
  expect_eq "what changes behind the view" "r content" "$(in_view cat file)"
  end_view
}

case_names_at_the_most() {
  make_source "$W/source"
  view << 'END' || return
[[rule]]
path = "/dir/"
names = 2
END
  expect_ok "the first two" in_view sh -c 'touch dir/1 && mkdir dir/2'
  refused "a third file" 'quota' touch dir/3
  refused "a third directory" 'quota' mkdir dir/3
  refused "a link" 'quota' ln dir/1 dir/3
  expect_ok "elsewhere" in_view touch 3
  end_view
}

# What is there by the time that it would be made, from behind the view, is not made.
case_names_that_are_found() {
  make_source "$W/source"
  view << 'END' || return
[[rule]]
path = "/dir/"
names = 2
END
  # In one process, so that the view has no time to say that there is something by now.
  expect_eq "found, or made by the view" "" "$(as_a perl -e '
    use Fcntl;
    my ($source, $view) = @ARGV;
    for my $i (1 .. 20) {
      stat("$view/dir/$i") and print "there: $i\n";
      sysopen(my $made, "$source/dir/$i", O_CREAT | O_EXCL | O_RDWR, 0644) or print "making $i: $!\n";
      sysopen(my $found, "$view/dir/$i", O_CREAT | O_RDWR, 0644) or print "opening $i: $!\n";
    }' "$W/source" "$W/view" 2>&1)"
  expect_ok "two are made" in_view touch dir/a dir/b
  refused "and no third" 'quota' touch dir/c
  end_view
}

# Each pattern counts by itself, whatever else rules say of what is in it.
case_names_of_each_pattern() {
  make_source "$W/source"
  view << 'END' || return
[[rule]]
paths = ["/dir/", "/keys/"]
names = 2
[[rule]]
paths = ["*.a", "*.b"]
mode = "0600"
[[rule]]
path = "*.b"
execute = false
END
  expect_ok "two that other rules are about" in_view sh -c 'touch dir/1.a dir/2.b'
  refused "a third, that none is about" 'quota' touch dir/3
  refused "or another" 'quota' touch dir/3.a
  expect_ok "of the other pattern two more" in_view sh -c 'touch keys/1 && ln keys/1 keys/2'
  refused "and no third" 'quota' mkdir keys/3
  refused "nor a link that is none" 'quota' ln -s x keys/3
  refused "nor a pipe" 'quota' mkfifo keys/3
  expect_ok "what is moved is not made" in_view mv dir/1.a dir/moved.a
  expect_ok "nor what is there already" in_view sh -c 'echo more > dir/moved.a'
  expect_ok "what is removed" in_view rm -f dir/moved.a
  refused "is not given back" 'quota' touch dir/4
  refused "nor to a file that had no name" 'quota' python3 -c 'import os
f = os.open("dir", os.O_TMPFILE | os.O_RDWR)
os.link(f"/proc/self/fd/{f}", "dir/5", src_dir_fd=os.open("/", os.O_PATH), follow_symlinks=True)'
  expect_eq "so that two were made" "2.b deep|1 2 id.key" "$(echo $(ls "$W/source/dir"))|$(echo $(ls "$W/source/keys"))"
  end_view
}

case_for_a_time() {
  make_source "$W/source"
  local now
  now=$(date +%s)
  view --coherence 100ms << END || return
[[rule]]
path = "file"
access = "hide"
until = $(date -u -d "@$((now + 4))" +%Y-%m-%dT%H:%M:%SZ)
[[rule]]
path = ".env"
access = "hide"
from = $(date -u -d "@$((now + 4))" +%Y-%m-%dT%H:%M:%SZ)
END
  if [ "$(date +%s)" -lt $((now + 3)) ]; then
    expect_eq "before" ".env dir keys" "$(echo $(in_view ls -A))"
  fi
  turned() { [ "$(echo $(in_view ls -A))" = "dir file keys" ]; }
  expect_soon "after" 6 turned
  expect_eq "and it opens" content "$(in_view cat file)"
  refused "or not" 'No such file' cat .env
  end_view
}

run_cases
