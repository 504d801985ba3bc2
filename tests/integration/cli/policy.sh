#!/usr/bin/env bash
# sluice policy: what it says of a policy, of a path and of a directory is what a view then does.
. "$(dirname "$0")/common.sh"

# try.pl PATH OPERATION...: a line for each, with the errno by its name; empty where it succeeds.
cat > /run/try.pl << 'EOF_PERL'
use strict; use Errno; use Fcntl qw(:DEFAULT);
my $path = shift @ARGV;
my %do = (
  look => sub { lstat($path) },
  list => sub { opendir(my $d, $path) },
  read => sub { sysopen(my $f, $path, O_RDONLY) },
  write => sub { sysopen(my $f, $path, O_WRONLY) },
  change => sub { utime(undef, undef, $path) },
  make => sub { sysopen(my $f, $path, O_WRONLY | O_CREAT | O_EXCL, 0644) },
  "make/" => sub { mkdir($path) },
);
# Perl looks before it removes; these commands do not.
sub remove {
  my $said = -d $path ? `rmdir "$path" 2>&1` : `unlink "$path" 2>&1`;
  return "" if $? == 0;
  for my $name (qw(ENOENT EROFS EACCES EPERM ENOTEMPTY)) {
    $! = eval "Errno::$name()";
    return $name if $said =~ /: $!$/;
  }
  return $said;
}
for my $operation (@ARGV) {
  my $got = "";
  if ($operation eq "remove") { $got = remove() }
  elsif (!$do{$operation}->()) {
    for my $name (keys %!) { $got = $name if $!{$name} && $name ne "EWOULDBLOCK" && $name ne "ENOTSUP" }
  }
  print "$operation $got\n";
}
EOF_PERL

make_tree() { # directory
  mkdir -p "$1"/{open,ro/below,denied/below,denied2,masked/below,hidden/below,shut} "$1/open/sub"
  for f in plain a.key public.key open/file open/b.key ro/file ro/below/deep denied/file masked/file masked/below/deep \
    hidden/file hidden/below/deep refused empty part program owned; do
    printf 'content of %s\n' "$f" > "$1/$f"
  done
  ln -s plain "$1/link"
  chmod 755 "$1/program"
  chown -hR $USER_A:$USER_A "$1"
}
write_policy() { # file
  cat > "$1" << 'EOF_TOML'
hide = ["*.key", "!public.key", "/hidden/"]
[[rule]]
paths = ["/ro/"]
access = "read-only"
reason = "kept as it is"
[[rule]]
paths = ["/denied/", "/denied2/", "/refused"]
access = "deny"
errno = "EPERM"
[[rule]]
path = "/shut/"
access = "deny"
[[rule]]
paths = ["/masked/", "/empty"]
access = "mask"
[[rule]]
path = "/part"
window = { offset = 3, length = 4 }
[[rule]]
path = "/program"
execute = false
mode = "go-rwx"
[[rule]]
path = "/ro/below/"
access = "read-write"
[[rule]]
path = "/gone"
access = "hide"
until = 2001-01-01T00:00:00Z
EOF_TOML
}

case_check() {
  local p=$W/p.toml
  write_policy "$p"
  expect_eq "what it says" "\"$p\": 15 rules, read-write, coherence 1000 ms" "$(timed sluice policy check "$p" 2>&1)"
  expect_eq "as JSON" '15 rw 1000 0' \
    "$(timed sluice policy check --json "$p" | jq -r '"\(.rules) \(.access) \(.coherence_ms) \(.warnings | length)"')"
  printf 'read-only = true\ncoherence = "500ms"\ninclude = ["office", "p.toml"]\n' > "$W/q.toml"
  expect_eq "with what it includes" "ro 500" \
    "$(timed sluice policy check --json "$W/q.toml" | jq -r '"\(.access) \(.coherence_ms)"')"
}

# warns WHAT TEXT EXPECTED: the places of the warnings about a policy of this text, as printf has it.
warns() {
  printf "$2" > "$W/w.toml"
  expect_eq "$1" "$3" "$(timed sluice policy check --json "$W/w.toml" | jq -r '[.warnings[].place | sub(".*/w.toml:"; "")] | join(" ")')"
}
case_warnings() {
  warns "the same pattern twice" 'hide = ["a", "b", "a"]\n' "1:9"
  warns "hidden and shown" 'hide = ["a", "!a"]\n' "1:9"
  warns "all is hidden later" 'hide = ["a", "b", "*"]\n' "1:9 1:14"
  warns "a single path" 'hide = ["/x/a", "a"]\n' "1:9"
  warns "below what is hidden" 'hide = ["/x/", "!/x/a"]\n' "1:16"
  warns "below what is denied" '[[rule]]\npath="/x"\naccess="deny"\n[[rule]]\npath="/x/y/*"\nmode="0"\n' "5:6"
  warns "nothing before it hides it" 'hide = ["!a", "b", "!c"]\n' "1:9 1:20"
  warns "another access for the same" '[[rule]]\npath="a"\naccess="mask"\n[[rule]]\npath="a"\naccess="read-only"\n' "2:6"
  warns "a graft that is hidden" 'hide = ["/lib/"]\n[[graft]]\nat = "lib"\ndirectory = "/usr"\n[[graft]]\nat = "bin"\ndirectory = "/usr"\n' "3:6"
  # And what looks like these, but decides.
  warns "directories and all" 'hide = ["a", "!a/"]\n' ""
  warns "everything but one" 'hide = ["*", "!a"]\n' ""
  warns "shown in a directory" 'hide = ["a", "!/x/a"]\n' ""
  warns "shown what a glob hides" 'hide = ["*.key", "!public.key"]\n' ""
  warns "another thing of the same" '[[rule]]\npath="a"\naccess="mask"\n[[rule]]\npath="a"\nmode="0"\n' ""
  warns "for a time" '[[rule]]\npath="a"\naccess="mask"\n[[rule]]\npath="a"\naccess="read-only"\nuntil=2040-01-01T00:00:00Z\n' ""
  warns "a special name" 'hide = ["/x/!a", "!/x/!a/b", "/x/#c", "!\\\\#c"]\n' "1:18 1:30"
  printf 'hide = ["a"]\n' > "$W/other.toml"
  warns "what is included" 'include = ["other.toml"]\nhide = ["!a"]\n' ""
  local out
  printf 'hide = ["a", "a"]\n' > "$W/w.toml"
  out=$(timed sluice policy check "$W/w.toml" 2>&1 > /dev/null)
  expect_match "as text" "^sluice: .*/w\.toml:1:9: warning: rule \"a\" \(hide\) never decides: the later rule at .*/w\.toml:1:14 does
        try: take one" "$out"
  expect_ok "a warning is no error" timed sluice policy check "$W/w.toml"
  for out in coding-agent build read-only office; do
    expect_eq "$out: no warnings" 0 "$(timed sluice policy check --json $out | jq '.warnings | length')"
  done
}

# The same of a view that is made, in a line each; and the view is made.
case_warnings_of_views() {
  make_source "$W/source"
  mkdir "$W/view"
  printf 'hide = ["a", ".env", "a", "/x/", "!/x/y"]\n' > "$W/p.toml"
  local told="sluice: $W/p.toml:1:9: warning: rule \"a\" (hide) never decides: the later rule at $W/p.toml:1:22 does
sluice: $W/p.toml:1:34: warning: rule \"!/x/y\" (show) shows what no rule before it hides"
  mount_view --identity $USER_A --policy "$W/p.toml" "$W/source" "$W/view" || return
  expect_eq "mount" "$told" "$(grep '^sluice: ' "$W/mount.err")"
  expect_eq "it serves" "dir file keys" "$(echo $(as_a ls "$W/view"))"
  expect_eq "reload" "$told" "$(timed sluice reload --policy "$W/p.toml" "$(timed sluice ls --json | jq -r '.[0].name')" 2>&1 > /dev/null)"
  kill -TERM "$VIEW"
  await_view
  start_service
  expect_eq "run" "$told" "$(cd "$W/source" && as_a sluice run --policy "$W/p.toml" -- true 2>&1)"
  printf 'hide = ["a", ".env", "/x/y"]\n' > "$W/p.toml"
  expect_eq "not what the command line says as well" "dir file keys" \
    "$(cd "$W/source" && echo $(as_a sluice run --policy "$W/p.toml" --hide a --hide .env --hide .env --hide /x/ -- ls 2>&1))"
  for _ in {1..20}; do echo; done | sed 's/.*/"a",/' | tr -d '\n' | sed 's/.*/hide = [&]\n/' > "$W/p.toml"
  expect_match "not without end" $'\nsluice: and 9 more rules never decide: see sluice policy check$' \
    "$(cd "$W/source" && as_a sluice run --policy "$W/p.toml" -- true 2>&1)"
  expect_eq "the ready ones warn of nothing" "" \
    "$(cd "$W/source" && for name in coding-agent build read-only office; do as_a sluice run --policy $name -- true 2>&1; done)"
  stop_service
}

# What explain says against what the view does, of each operation that makes sense. "make/": a directory.
agree() { # path operation...
  local path=$1 dir=() said
  shift
  [ -d "$W/source/$path" ] && dir=(--dir)
  said=$(timed sluice policy explain "${dir[@]}" "$W/$POLICY" "$path" | awk -v wanted="${*%/}" '
    { split($2, error, ","); got[$1] = error[1] == "yes" ? "" : error[1]; known[$1] = 1 }
    END { n = split(wanted, w, " "); for (i = 1; i <= n; ++i) if (w[i] in known) print w[i], got[w[i]] }')
  [ "$(wc -l <<< "$said")" = $# ] || fail "$POLICY: explain knows of $path" "got: $said"
  expect_eq "$POLICY: $path" "$said" "$(as_a perl /run/try.pl "$W/view/$path" "$@" | sed 's,^make/,make,')"
}
compare_with_view() { # policy
  POLICY=$1
  make_tree "$W/source"
  mkdir -p "$W/view"
  mount_view --identity $USER_A --policy "$W/$1" "$W/source" "$W/view" || return
  local path
  for path in plain a.key public.key open/b.key ro/file ro/below/deep denied/file masked/file masked/below/deep \
    hidden/file refused empty program; do
    agree "$path" look read write change
  done
  agree part look read write change
  for path in open ro ro/below denied denied/below shut masked masked/below hidden hidden/below; do
    agree "$path" look list change
  done
  for path in new new.key ro/new ro/below/new denied/new masked/new hidden/new nowhere.key ro/new.key; do
    agree "$path" make
  done
  for path in open/made ro/made ro/below/made denied/made shut/made; do agree "$path" make/; done
  for path in plain a.key ro/file ro/below/deep denied/file masked/file masked refused empty part hidden/file; do
    agree "$path" remove
  done
  kill -TERM "$VIEW"
  await_view
  umount -l "$W/view" 2> /dev/null
  rm -rf "$W/source"
}
case_explain_is_what_a_view_does() {
  write_policy "$W/p.toml"
  { echo 'read-only = true'; cat "$W/p.toml"; } > "$W/ro.toml"
  compare_with_view p.toml
  compare_with_view ro.toml
}

case_explain() {
  local p=$W/p.toml out
  write_policy "$p"
  out=$(timed sluice policy explain "$p" ro/file)
  expect_match "the rule" "access +read-only, by \"/ro/\" at $p:3:10, through \"ro\"" "$out"
  expect_match "its reason" 'because: kept as it is' "$out"
  expect_match "what is allowed" 'read +yes' "$out"
  expect_match "what is not" 'write +EROFS, read-only-rule: ' "$out"
  expect_match "hidden" '^x/a.key, a file, is hidden' "$(timed sluice policy explain "$p" ./x/a.key)"
  expect_match "shown again" "sight +show, by \"!public.key\" at $p:1:18" "$(timed sluice policy explain "$p" x/public.key)"
  expect_match "through a directory" "sight +hide, by \"/hidden/\" at $p:1:33, through \"hidden\"" \
    "$(timed sluice policy explain "$p" hidden/below/deep)"
  expect_match "a directory rule and a file" 'hidden, a file, is seen' "$(timed sluice policy explain "$p" hidden)"
  expect_match "a directory rule and a directory" 'hidden, a directory, is hidden' "$(timed sluice policy explain "$p" hidden/)"
  expect_match "no rule" 'no rule says anything' "$(timed sluice policy explain "$p" plain)"
  expect_match "a rule whose time is over" 'gone, a file, is seen' "$(timed sluice policy explain "$p" gone)"
  expect_eq "terms" "access execution mode" \
    "$(timed sluice policy explain --json "$p" program | jq -r '[.deciding[].term] | sort | join(" ")' | sed 's/^/access /')"
  expect_eq "what each says" "mode go-rwx|no execute" \
    "$(timed sluice policy explain --json "$p" program | jq -r '[.deciding[].says] | join("|")')"
  expect_match "escapes" '^a\\x1b, a file' "$(timed sluice policy explain "$p" $'a\e')"
  expect_eq "one operation" '[{"errno":"EPERM","operation":"read","reason":"denied"}]' \
    "$(timed sluice policy explain --json --op read "$p" refused | jq -c -S .operations)"
}

seen_in() { # json of show: paths that are not hidden
  jq -r '.entries[] | select(.hidden | not) | .path' <<< "$1" | sort
}
case_show_is_what_a_view_shows() {
  local json before in_view
  make_tree "$W/source"
  write_policy "$W/p.toml"
  # A denied directory cannot be listed, and a masked one is empty; nor are links followed.
  ln -s / "$W/source/open/root"
  # Times of access that any reading would renew, and told without reading.
  local paths
  mapfile -t paths < <(find "$W/source")
  touch -h -a -d @1000000000 "${paths[@]}"
  before=$(stat -c '%n %x %y %z' "${paths[@]}")
  json=$(timed sluice policy show --json "$W/p.toml" "$W/source") || fail "show" "got: $json"
  expect_eq "nothing is touched" "$before" "$(stat -c '%n %x %y %z' "${paths[@]}")"
  mkdir "$W/view"
  mount_view --identity $USER_A --policy "$W/p.toml" "$W/source" "$W/view" || return
  in_view=$(as_a find "$W/view" -mindepth 1 -printf '%P\n' 2> /dev/null | sort)
  expect_eq "the same names" "$in_view" "$(seen_in "$json")"
  expect_match "some are seen" 'ro/below/deep' "$in_view"
  kill -TERM "$VIEW"
  await_view
  expect_eq "what is hidden" "a.key hidden open/b.key" "$(jq -r '[.entries[] | select(.hidden).path] | join(" ")' <<< "$json")"
  expect_eq "it counts" "3 $(jq '.entries | length' <<< "$json")" "$(jq -r '"\(.hidden) \(.names)"' <<< "$json")"
  expect_eq "marks" '["no execute","mode go-rwx"]' "$(jq -c '.entries[] | select(.path == "program").marks | sort | reverse' <<< "$json")"
  expect_eq "marks below" '["read-only"]' "$(jq -c '.entries[] | select(.path == "ro/file").marks' <<< "$json")"
}
case_show() {
  local out
  make_tree "$W/source"
  write_policy "$W/p.toml"
  out=$(timed sluice policy show "$W/p.toml" "$W/source")
  expect_match "hidden, marked" $'(^|\n)a.key +\\[hidden\\]\n' "$out"
  expect_match "denied" $'\ndenied/ +\\[deny EPERM\\]\nd' "$out"
  expect_match "not gone into" $'\nhidden/ +\\[hidden\\]\nl' "$out"
  expect_match "a link" $'\nlink@\n' "$out"
  expect_match "a window" $'\npart +\\[window 3\\+4\\]\n' "$out"
  expect_match "how many" $'\n3 of 22 names are hidden$' "$out"
  out=$(timed sluice policy show --hidden "$W/p.toml" "$W/source")
  expect_eq "only the hidden" "a.key hidden/ open/b.key 3" "$(awk "{ printf \"%s%s\", sep, \$1; sep = \" \" }" <<< "$out")"
  expect_match "with the rule" "^a\.key  by \"\*\.key\" at $W/p\.toml:1:9" "$out"
  printf x > "$W/source/"$'\e[31m\n'
  expect_match "escapes" '\\x1b\[31m\\x0a' "$(timed sluice policy show "$W/p.toml" "$W/source")"
  expect_match "here, without a directory" '^3 of 23 names' "$(cd "$W/source" && timed sluice policy show --hidden "$W/p.toml" | tail -1)"
  mkdir "$W/source/mounted"
  mount -t tmpfs tmpfs "$W/source/mounted"
  touch "$W/source/mounted/inside"
  out=$(timed sluice policy show "$W/p.toml" "$W/source")
  umount "$W/source/mounted"
  expect_match "a mount" 'mounted/ +\[another mount: not in the view\]' "$out"
  expect_no_match "is not crossed" 'inside' "$out"
  mkdir "$W/source/closed"
  chmod 0 "$W/source/closed"
  expect_match "what cannot be read" 'closed/ +\[cannot be read\]' "$(as_a sluice policy show "$W/p.toml" "$W/source")"
  timed sluice policy show "$W/p.toml" "$W/none" 2> "$W/err"
  expect_eq "no directory" 3 $?
  expect_match "no directory" 'source ".*/none" does not exist' "$(cat "$W/err")"
  (cd "$W/source" && i=0 && while [ $i -lt 300 ]; do mkdir n && cd n || exit; i=$((i + 1)); done)
  expect_match "deep directories" 'names are hidden' "$(ulimit -n 32; timed sluice policy show "$W/p.toml" "$W/source" | tail -1)"
}

case_list() {
  expect_eq "the ready ones" "build coding-agent office read-only" "$(timed sluice policy list --json | jq -r '[.[].policy] | join(" ")')"
  expect_eq "a line each" 4 "$(timed sluice policy list | grep -cE '^[a-z-]+ +[A-Z]')"
}

# The words of the command line win, and come last.
case_command_line() {
  make_tree "$W/source"
  mkdir "$W/view"
  printf 'hide = ["plain", "open"]\ncoherence = "5s"\n' > "$W/p.toml"
  mount_view --identity $USER_A --policy "$W/p.toml" --hide '!open' --hide part --coherence 2s --ro "$W/source" "$W/view" || return
  expect_eq "shown again, and hidden" "ro open -" \
    "$(as_a sh -c 'cd "$1"; echo ro $(ls -d open plain part 2> /dev/null) -' _ "$W/view")"
  expect_eq "its coherence" 2000 "$(timed sluice ls --json | jq '.[0].coherence_ms')"
  expect_eq "read-only" ro "$(timed sluice ls --json | jq -r '.[0].access')"
  kill -TERM "$VIEW"
  await_view
  printf 'read-only = true\ncoherence = "5s"\n' > "$W/p.toml"
  mount_view --identity $USER_A --policy "$W/p.toml" "$W/source" "$W/view" || return
  expect_match "it says so" 'read-only' "$(cat "$W/mount.out")"
  expect_eq "of the policy" "ro 5000" "$(timed sluice ls --json | jq -r '.[0] | "\(.access) \(.coherence_ms)"')"
  kill -TERM "$VIEW"
  await_view
}

run_cases
