#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# gmemctl reserve and release: the pool, by what sysfs counts.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/ctl/ctl.sh
. /share/ctl/ctl.sh

mib=$((1024 * 1024))

sysfs() {
	cat "/sys/fs/gmemfs/$1"
}

test_reserve() {
	refills=$(sysfs pool/refills)
	ctl reserve 63M
	is "$status" 0 'reserve 63M'
	like "$out" '^pool: 64M ready of 64M wanted' '  says what is there, in whole blocks'
	is "$(sysfs pool/free_bytes)" $((64 * mib)) '  it is'
	is $(($(sysfs pool/refills) - refills)) 32 '  block by block'
	is "$(sysfs hidden_bytes)" $((64 * mib)) '  and hidden'
	json status
	is "$(ask 'd["pool"]["free_bytes"]')" $((64 * mib)) '  status has it'
	ctl status
	like "$out" '^pooled +64M +ready, of 64M wanted' '  in words'
}

test_use() {
	hits=$(sysfs pool/hits)
	truncate -s 16M /dev/gmem/guest
	fallocate -l 16M /dev/gmem/guest
	is $(($(sysfs pool/hits) - hits)) 8 'a file takes its memory from there'
	json reserve 64M
	is "$(ask 'd["settled"]')" true 'reserve waits until it is full again'
	is "$(ask 'd["free_bytes"]')" $((64 * mib)) '  with as much'
	rm /dev/gmem/guest
}

test_nodes() {
	json reserve 32M --node=0
	is "$status$(ask 'd["low_bytes"]')" "0$((32 * mib))" 'reserve --node=0'
	is "$(sysfs node0/low_bytes)" $((32 * mib)) '  of that node'
	ctl reserve 32M --node=7
	is "$status" 1 'reserve --node=7'
	like "$err" 'no memory in that node' '  which the host has not'
}

test_release() {
	json release
	is "$status" 0 'release'
	is "$(ask 'd["free_bytes"] + d["dirty_bytes"]')" 0 '  says that all is given back'
	is "$(sysfs pool/low_bytes) $(sysfs pool/free_bytes)" '0 0' '  it is'
	# What has left the pool may be on its way for a moment yet.
	for _ in $(seq 600); do
		[ "$(sysfs hidden_bytes)" != 0 ] || break
		sleep 0.1
	done
	is "$(sysfs hidden_bytes)" 0 '  and nothing is hidden'
}

# The pool leaves a part of the host's memory alone, and never gets there.
test_too_much() {
	total=$(awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo)
	ctl reserve 1T
	is "$status" 1 'more than the host has'
	like "$err" 'the host has less memory than 1T' '  and why'
	ctl reserve --timeout=0.5 "$((total - 65536))K"
	is "$status" 4 'more than it can spare: exit status 4'
	like "$err" 'no memory to spare' '  and why'
	ctl release
	is "$status" 0 '  released'
	ctl reserve --no-wait 512M
	is "$status" 0 'reserve --no-wait'
	ctl release --timeout=60
	is "$status" 0 '  released'
}

# More than the host can spare is never ready, so the bar is drawn however fast
# the pool fills. The time that 1G takes may be shorter than the bar waits.
test_progress() {
	screen=$(on_terminal "$ctl reserve --timeout=0.5 $((total - 65536))K" || :)
	like "$screen" 'filling \[#+\.*\] .* of [0-9.]+G' 'a progress bar while it fills'
	ctl release
	screen=$(on_terminal "$ctl reserve 1G")
	like "$screen" 'pool: 1G ready' '  and what came of it'
	screen=$(on_terminal "$ctl release")
	like "$screen" 'pool: none; 0 still' '  released'
	ctl reserve 1G
	is "$err" '' 'none where nobody looks'
	ctl release
}

test_user() {
	refused=0
	setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$ctl" reserve 2M 2>"$work/err" || refused=$?
	is "$refused" 1 'a user may not'
	like "$(cat "$work/err")" 'only root may' '  and is told why'
}

test_build() {
	test_reserve
	test_use
	test_nodes
	test_release
	test_user
	test_too_much
	test_progress
}

with_sanitizers test_build
done_testing
