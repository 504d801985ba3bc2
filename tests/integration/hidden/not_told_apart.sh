#!/usr/bin/env bash
# A name that is hidden and one that is not there cannot be told apart: two sources that differ in hidden
# names alone give the same view, and time tells nothing. With SLUICE_LOOK_ABOUT= and SLUICE_TELL_APART=
# the programs.
. "$(dirname "$0")/../cli/common.sh"
for program in "${SLUICE_LOOK_ABOUT:?the program}" "${SLUICE_TELL_APART:?the program}"; do
  [ -x "$program" ] || skip "no $program"
done

# Two trees with the same visible names, made in the same order; "with" has hidden ones between them.
make_twins() { # directory
  local twin path
  for twin in with without; do
    mkdir -p "$1/$twin/mixed/seen" "$1/$twin/files" "$1/$twin/hidden" "$1/$twin/many"
    echo content > "$1/$twin/file"
    for path in files/a files/b many/a; do
      echo content > "$1/$twin/$path"
      [ $twin = with ] && echo secret > "$1/$twin/$path.hidden"
    done
    echo content > "$1/$twin/files/c"
  done
  for path in mixed/a.hidden hidden/a.hidden files/a.hidden; do echo secret > "$1/with/$path"; done
  mkdir -p "$1/with/secret/below" "$1/with/mixed/secret/below" "$1/with/mixed/b.hidden"
  (cd "$1/with/many" && seq -f "a-name-that-takes-space-$(printf '%0100d' 0)-%g.hidden" 300 | xargs touch)
  chown -R $USER_A:$USER_A "$1"
}
mount_twins() { # source-directory [OPTION...]
  local sources=$1 twin
  shift
  for twin in with without; do
    mkdir "$W/$twin"
    chown $USER_A "$W/$twin"
    mount_view --identity $USER_A --hide '*.hidden' --hide secret "$@" "$sources/$twin" "$W/$twin" || return
  done
}
unmount_twins() { timed sluice umount "$W/with"; timed sluice umount "$W/without"; rmdir "$W/with" "$W/without"; }
about() { # twin fact
  as_a /run/peer/look_about "$W/$1" "$2" 2>&1
}
place_programs() {
  chmod 755 "$W"
  cp "$SLUICE_LOOK_ABOUT" /run/peer/look_about
  cp "$SLUICE_TELL_APART" /run/peer/tell_apart
}

looks_the_same() { # directory-of-sources fact...
  local fact with without
  make_twins "$1"
  mount_twins "$1" --coherence 0s || return
  for fact in "${@:2}"; do
    with=$(about with "$fact")
    without=$(about without "$fact")
    # As many lines as there is to say, or nothing was tried.
    [ "$(wc -l <<< "$with")" -ge 6 ] || fail "$fact: there is something to compare" "$with"
    expect_eq "$fact: the same with hidden names and without" "" "$(diff <(echo "$with") <(echo "$without"))"
  done
  # The same look at the sources themselves does tell, so that it would have been seen.
  for fact in listing links size cookies calls; do
    expect_fails "$fact: of the sources it differs" diff <(as_a /run/peer/look_about "$1/with" $fact 2>&1) \
      <(as_a /run/peer/look_about "$1/without" $fact 2>&1)
  done
  unmount_twins
}
case_looks_the_same_on_disk() {
  place_programs
  mkdir "$W/sources"
  looks_the_same "$W/sources" listing links size cookies calls
}
case_looks_the_same_on_tmpfs() {
  place_programs
  mkdir "$W/sources"
  mount -t tmpfs -o mode=755 tmpfs "$W/sources" || return
  # Here nobody else takes space meanwhile.
  looks_the_same "$W/sources" listing links size cookies calls space
  umount -l "$W/sources"
}
# Nothing is told of what happens to hidden names behind the view.
case_watching_tells_nothing() {
  place_programs
  mkdir "$W/sources"
  make_twins "$W/sources"
  mount_twins "$W/sources" || return
  local twin
  for twin in with without; do
    rm -f "$W/go"
    mkfifo "$W/go"
    as_a /run/peer/look_about "$W/$twin" watch < "$W/go" > "$W/watched.$twin" 2>&1 &
    STARTED+=($!)
    exec 8> "$W/go"
    expect_soon "it watches" 5 grep -qs watching "$W/watched.$twin"
    if [ $twin = with ]; then
      as_a sh -c 'cd "$0" && echo x > new.hidden && echo y >> new.hidden && rm a.hidden && mkdir secret && mv secret moved.hidden' \
        "$W/sources/with/files"
    fi
    echo >&8
    exec 8>&-
    wait $!
  done
  expect_match "there were no events, and there would have been" \
    'an event of inotify: EAGAIN.*its event: done' "$(tr '\n' ' ' < "$W/watched.with")"
  expect_eq "the same with hidden names and without" "" "$(diff "$W/watched.with" "$W/watched.without")"
  unmount_twins
}
case_time_tells_nothing() {
  place_programs
  mkdir -p "$W/source" "$W/view"
  chown $USER_A "$W/source" "$W/view"
  mount_view --identity $USER_A --hide '*.hidden' "$W/source" "$W/view" || return
  local out
  out=$(timeout -k 2 60 "${A[@]}" /run/peer/tell_apart "$W/source" "$W/view" 2>&1) ||
    fail "time tells nothing" "$out"
  echo "$out"
  timed sluice umount "$W/view"
}

run_cases
