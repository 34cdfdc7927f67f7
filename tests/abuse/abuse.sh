# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# What tests of abuse share. Who sources this has sourced tap.sh and lib/vm.sh, and
# sets $work. Each test begins with bystander_comes and ends with bystander_is_whole:
# it has a file with data and did nothing wrong. That the kernel prints nothing is
# for hostvm to see, and host_is_back looks for lost memory.

bystander=/dev/gmem/bystander

bystander_comes() {
	# shellcheck disable=SC2154 # set by who sources this
	mkdir -p "$work"
	remember_host
	head -c 32M /dev/urandom >"$work/data"
	cp "$work/data" "$bystander"
}

bystander_is_whole() {
	ok 'who did nothing wrong has its data' cmp "$work/data" "$bystander"
	rm "$bystander" "$work/data"
	host_is_back
}
