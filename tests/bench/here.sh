#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the host, see here.t.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
cd /share/tree
out=/var/tmp/results

run() { # [OPTION...]
	status=0
	bench/run --on-this-host --out "$out" "$@" >/var/tmp/out 2>/var/tmp/err ||
		status=$?
}

refused() { # ERE [COMMAND...]
	want=$1
	shift
	status=0
	"$@" bench/run --on-this-host >/var/tmp/out 2>/var/tmp/err || status=$?
	is "$status" 2 "$want: refused"
	like "$(cat /var/tmp/err)" "$want" '  which says why'
}

refused 'load gmemfs and mount it'
insmod /opt/gmemfs/gmemfs.ko
refused 'load gmemfs and mount it'
mkdir -p /dev/gmem
mount -t gmemfs gmemfs /dev/gmem
refused 'only root can do this' setpriv --reuid 65534 --clear-groups

# What counts instructions is left out, and the rest is measured. Of windows only
# instructions are drawn.
run --rounds 1 --size 128 --only speed --only windows --only windows-counts --only disk-counts
is "$status" 0 'it runs'
diag "$(cat /var/tmp/err)"
like "$(cat /var/tmp/err)" 'disk-counts: not on this host' 'not what counts'
like "$(cat "$out/table.txt")" 'own key' 'a table'
ok 'JSON' python3 -m json.tool "$out/results.json"
like "$(cat "$out/results.json")" '"where".*"here"' 'which says where it was'
ok 'a plot' test -s "$out/speed.svg"
ok 'also as PNG' test -s "$out/speed.png"
not_ok 'none without a point' test -e "$out/windows.svg"
done_testing
