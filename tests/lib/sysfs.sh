# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# What gmemfs says of all of the host's memory, for tests in sh that run inside the test host.

sysfs() { # NAME
	cat "/sys/fs/gmemfs/$1"
}

# What a guest's process held may be let go of a moment after it is gone. Prints what there is then,
# after a minute at most: the machine may be busy.
settled() { # NAME
	settled_tries=600
	while [ "$(sysfs "$1")" != 0 ] && [ "$settled_tries" -gt 0 ]; do
		sleep 0.1
		settled_tries=$((settled_tries - 1))
	done
	sysfs "$1"
}
