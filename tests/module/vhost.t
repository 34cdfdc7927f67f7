#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Nothing else may talk on the test's network: no IPv6.
exec "$(dirname "$0")/../../hostvm/run" --kernel "${KERNEL:-6.12}" -- \
	sh -ec 'modprobe tun
		modprobe vhost_net experimental_zcopytx=1
		if [ -e /proc/sys/net/ipv6 ]; then
			echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
		fi
		exec /opt/gmemfs/tests/module/vhost'
