#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A fork bomb of processes that map, in a cgroup that limits their number; and the
# same once more, killed in the middle of it.
set -eu
# shellcheck source=tests/abuse/abuse.sh
. /share/abuse/abuse.sh

group=/sys/fs/cgroup/bomb
bomb=$tests/module/mappers

bomb_in_group() { # SECONDS
	sh -c "echo 0 >$group/cgroup.procs && exec $bomb $1" >"$work/log" 2>&1
}

end_group() {
	echo 1 >$group/cgroup.kill
	until grep -q 'populated 0' $group/cgroup.events; do
		sleep 0.2
	done
}

test_limited() {
	ok 'as many mappers as there may be' bomb_in_group 60
	diag "$(grep '^#' "$work/log")"
	end_group
}

test_killed() {
	for seconds in 1 2 3 5 8; do
		bomb_in_group 600 &
		sleep $seconds
		processes=$(cat $group/pids.current)
		end_group
		status=0
		wait $! || status=$?
		is "$status" 137 "$processes are killed after $seconds s"
	done
}

bystander_comes
echo '+pids +memory' >/sys/fs/cgroup/cgroup.subtree_control
mkdir $group
echo 400 >$group/pids.max
test_limited
test_killed
rmdir $group
bystander_is_whole
done_testing
