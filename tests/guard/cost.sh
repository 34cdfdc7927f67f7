#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What the guard costs a guest that has nothing to do with gmemfs: each of its
# faults comes by a hook, whose callback looks whether this task is about to map
# something. Instructions a fault, without the module and with it, for one vCPU
# and for eight. Runs in a host without the module, whose clock counts
# instructions.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh

COST=/opt/gmemfs/tests/guard/cost

# ftrace's entry and exit, and the callback's look at one list: of 2,200 instructions a fault, on a kernel
# that people run. A debugging kernel has ten times as many, and more of them on the hook's way.
bound() { # INSTRUCTIONS-WITHOUT
	bound=150
	[ $(($1 * 7 / 100)) -lt "$bound" ] || bound=$(($1 * 7 / 100))
}

for vcpus in 1 8; do
	without=$($COST $vcpus)
	insmod /opt/gmemfs/gmemfs.ko
	with=$($COST $vcpus)
	rmmod gmemfs
	again=$($COST $vcpus)
	echo "# $vcpus vCPUs: $without instructions a fault, $with with the module loaded, $again without it again"
	bound "$without"
	ok "$vcpus vCPUs: the guard costs less than $bound instructions a fault" \
		[ $((with - without)) -lt "$bound" ]
	ok 'and more than nothing: the hook is there' [ "$with" -gt "$without" ]
	ok 'and nothing when it is gone' [ $((again - without)) -lt $((bound / 7)) ]
done
done_testing
