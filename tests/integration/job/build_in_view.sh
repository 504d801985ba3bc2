#!/usr/bin/env bash
# A whole real job in a view: this project is configured and built inside a read-write view of its own
# checkout, by the view's user, and what was built is run there.
#   build_in_view.sh          the policies' compiler and what it makes of them, as the check does
#   build_in_view.sh all      every target, and the unit tests
# Needs root and /dev/fuse. SLUICE_BIN: where the programs are. SLUICE_SOURCE: the checkout.
set -euo pipefail

if [ "$(id -u)" != 0 ] || [ ! -c /dev/fuse ]; then
  echo "SKIPPED build_in_view: needs root and /dev/fuse"
  [ "${SLUICE_REQUIRE_ALL:-}" = 1 ] && exit 1
  exit 77
fi
: "${SLUICE_BIN:?}" "${SLUICE_SOURCE:?}"
# The compiler is built from many files, an archive and a link; then the build itself executes it.
targets="policyc sluice_policy_worker_rw sluice_policy_broker"
[ "${1:-}" = all ] && targets=all

user=61235
work=$(mktemp -d "${TMPDIR:-/var/tmp}/sluice-job-XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir "$work/checkout"
tar -C "$SLUICE_SOURCE" --exclude=./build --exclude=./.git -cf - . | tar -xf - -C "$work/checkout"
printf 'secret\n' > "$work/checkout/deploy.key"
chown -R "$user:$user" "$work/checkout"

# The build sees the sources and not the key; it writes its objects through the view. The programs
# are reached through a directory that the user may enter.
mkdir "$work/bin"
cp "$SLUICE_BIN"/sluice* "$work/bin"
cd "$work/checkout"
timeout 900 "$work/bin/sluice" run --identity "$user" --hide '*.key' "$work/checkout" -- \
  env HOME=/nonexistent PATH=/usr/local/bin:/usr/bin:/bin bash -ec '
    if [ -e deploy.key ]; then echo "the key can be seen"; exit 1; fi
    cmake --preset dev -DSLUICE_BENCH=OFF -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -DNDEBUG" > configure.log
    cmake --build --preset dev --target '"$targets"' > build.log || { tail -30 build.log; exit 1; }
    grep -q "broker_policy()" build/dev/sandbox/generated/broker_policy.h
    tests/policy/policyc_test.sh build/dev/bin/policyc sandbox/policies
    [ "'"$targets"'" != all ] || build/dev/bin/unit_test --gtest_brief=1
    # Nothing is left to do: the times that the view shows are those of the files.
    cmake --build --preset dev --target '"$targets"' | grep -q "no work to do"
    grep -q " fuse.sluice " /proc/self/mountinfo
  '
# What was built is really there, in the source, and belongs to the user.
[ "$(stat -c %u "$work/checkout/build/dev/bin/policyc")" = "$user" ]
"$work/checkout/build/dev/bin/policyc" --describe sandbox/policies/broker.policy > /dev/null
echo "build_in_view: configured, built and run in the view"
