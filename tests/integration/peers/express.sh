#!/usr/bin/env bash
# What Sluice, bubblewrap, Landlock, Docker's mounts and bindfs can express: each cell of the table in
# README.md is a function here that tries it.
#   express.sh                     prints the table, and what was found in each cell
#   express.sh --check README.md   fails where the table there differs
# With SLUICE_BIN= the directory of the built programs and SLUICE_LANDLOCK= landlock_rules.
#
# "no" means that no documented option does it; "part" that something short of it can be had, which a
# note under the table says. Everybody gets the options that come closest, and runs as an ordinary user.
# There is no daemon of Docker's here: what its -v, --mount and --tmpfs do are bind mounts and tmpfs in
# a mount namespace, and this does just these with mount(8) before it drops root.
. "$(dirname "$0")/../cli/common.sh"

CHECK=
[ "${1:-}" = --check ] && CHECK=$(realpath "${2:?README.md}")
TOOLS=(sluice bubblewrap landlock docker bindfs)
HEADINGS='| | Sluice | bubblewrap | Landlock | Docker mounts | bindfs |'
ROWS=(
  "named|hide a file"
  "pattern|hide by pattern, at any depth, now and later"
  "absent|hide a name that does not exist yet"
  "subtract|a directory without some names, otherwise the real one"
  "exception|hide all of a directory but some names"
  "readonly|read-only by pattern, in what can be written"
  "errno|refuse with an error of choice"
  "mask|an empty stand-in, of the same type"
  "owner|another owner and mode"
  "graft|several directories as one tree"
  "reload|other rules while it runs"
  "window|a part of a file, and no more"
  "native|data goes through no process and no copy"
  "ordinary|an ordinary user can use it"
  "children|children keep it, and cannot undo it"
)

# ---- What a cell says ----

say() { VERDICT=$1 REASON=$2; }
# judge FACTS: yes where there are none, no where one of NO is among them, else part.
judge() { # facts, extended-regexp of those that mean no, reason for yes, for part, for no
  FACTS=$1
  if [ -z "$1" ]; then
    say yes "$3"
  elif [[ $1 =~ $2 ]]; then
    say no "${5:-it does not}"
  else
    say "${4:+part}" "${4:-neither expected}"
  fi
}
# Guards a "no": where a new version has an option that sounds like it, somebody must look.
options_like() { # tool extended-regexp
  grep -oE -- '--[a-z-]+' <<< "${HELP[$1]}" | grep -E "$2"
}

# ---- The tree, and how each is run ----

# Of user A: secrets in .env, a.key and dir/b.key.
make_tree() {
  rm -rf "$W/t"
  mkdir -p "$W/t/s/dir" "$W/t/s/keys" "$W/t/other" "$W/t/view" "$W/t/stand-in"
  S=$W/t/s
  : > "$W/t/empty"
  for path in .env a.key dir/b.key keys/private; do echo secret > "$S/$path"; done
  for path in file dir/deep keys/public t.csv dir/u.csv; do echo content > "$S/$path"; done
  echo other > "$W/t/other/of-other"
  chown -R $USER_A:$USER_A "$W/t"
  cd "$S" || exit 1
}
sl() { as_a sluice run "$@"; }
bw() { as_a bwrap --dev-bind / / --unshare-pid --proc /proc --chdir "$S" "$@"; }
# Allows what programs need; what is allowed of the tree comes behind it.
ll() { as_a "$SLUICE_LANDLOCK" --read /usr --read /etc --read /proc --write /dev "$@"; }
# dk MOUNTS -- COMMAND...: MOUNTS for a shell, as root, as the runtime does before it starts the container.
dk() {
  local mounts=$1
  shift 2
  timed unshare --mount --propagation "${PROPAGATION:-private}" --pid --fork --kill-child=KILL --mount-proc sh -ec "$mounts
    cd '$S'
    exec \"\$@\"" sh "${A[@]}" "$@"
}
cover() { # PATH...: the commands that cover each with an empty file, read-only
  local path
  for path; do echo "mount --bind '$W/t/empty' '$path'; mount -o remount,bind,ro '$path'"; done
}
bw_covers() { # PATH...
  COVERS=()
  for path; do COVERS+=(--ro-bind "$W/t/empty" "$path"); done
}
# bf OPTIONS -- COMMAND...: by bindfs of the user's own, in its mount.
bf() {
  local options=() result
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  shift
  as_a bindfs --no-allow-other "${options[@]}" "$S" "$W/t/view" || return
  in_view "$@"
  result=$?
  as_a fusermount3 -u "$W/t/view" || return
  return $result
}
in_view() { as_a sh -c 'cd "$0" && exec "$@"' "$W/t/view" "$@"; }
# What Debian has for users of FUSE, whatever this machine has: anybody may open the device, and
# fusermount3 finds a name for the user.
let_users_mount() {
  mknod -m 666 /run/peer/fuse c $((0x$(stat -c %t /dev/fuse))) $((0x$(stat -c %T /dev/fuse))) || return
  mount --bind /run/peer/fuse /dev/fuse || return
  { cat /etc/passwd; echo "sluice-test:x:$USER_A:$USER_A::/:/bin/sh"; } > /run/peer/passwd
  mount --bind /run/peer/passwd /etc/passwd
}

# ---- What is looked for, from within ----

# Each prints the facts that speak against it; nothing where it is as wanted.
IN='
of_name() {
  ls -A "$(dirname "$1")" | grep -qxF "$(basename "$1")" && echo listed
  stat "$1" > /dev/null 2>&1 && echo found
  grep -qs secret "$1" && echo read
}
others_are_there() { grep -qs content file && grep -qs content dir/deep || echo failed-others; }
hidden() { for name; do of_name "$name"; done; others_are_there; }
hidden_later() { (echo secret > "$1") 2> /dev/null; grep -qs secret "$1" && echo later; }
changes() { for name; do (echo changed >> "$name") 2> /dev/null && echo "changed-$name"; done; }
real() {
  (echo content > new) 2> /dev/null && grep -qs content new && rm new || echo new-not-made
  (echo content > kept) 2> /dev/null
  mv file moved 2> /dev/null && mv moved file || echo not-moved
}
error_of() { LC_ALL=C cat "$1" 2>&1 > /dev/null | sed "s/.*: //"; }
'
within() { # CODE RUNNER...: facts in one line
  local code=$1
  shift
  "$@" bash -c "$IN$code"$'\necho ran-to-its-end' > "$W/facts" 2>> "$W/stderr"
  # Without a word it would look as if all were as wanted.
  grep -qx ran-to-its-end "$W/facts" || echo failed-to-run
  grep -vx ran-to-its-end "$W/facts" | sort -u | tr '\n' ' ' | sed 's/ $//'
}

# ---- hide a file ----

sluice_named() { judge "$(within 'hidden .env' sl --hide .env --)" read "hide"; }
STAYS="it is covered and cannot be read, but its name stays listed"
bubblewrap_named() {
  judge "$(within 'hidden .env' bw --ro-bind "$W/t/empty" "$S/.env" --)" read "a bind over it" "$STAYS"
}
# Rules only allow: all others have to be named.
others_of() { # OPTION PATTERN: the files whose names do not match
  find "$S" -type f ! -name "$2" -printf "$1\n%p\n"
}
landlock_named() {
  local rules
  mapfile -t rules < <(others_of --write .env)
  judge "$(within 'hidden .env' ll --list "$S" "${rules[@]}" --)" read "rules for the others" \
    "it cannot be opened, but its name stays listed; rules only allow, so that all others have to be named"
}
docker_named() { judge "$(within 'hidden .env' dk "$(cover "$S/.env")" --)" read "a bind over it" "$STAYS"; }
bindfs_hides_nothing() { # CODE
  judge "$(within "$1" bf --)" . "no option" "" "no option names files"
  [ -z "$(options_like bindfs 'hide|exclude|glob|pattern|filter' | grep -vxE -- '--hide-hard-links|--chmod-filter')" ] ||
    say failed "an option that is new"
}
bindfs_named() { bindfs_hides_nothing 'hidden .env'; }

# ---- by pattern ----

PATTERN='hidden a.key dir/b.key; hidden_later dir/later.key'
ONCE="expanded once: what comes later is not covered; names stay listed"
sluice_pattern() { judge "$(within "$PATTERN" sl --hide '*.key' --)" read "hide"; }
matches() { find "$S" -name "$1"; }
bubblewrap_pattern() {
  local names
  mapfile -t names < <(matches '*.key')
  bw_covers "${names[@]}"
  judge "$(within "$PATTERN" bw "${COVERS[@]}" --)" read "binds" "$ONCE"
}
landlock_pattern() {
  local rules
  mapfile -t rules < <(others_of --write '*.key')
  judge "$(within "$PATTERN" ll --list "$S" "${rules[@]}" --)" read "rules for the others" \
    "expanded once, to all that do not match: what comes later, of any name, cannot be opened; names stay listed"
}
docker_pattern() {
  local names
  mapfile -t names < <(matches '*.key')
  judge "$(within "$PATTERN" dk "$(cover "${names[@]}")" --)" read "binds" "$ONCE"
}
bindfs_pattern() { bindfs_hides_nothing "$PATTERN"; }

# ---- a name that does not exist yet ----

# Nothing must come to be in the source by it either.
absent() { # RUNNER...
  local facts
  facts=$(within 'hidden_later new.env; of_name new.env; (echo content > new.txt) 2> /dev/null || echo nothing-new' "$@")
  [ ! -e "$S/new.env" ] || facts+=" left"
  echo "${facts# }"
}
LEAVES="a stand-in is needed, which comes to be in the source, and is listed"
sluice_absent() { judge "$(absent sl --hide new.env --)" 'read|later|nothing-new' "hide"; }
bubblewrap_absent() {
  judge "$(absent bw --ro-bind "$W/t/empty" "$S/new.env" --)" 'read|later|nothing-new' "a bind" "$LEAVES"
}
landlock_absent() {
  # Names are not what rules are about: either none can be made, or every one.
  local every none
  every=$(absent ll --write "$S" --)
  make_tree
  none=$(absent ll --read "$S" --)
  judge "$([ -n "$every" ] && [ -n "$none" ] && echo "$every/$none")" 'later.*nothing-new' "" "" "no rule names what does not exist"
}
docker_absent() {
  # The runtime makes the place to mount on.
  judge "$(absent dk "touch '$S/new.env'; $(cover "$S/new.env")" --)" 'read|later|nothing-new' "a bind" "$LEAVES"
}
bindfs_absent() {
  judge "$(absent bf --)" 'read|later' "" "" "no option names files"
}

# ---- a directory without some names ----

subtracted() { # RUNNER...: the directory is the real one: what is made in it is there
  local facts
  facts=$(within 'hidden .env; real' "$@")
  grep -qs content "$S/kept" || facts+=" not-kept"
  echo "${facts# }"
}
BUILT="built anew of binds of the others: what is made in it is lost, and names in it cannot be moved"
sluice_subtract() { judge "$(subtracted sl --hide .env --)" read "hide"; }
built_of() { # DIRECTORY: all names in it but .env
  find "$1" -mindepth 1 -maxdepth 1 ! -name .env
}
bubblewrap_subtract() {
  local binds=() path
  as_a cp -a "$S" "$W/t/real"
  while read -r path; do binds+=(--bind "$W/t/real/${path##*/}" "$path"); done < <(built_of "$S")
  judge "$(subtracted bw --tmpfs "$S" "${binds[@]}" --)" read "binds" "$BUILT"
}
landlock_subtract() {
  local rules
  mapfile -t rules < <(built_of "$S" | sed 's/^/--write\n/')
  judge "$(subtracted ll --list "$S" "${rules[@]}" --)" read "rules" \
    "rules for the others: nothing can be made in the directory, and all names stay listed"
}
docker_subtract() {
  local path binds
  cp -a "$S" "$W/t/real"
  binds="mount -t tmpfs -o mode=755,uid=$USER_A tmpfs '$S'"
  while read -r path; do
    [ -d "$path" ] && binds+="; mkdir '$path'" || binds+="; touch '$path'"
    binds+="; mount --bind '$W/t/real/${path##*/}' '$path'"
  done < <(built_of "$S")
  judge "$(subtracted dk "$binds" --)" read "binds" "$BUILT"
}
bindfs_subtract() { bindfs_hides_nothing 'hidden .env; real'; }

# ---- all but some ----

EXCEPTION='of_name keys/private; grep -qs content keys/public || echo public-lost; others_are_there'
sluice_exception() { judge "$(within "$EXCEPTION" sl --hide '/keys/*' --hide '!public' --)" read "hide and show"; }
bubblewrap_exception() {
  judge "$(within "$EXCEPTION" bw --tmpfs "$S/keys" --ro-bind "$W/t/keep/public" "$S/keys/public" --)" 'read|lost' "tmpfs and a bind"
}
landlock_exception() {
  judge "$(within "$EXCEPTION" ll --list "$S" --read "$S/file" --read "$S/dir" --read "$S/keys/public" --)" \
    'read|lost' "a rule" "the others cannot be opened, but their names stay listed"
}
docker_exception() {
  judge "$(within "$EXCEPTION" dk "mount -t tmpfs -o mode=755 tmpfs '$S/keys'; touch '$S/keys/public'
    mount --bind '$W/t/keep/public' '$S/keys/public'" --)" 'read|lost' "tmpfs and a bind"
}
bindfs_exception() { bindfs_hides_nothing "$EXCEPTION"; }

# ---- read-only by pattern ----

# old: what is there can be changed; new: what matches and comes later can be.
READONLY='changes t.csv dir/u.csv; (echo x > dir/new.csv) 2> /dev/null && echo new
  (echo x >> file && echo x > dir/new.txt) 2> /dev/null || echo others-not'
sluice_readonly() {
  printf '[[rule]]\npath = "*.csv"\naccess = "read-only"\n' > "$W/t/policy.toml"
  judge "$(within "$READONLY" sl --policy "$W/t/policy.toml" --)" changed "read-only"
}
bubblewrap_readonly() {
  local binds
  mapfile -t binds < <(find "$S" -name '*.csv' -printf '--ro-bind\n%p\n%p\n')
  judge "$(within "$READONLY" bw "${binds[@]}" --)" changed "binds" "expanded once: what comes later can be changed"
}
landlock_readonly() {
  local rules
  mapfile -t rules < <(others_of --write '*.csv')
  judge "$(within "$READONLY" ll --read "$S" "${rules[@]}" --)" changed "rules" \
    "expanded once, to all that do not match: nothing new can be made"
}
docker_readonly() {
  judge "$(within "$READONLY" dk "for f in $(find "$S" -name '*.csv' -printf "'%p' "); do mount --bind \$f \$f; mount -o remount,bind,ro \$f; done" --)" \
    changed "binds" "expanded once: what comes later can be changed"
}
bindfs_readonly() {
  local all
  all=$(within "$READONLY" bf -r --)
  judge "$(within "$READONLY" bf --)${all:+/$all}" 'changed.*/.*others-not' "" "" "all of it or nothing: no option names files"
}

# ---- an error of choice ----

errors() { # how to run with ERROR as the choice: which of three were had
  local error had= got
  local -A text=([ENOENT]='No such file or directory' [EPERM]='Operation not permitted' [EACCES]='Permission denied')
  for error in ENOENT EPERM EACCES; do
    got=$("$1" $error)
    [[ $got != *failed* ]] || had+=" $got"
    [ "$got" != "${text[$error]}" ] || had+=" $error"
  done
  echo "${had# }"
}
errno_verdict() { # had, reason for part
  case $1 in
    "ENOENT EPERM EACCES") say yes "each of those tried" ;;
    "") say no "${2:-none}" ;;
    *) say part "${2:-only $1}" ;;
  esac
  FACTS=$1
}
with_policy() {
  if [ "$1" = ENOENT ]; then printf 'hide = ["a.key"]\n'; else printf '[[rule]]\npath = "a.key"\naccess = "deny"\nerrno = "%s"\n' "$1"; fi > "$W/t/policy.toml"
  within 'error_of a.key' sl --policy "$W/t/policy.toml" --
}
sluice_errno() { errno_verdict "$(errors with_policy)"; }
ONLY_EACCES="a stand-in without permissions: EACCES and no other"
with_bwrap() { as_a touch "$W/t/none"; chmod 000 "$W/t/none"; within 'error_of a.key' bw --ro-bind "$W/t/none" "$S/a.key" --; }
bubblewrap_errno() { errno_verdict "$(errors with_bwrap)" "$ONLY_EACCES"; }
with_landlock() { within 'error_of a.key' ll --list "$S" --; }
landlock_errno() { errno_verdict "$(errors with_landlock)" "EACCES and no other"; }
with_docker() { as_a touch "$W/t/none"; chmod 000 "$W/t/none"; within 'error_of a.key' dk "mount --bind '$W/t/none' '$S/a.key'" --; }
docker_errno() { errno_verdict "$(errors with_docker)" "$ONLY_EACCES"; }
# Permission bits can be had for all files alone.
with_bindfs() {
  local all
  all=$(within 'error_of a.key; error_of file; true' bf -p a-r --)
  # One line: both fail with it.
  [ "$all" = 'Permission denied' ] && all=
  echo "$(within 'error_of a.key' bf --)${all:+ failed $all}"
}
bindfs_errno() { errno_verdict "$(errors with_bindfs)" "permissions of all files alone"; }

# ---- an empty stand-in ----

MASK='[ "$(stat -c "%F %s" .env)" = "regular empty file 0" ] || echo not-empty
  [ "$(stat -c %F keys):$(ls -A keys 2>&1)" = directory: ] || echo directory-not-empty
  (echo x >> .env) 2> /dev/null && echo changed; (echo x > keys/x) 2> /dev/null && echo changed; others_are_there'
sluice_mask() {
  printf '[[rule]]\npaths = [".env", "keys/"]\naccess = "mask"\n' > "$W/t/policy.toml"
  judge "$(within "$MASK" sl --policy "$W/t/policy.toml" --)" . "mask"
}
bubblewrap_mask() {
  judge "$(within "$MASK" bw --ro-bind "$W/t/empty" "$S/.env" --tmpfs "$S/keys" --remount-ro "$S/keys" --)" . "binds"
}
landlock_mask() { judge "$(within "$MASK" ll --list "$S" --read "$S/file" --read "$S/dir" --)" . "" "" "refused, not empty"; }
docker_mask() {
  judge "$(within "$MASK" dk "$(cover "$S/.env"); mount -t tmpfs -o ro tmpfs '$S/keys'" --)" . "as its masked paths"
}
bindfs_mask() { bindfs_hides_nothing "$MASK"; }

# ---- another owner and mode ----

owner_verdict() { # "uid mode" of the file, how; 4711 and 600 were wanted
  FACTS=$1
  case $1 in
    "4711 600") say yes "$2" ;;
    "4711 "*) say part "$2" ;;
    *) say no "$2" ;;
  esac
}
OWNER='stat -c "%u %a" file'
BY_NAMESPACE="by a user namespace: the owner of all files at once, and no modes"
sluice_owner() {
  printf '[[rule]]\npath = "file"\nowner = 4711\nmode = "0600"\n' > "$W/t/policy.toml"
  # In the user namespace of run the number would have no name.
  mount_view --identity $USER_A --policy "$W/t/policy.toml" "$S" "$W/t/view" || return
  owner_verdict "$(within "$OWNER" in_view)" "owner and mode"
  timed sluice umount "$W/t/view" && await_view
}
bubblewrap_owner() { owner_verdict "$(within "$OWNER" bw --unshare-user --uid 4711 --)" "$BY_NAMESPACE"; }
landlock_owner() { owner_verdict "$(within "$OWNER" ll --write "$S" --)" "attributes stay as they are"; }
docker_owner() { owner_verdict "$(within "$OWNER" as_a unshare --map-user=4711 --mount)" "$BY_NAMESPACE"; }
bindfs_owner() { owner_verdict "$(within "$OWNER" bf -u 4711 -p 0600,a+X --)" "-u and -p"; }

# ---- several directories as one tree ----

GRAFT='grep -qs content TREE/file || echo no-source; grep -qs other TREE/AT/of-other || echo no-other; (echo x > TREE/AT/new) 2> /dev/null || echo not-writable'
# The place first: a work directory has a name of random letters, AT among them at times.
graft() { sed "s,AT,$2,g; s,TREE,$1,g" <<< "$GRAFT"; } # tree at
HAS="no-source|no-other"
sluice_graft() {
  as_a mkdir "$S/added"
  judge "$(within "$(graft . added)" sl --graft added="$W/t/other" --)" $HAS "graft"
}
bubblewrap_graft() {
  # On a tmpfs of its own, so that nothing comes to be in the source.
  judge "$(within "$(graft "$W/t/view" added)" bw --tmpfs "$W/t/view" --bind "$S/file" "$W/t/view/file" \
    --bind "$W/t/other" "$W/t/view/added" --)" $HAS "binds"
}
landlock_graft() { judge "$(within "$(graft . added)" ll --write "$S" --write "$W/t/other" --)" $HAS "" "" "paths stay as they are"; }
docker_graft() {
  judge "$(within "$(graft "$W/t/view" added)" dk "mount -t tmpfs tmpfs '$W/t/view'; cd '$W/t/view'; touch file; mkdir added
    mount --bind '$S/file' file; mount --bind '$W/t/other' added" --)" $HAS "binds"
}
bindfs_graft() {
  local facts
  as_a mkdir "$W/t/view/main" "$W/t/view/added" "$S/added"
  as_a bindfs --no-allow-other "$S" "$W/t/view/main"
  as_a bindfs --no-allow-other "$W/t/other" "$W/t/view/added"
  facts=$(within "$(sed 's,/file,/main/file,' <<< "$(graft "$W/t/view" added)")" as_a)
  # And one in the other.
  as_a bindfs --no-allow-other "$W/t/other" "$W/t/view/main/added" 2>> "$W/stderr" || facts+=" not-inside"
  as_a fusermount3 -u "$W/t/view/main/added" 2>> "$W/stderr"
  as_a fusermount3 -u "$W/t/view/added"
  as_a fusermount3 -u "$W/t/view/main"
  judge "${facts# }" $HAS "mounts" "a mount for each, side by side"
}

# ---- other rules while it runs ----

# A program that waits, and says whether it can read .env before and after.
WAITS='read_it() { grep -qs secret .env && echo "$1-read"; }
  read_it before; : > /run/peer/ready; for i in $(seq 250); do [ -e /run/peer/go ] && break; sleep 0.02; done; sleep 0.1; read_it after; true'
changing() { # COMMAND RUNNER...: what reads .env, with COMMAND in between
  local change=$1 runner
  shift
  rm -f /run/peer/ready /run/peer/go
  within "$WAITS" "$@" > "$W/waits" &
  runner=$!
  expect_soon "the program runs" 5 test -e /run/peer/ready
  eval "$change" >> "$W/stderr" 2>&1 || echo failed-to-change >> "$W/stderr"
  : > /run/peer/go
  wait $runner
  cat "$W/waits"
}
reload_verdict() { # facts, reasons for yes, part, no
  FACTS=$1
  case $1 in
    before-read) say "$2" "$3" ;;
    "after-read before-read") say no "$3" ;;
    *) say failed "$1" ;;
  esac
}
sluice_reload() { reload_verdict "$(changing "as_a sluice reload changing --hide .env" sl --name changing --)" yes "reload"; }
# The host's mounts have to be shared for it; then the host gets the cover, too.
PROPAGATES="what the host mounts later is seen, where its mounts are shared; it changes the host as well"
shared_cover() { # RUNNER...
  mount --bind "$W/t" "$W/t" && mount --make-shared "$W/t" && cd "$S" || return
  changing "mount --bind '$W/t/empty' '$S/.env'" "$@"
  umount "$S/.env" 2>> "$W/stderr"
  cd / && umount -l "$W/t" && cd "$S"
}
bubblewrap_reload() { reload_verdict "$(shared_cover bw --)" part "$PROPAGATES"; }
# Rules hold for who takes them on and for its children, not for who runs already.
landlock_reload() {
  reload_verdict "$(changing "ll --list '$S' -- true" ll --write "$S" --write /run/peer --)" part "a process restricts itself alone, and only further"
}
docker_reload() { PROPAGATION=slave reload_verdict "$(PROPAGATION=slave shared_cover dk : --)" part "$PROPAGATES"; }
bindfs_reload() {
  reload_verdict "$(changing "as_a bindfs --no-allow-other -o remount -r '$S' '$W/t/view'" bf --)" part "no option"
  [ -z "$(options_like bindfs 'reload|remount|control')" ] || say failed "an option that is new"
}

# ---- a part of a file ----

# The bytes 2 to 5 of "0123456789"; live: a change of the source is seen.
WINDOW='cat digits; echo'
window_verdict() { # what was read, verdict where it is the part, reason
  FACTS=$1
  if [ "$1" = 2345 ]; then say "$2" "$3"; else say no "$3"; fi
}
digits() { as_a sh -c 'printf 0123456789 > digits'; }
sluice_window() {
  digits
  printf '[[rule]]\npath = "digits"\nwindow = { offset = 2, length = 4 }\n' > "$W/t/policy.toml"
  window_verdict "$(within "$WINDOW" sl --policy "$W/t/policy.toml" --)" yes "window"
}
bubblewrap_window() {
  digits
  window_verdict "$(within "$WINDOW" bw --ro-bind-data 9 "$S/digits" -- 9< <(tail -c +3 digits | head -c 4))" part "a copy, made at the start"
}
landlock_window() { digits; window_verdict "$(within "$WINDOW" ll --read "$S" --)" no "a file is allowed or not"; }
docker_window() { digits; window_verdict "$(within "$WINDOW" dk "mount --bind digits digits" --)" no "a file is the least that is bound"; }
bindfs_window() { digits; window_verdict "$(within "$WINDOW" bf --)" no "no option"; }

# ---- data ----

# Where what is seen is on the very filesystem of the source, the kernel alone carries its data.
NATIVE='echo written >> file; cat file > /dev/null; stat -c %d . file; stat -f -c %T .'
same_filesystem() { # RUNNER...: the source's own, and the data arrived
  local facts expected
  facts=$(within "$NATIVE" "$@")
  expected=$( (stat -c %d .; stat -f -c %T .) | sort -u | tr '\n' ' ' | sed 's/ $//')
  [ "$facts" = "$expected" ] && grep -q written file && say yes "the source's own filesystem" || say no "$facts"
  FACTS=$facts
}
sluice_native() {
  local before data
  data=$(within 'dd if=/dev/zero of=file bs=64k count=64 conv=notrunc 2> /dev/null; dd if=file of=/dev/null bs=64k 2> /dev/null
    sluice status native --json | jq -r ".views[0].requests | \"\(.READ) \(.WRITE)\""' sl --name native --)
  FACTS=$data
  [ "$data" = "0 0" ] && [ "$(stat -c %s file)" = $((64 * 65536)) ] && say yes "no READ, no WRITE" || say no "$data"
}
bubblewrap_native() { same_filesystem bw --; }
landlock_native() { same_filesystem ll --write "$S" --; }
docker_native() { same_filesystem dk "mount --bind '$S' '$S'" --; }
bindfs_native() {
  local view reads writes
  "${A[@]}" bindfs --no-allow-other -d "$S" "$W/t/view" > "$W/t/log" 2>&1 &
  view=$!
  STARTED+=($view)
  expect_soon "bindfs serves" 5 as_a mountpoint -q "$W/t/view"
  in_view sh -c "$NATIVE" > /dev/null
  as_a fusermount3 -u "$W/t/view"
  wait $view
  reads=$(grep -c 'opcode: READ ' "$W/t/log") writes=$(grep -c 'opcode: WRITE ' "$W/t/log")
  FACTS="$reads READ, $writes WRITE"
  [ "$writes" = 0 ] && say yes "no WRITE" || say no "each goes to its process"
}

# ---- an ordinary user ----

ORDINARY='grep -qs content file || echo cannot'
sluice_ordinary() {
  local without
  without=$(within "$ORDINARY" sl --socket /run/none --)
  judge "$(within "$ORDINARY" sl --)" cannot "by itself"
  [ "$VERDICT" != yes ] || [ -z "$without" ] || say part "through a service, which an administrator runs"
}
bubblewrap_ordinary() { judge "$(within "$ORDINARY" bw --)" . "in a user namespace"; }
landlock_ordinary() { judge "$(within "$ORDINARY" ll --read "$S" --)" . "by itself"; }
docker_ordinary() {
  # Rootless: the same mounts in a user namespace.
  judge "$(within "$ORDINARY" as_a unshare --user --map-root-user --mount sh -c "mount --bind '$S' '$S' && cd '$S' && exec \"\$@\"" sh)" . "rootless"
}
bindfs_ordinary() { judge "$(within "$ORDINARY" bf --)" . "by fusermount3"; }

# ---- children ----

# A grandchild in namespaces of its own, where it is root, and by a process of the same user outside.
undoing() { # PATH-OF-SECRET
  echo "grep -qs secret '$1' && echo read
    bash -c \"unshare --user --map-root-user --mount sh -c 'umount \\\"$1\\\"; umount -l \\\"$1\\\"; umount -l \\\"$S\\\"; umount -l \\\"$W/t/view\\\"; grep -s secret \\\"$1\\\"' 2> /dev/null | grep -q secret\" && echo undone
    umount '$1' 2> /dev/null; fusermount3 -u '$W/t/view' 2> /dev/null
    cat /proc/[0-9]*/root/'$S/.env' 2> /dev/null | grep -q secret && echo beside
    grep -qs secret '$S/.env' && echo beside; true"
}
UNDONE='read|undone|beside'
children() { # RUNNER...
  local outside
  "${A[@]}" sleep 20 &
  outside=$!
  STARTED+=($outside)
  within "$(undoing "$S/.env")" "$@"
  kill $outside
  wait $outside 2> /dev/null
}
sluice_children() { judge "$(children sl --hide .env --only . --)" $UNDONE "kept"; }
bubblewrap_children() { judge "$(children bw --ro-bind "$W/t/empty" "$S/.env" --)" $UNDONE "kept"; }
landlock_children() { judge "$(children ll --list "$S" --read "$S/file" --)" $UNDONE "kept"; }
docker_children() { judge "$(children dk "$(cover "$S/.env")" --)" $UNDONE "kept"; }
bindfs_children() {
  # It hides nothing; what it can take away is writing. The directory is still there beside it.
  local facts
  facts=$(within "(echo x >> '$W/t/view/file') 2> /dev/null && echo written; (echo x >> '$S/file') 2> /dev/null && echo beside" bf -r --)
  judge "$facts" . "" "" "the directory itself stays where it was"
}

# ---- The table ----

declare -A HELP CELL
NOTES=()
LETTERS=abcdefghijklmnopqrstuvwxyz
missing_peer() { # tool: why it cannot be tried, or nothing
  case $1 in
    bubblewrap) command -v bwrap > /dev/null || echo "no bwrap (package bubblewrap)" ;;
    bindfs) command -v bindfs > /dev/null || echo "no bindfs" ;;
    landlock) "${SLUICE_LANDLOCK:-none}" --write / -- true 2> /dev/null || echo "no Landlock, or no SLUICE_LANDLOCK" ;;
  esac
}
in_readme() { # what stands between the marks
  awk '/^<!-- express -->$/ { on = 1; next } /^<!-- \/express -->$/ { on = 0 } on' "${CHECK:-/dev/null}"
}
# The cell that README.md has, with the note that it points to: "verdict|reason".
cell_in_readme() { # row-title column-number
  local cell letter
  cell=$(in_readme | awk -F' *[|] *' -v row="$1" -v n="$2" '$2 == row { print $(n + 2) }')
  letter=$(sed -nE 's/.*\((.)\)$/\1/p' <<< "$cell")
  echo "${cell%% *}|$(in_readme | sed -nE "s/^- ${letter:-none}: (.*)\.$/\1/p")"
}
note_of() { # reason: the letter of its note in $NOTE
  local index
  for index in "${!NOTES[@]}"; do [ "${NOTES[index]}" != "$1" ] || { NOTE=${LETTERS:index:1}; return; }; done
  NOTE=${LETTERS:${#NOTES[@]}:1}
  NOTES+=("$1")
}
case_table() {
  local row key title tool column line why table
  chmod 755 "$W"
  cp "${SLUICE_LANDLOCK:-/bin/false}" /run/peer/landlock_rules
  chmod 777 /run/peer
  SLUICE_LANDLOCK=/run/peer/landlock_rules
  HELP[bindfs]=$(bindfs --help 2>&1)
  expect_ok "users may mount by FUSE" let_users_mount
  start_service
  declare -A gone
  for tool in "${TOOLS[@]}"; do
    why=$(missing_peer "$tool")
    [ -z "$why" ] && continue
    gone[$tool]=1
    echo "$tool was NOT tried: $why; its cells are as README.md has them"
    [ "${SLUICE_REQUIRE_ALL:-0}" != 1 ] || fail "$tool can be tried (SLUICE_REQUIRE_ALL=1)" "$why"
  done
  table="$HEADINGS"$'\n'"|---|---|---|---|---|---|"
  for row in "${ROWS[@]}"; do
    key=${row%%|*} title=${row#*|} line="| $title |" column=0
    for tool in "${TOOLS[@]}"; do
      column=$((column + 1)) VERDICT= REASON= FACTS=
      : > "$W/stderr"
      if [ -n "${gone[$tool]:-}" ]; then
        IFS='|' read -r VERDICT REASON <<< "$(cell_in_readme "$title" $column)"
      else
        make_tree
        mkdir "$W/t/keep" && cp -a "$S/keys/public" "$W/t/keep/"
        "${tool}_$key"
        cd / || return
        # What a peer that failed has left would spoil the next cell.
        unmount_all
        printf '  %-10s %-10s %-5s %s [%s]\n' "$key" "$tool" "$VERDICT" "$REASON" "${FACTS:-}"
        [[ $FACTS != *failed* ]] || VERDICT=failed
        [[ $VERDICT =~ ^(yes|no|part)$ ]] || fail "$tool, $title: it could be tried" "$REASON" "$(cat "$W/stderr")"
      fi
      if [ "$VERDICT" = part ]; then
        note_of "$REASON"
        VERDICT="part ($NOTE)"
      fi
      line+=" $VERDICT |"
    done
    table+=$'\n'$line
  done
  stop_service
  table+=$'\n'
  for key in "${!NOTES[@]}"; do table+=$'\n'"- ${LETTERS:key:1}: ${NOTES[key]}."; done
  if [ -n "$CHECK" ]; then
    expect_eq "the table in ${CHECK##*/} is what was found" "" "$(diff <(in_readme) <(echo "$table"))"
  else
    echo "$table"
  fi
}

run_cases
