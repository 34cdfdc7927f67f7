#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Which saved host a run may start from, what is saved, and how much is kept. No host is booted.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"; tap_at_exit' EXIT

cp -r "$here/../../hostvm" "$work/hostvm"
hostvm=$work/hostvm
# shellcheck source=hostvm/lib/common.sh
. "$hostvm/lib/common.sh"
# shellcheck source=hostvm/lib/cache.sh
. "$hostvm/lib/cache.sh"
# shellcheck source=hostvm/lib/root.sh
. "$hostvm/lib/root.sh"
# shellcheck source=hostvm/lib/state.sh
. "$hostvm/lib/state.sh"
# shellcheck source=hostvm/lib/boot.sh
. "$hostvm/lib/boot.sh"

unset GMEMFS_COVERAGE
# shellcheck disable=SC2034 # for what is sourced
kernel=6.12 cpus=2 mem=4G nodes=1 devices='' append='' qmp='' icount=no interactive=no really_boot=no load=yes
cache=$work
root_dir=$work/root run=$work/run payload=$work/payload
mkdir "$root_dir" "$run" "$work/states"
echo >"$root_dir/host.ext4"
use_kvm() { return 1; }

# --- which one ---

# What is set lasts for this test only.
differs() { # SHELL-COMMAND
	[ "$(state_key)" != "$(eval "$1" && state_key)" ]
}

keeps() {
	! differs "$1"
}

ok 'what is loaded needs no saved host of its own' keeps 'load=no'
ok 'nor does a control socket' keeps 'qmp=/tmp/q'
ok 'another kernel does' differs 'kernel=7.3'
ok 'and other CPUs' differs 'cpus=3'
ok 'and another memory' differs 'mem=2G'
ok 'and nodes' differs 'nodes=2'
ok 'and an argument for the kernel' differs 'append=nokaslr'
ok 'and a port more' differs 'GMEMFS_COVERAGE=/tmp'
for file in lib/boot.sh lib/state.sh guest/init guest/initramfs-init guest/await; do
	ok "and a change of $file" differs "echo '#' >>$hostvm/$file"
done
ok 'and a root that was made again' differs "touch -d 2001-01-01 $root_dir/host.ext4"

: >"$payload"
ok 'a run may start from a saved host' state_wanted
wanted_with() (
	eval "$1"
	state_wanted
)
not_ok '... not with --boot' wanted_with 'really_boot=yes'
not_ok '... nor where the clock counts instructions' wanted_with 'icount=yes'
not_ok '... nor on a terminal' wanted_with 'interactive=yes'
not_ok '... nor with KVM' wanted_with 'use_kvm() { :; }'
truncate -s 16G "$payload"
not_ok '... nor with more than the disk has room for' wanted_with ''
: >"$payload"

# --- the disk ---

printf '%1024s' payload >"$payload"
payload_size=1024
state_fill_disk
is "$(stat -c %s "$payload")" 17179869184 'the second disk has one size'
is "$(head -c 1024 "$payload" | tr -d ' ')" payload '... begins with what it had'
like "$(tail -c 4096 "$payload" | head -n 1)" '^payload 2 sectors at [0-9]{10}$' \
	'... says how much that is, and when it was'
random() {
	tail -c 4096 "$payload" | tail -n +2 | head -c 64 | od -An -tx1 | tr -d ' \n'
}
random_before=$(random)
state_fill_disk_again() {
	truncate -s 1024 "$payload"
	state_fill_disk
	[ "$(random)" = "$random_before" ]
}
is "${#random_before}" 128 '... and has random bytes'
not_ok '... of its own' state_fill_disk_again
like "$(sed -n 's/^awaited_size=//p' "$hostvm/guest/init")" "^$((17179869184 / 512))\$" \
	'the guest waits on a disk of that size'

# --- what is saved ---

# shellcheck disable=SC2034 # for state_save
state_tmp=$work/states/new.tmp
mkdir "$state_tmp"
root_tool() { :; }
state_machine() {
	echo "[    1.0] $console" >"$run/console"
}
console='all is well'
ok 'a host is saved' state_save
console='WARNING: at mm/slab.c:1'
not_ok '... but not with a report on its console' state_save

# As asked for by what is on its status port.
orders() { # MASK
	echo "ready $1" >"$run/status"
	: >"$run/orders"
	echo '"status": "completed"' >"$run/answers"
	qemu=$$
	state_order && grep -q quit "$run/orders"
}
ok 'a host is told to save itself' orders 0
ok '... also if it was told to do without a feature of its CPU' orders 4
not_ok '... but not if it has warned' orders 512
rm -rf "$state_tmp"

# --- what is kept ---

for name in old middle new; do
	mkdir "$work/states/$name"
	head -c 1M /dev/urandom >"$work/states/$name/memory"
done
touch -d 2001-01-01 "$work/states/old"
touch -d 2002-01-01 "$work/states/middle"
kept() {
	cd "$work/states" && echo *
}
cache_prune_to "$work/states" 4096
is "$(kept)" 'middle new old' 'what has room is kept'
cache_hold 9 "$work/states/old"
touch -d 2001-01-01 "$work/states/old"
cache_prune_to "$work/states" 1536
is "$(kept)" 'new old' 'where there is not enough, what was used last is, and what is in use'
exec 9>&-
touch -d 2001-01-01 "$work/states/old"
cache_prune_to "$work/states" 1536
is "$(kept)" new '... for as long as it is'
done_testing
