#!/usr/bin/env bash
# A view that is written in a file: --view of mount and run, what is wrong in it, and telling the manager.
. "$(dirname "$0")/common.sh"

prepare() {
  make_source "$W/source"
  mkdir "$W/target"
}
view_file() { # name, with its text on standard input
  cat > "$W/$1.toml"
}
good_file() {
  view_file good << END
hide = [".env"]
[view]
source = "$W/source"
target = "$W/target"
identity = "$USER_A"
command = ["ls", "-A", "$W/source"]
END
}
refused() { # what expected status command...
  local what=$1 wanted=$2 status=$3 out got
  shift 3
  out=$(timed "$@" 2>&1)
  got=$?
  expect_match "$what" "$wanted" "${out//$'\n'/ }"
  expect_eq "$what: one line what, one line what to do" 2 "$(wc -l <<< "$out")"
  expect_eq "$what: exit status" "$status" $got
}

case_mount() {
  prepare
  good_file
  mount_view --view "$W/good.toml" || return
  expect_eq "it is called after the file" good "$(timed sluice ls --json | jq -r '.[0].name')"
  expect_eq "it serves" content "$(as_a cat "$W/target/file")"
  expect_fails "and hides" as_a ls "$W/target/.env"
  printf 'hide = ["file"]\n[view]\nsource = "/"\n' > "$W/other.toml"
  expect_ok "the rules of a view file, as a policy" timed sluice reload --policy "$W/other.toml" good --socket "$(ls /run/sluice/private-*.sock)"
  expect_fails "they hold" as_a ls "$W/target/file"
  kill -TERM "$VIEW"
  await_view
  expect_eq "exit status" 0 "$STATUS"
}
# Table and rules are of one text, also where the file is changed meanwhile.
case_read_once() {
  prepare
  good_file
  command -v python3 > /dev/null || skip "needs python3"
  python3 - "$W/good.toml" sluice mount --background --view "$W/good.toml" > "$W/opened" 2> "$W/err" << 'END'
import ctypes, os, subprocess, sys
libc = ctypes.CDLL(None)
IN_OPEN, IN_CLOSE_NOWRITE = 0x20, 0x10  # both, since events that are alike and follow each other come as one
events = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
libc.inotify_add_watch(events, sys.argv[1].encode(), IN_OPEN | IN_CLOSE_NOWRITE)
subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL, check=True, timeout=20)
print(len(os.read(events, 4096)) // 16)  # the size of a struct inotify_event of a file that is watched itself
END
  expect_eq "opened once, and closed" 2 "$(cat "$W/opened")"
  expect_ok "it serves" timed sluice umount "$W/target"
}
case_the_command_line_wins() {
  prepare
  good_file
  mkdir "$W/elsewhere"
  mount_view --view "$W/good.toml" --name mine --ro --hide file "$W/source" "$W/elsewhere" || return
  expect_eq "name and access" '["mine","ro"]' "$(timed sluice ls --json | jq -c '.[0] | [.name, .access]')"
  is_view "$W/elsewhere" || fail "the target"
  expect_eq "rules of both" "dir keys" "$(as_a ls -A "$W/elsewhere" | tr '\n' ' ' | sed 's/ $//')"
  kill -TERM "$VIEW"
  await_view
}
case_run() {
  prepare
  good_file
  start_service
  expect_eq "the file's command" "dir file keys" "$(as_a sluice run --view "$W/good.toml" | tr '\n' ' ' | sed 's/ $//')"
  expect_eq "or that behind --" content "$(as_a sluice run --view "$W/good.toml" -- cat "$W/source/file")"
  printf '[view]\nsource = "%s"\n' "$W/source" > "$W/bare.toml"
  refused "no command" 'no command, here and in the file' 2 sluice run --view "$W/bare.toml"
  stop_service
}
case_what_is_wrong() {
  prepare
  mkdir "$W/source/inside"
  local case
  wrong() { # what expected status, with the file on standard input
    view_file bad
    refused "$1" "$W/bad.toml:$2" "$3" sluice mount --view "$W/bad.toml"
  }
  wrong "an unknown key" '2:1: .*"sorce".*did you mean "source"' 2 <<< $'[view]\nsorce = "/"'
  wrong "no source" '1:1: \[view\] has no source' 2 <<< '[view]'
  wrong "a relative source" '2:10: source "x" is not an absolute path' 2 <<< $'[view]\nsource = "x"'
  wrong "a relative target" '3:10: target "x" is not an absolute path' 2 <<< $'[view]\nsource = "/"\ntarget = "x"'
  wrong "none is no target" '3:10: target "none" is not an absolute path' 2 <<< $'[view]\nsource = "/"\ntarget = "none"'
  wrong "not a string" '2:10: source is not a string' 2 <<< $'[view]\nsource = 1'
  wrong "empty" '2:10: source is not usable' 2 <<< $'[view]\nsource = ""'
  wrong "a NUL" '2:10: source is not usable' 2 <<< $'[view]\nsource = "/a\\u0000b"'
  wrong "a name that is none" '3:8: name "-x" is not a name' 2 <<< $'[view]\nsource = "/"\nname = "-x"'
  wrong "a command that is no list" '3:11: command is not a list' 2 <<< $'[view]\nsource = "/"\ncommand = "ls"'
  wrong "a NUL in a command" '3:18: command is not usable: "a.*b"' 2 <<< $'[view]\nsource = "/"\ncommand = ["ls", "a\\u0000b"]'
  wrong "view is no table" '1:8: view is not a table' 2 <<< 'view = 1'
  wrong "not TOML" '1:' 2 <<< '[view'
  wrong "a source that is not there" "2:10: source \"$W/none\" does not exist" 3 <<< "[view]
source = \"$W/none\"
target = \"$W/target\""
  wrong "a target that is not there" "3:10: target \"$W/none\" does not exist" 3 <<< "[view]
source = \"$W/source\"
target = \"$W/none\""
  wrong "a target inside" "3:10: target .* is inside the source" 3 <<< "[view]
source = \"$W/source\"
target = \"$W/source/inside\""
  wrong "a user that there is not" "4:12: .*no-such-user" 2 <<< "[view]
source = \"$W/source\"
target = \"$W/target\"
identity = \"no-such-user\""
  view_file bare <<< 'hide = ["x"]'
  refused "no table" 'has no \[view\] table' 2 sluice mount --view "$W/bare.toml"
  refused "no file" 'does not exist' 2 sluice mount --view "$W/no-such.toml"
  good_file
  refused "with a policy" '--view and --policy' 2 sluice mount --view "$W/good.toml" --policy office
  view_file including <<< 'include = ["./good.toml"]'
  refused "included" "$W/./good.toml:2:1: a policy with a \[view\] table is no policy to include" 2 sluice policy check "$W/including.toml"
  expect_ok "policy check knows it" timed sluice policy check "$W/good.toml"
  printf '[view]\nsource = "/"\n' > "$W/aimless.toml"
  refused "no target" 'TARGET is missing, here and in the file' 2 sluice mount --view "$W/aimless.toml"
}
case_the_manager_is_told() {
  prepare
  good_file
  command -v python3 > /dev/null || skip "needs python3"
  python3 - "$W/notify" > "$W/told" << 'END' &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
s.settimeout(15)
print(s.recv(100).decode(), flush=True)
END
  local listener=$!
  STARTED+=($listener)
  expect_soon "somebody listens" 5 test -S "$W/notify"
  NOTIFY_SOCKET=$W/notify mount_view --view "$W/good.toml" || return
  expect_soon "it is told" 5 grep -qs . "$W/told"
  expect_eq "what" READY=1 "$(cat "$W/told")"
  kill -TERM "$VIEW"
  await_view
}

run_cases
