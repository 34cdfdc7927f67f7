#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Nothing else may talk on the test's network: no IPv6.
set -e
modprobe tun
modprobe vhost_net experimental_zcopytx=1
if [ -e /proc/sys/net/ipv6 ]; then
	echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
fi
exec /opt/gmemfs/tests/module/vhost
