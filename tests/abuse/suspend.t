#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)

command -v perl >/dev/null || {
	echo '1..0 # SKIP there is no perl to speak to the emulator with'
	exit 77
}

# Until the emulator is gone.
press_power_button() { # SOCKET
	perl -MIO::Socket::UNIX -e '
		$SIG{PIPE} = "DEFAULT";
		sleep 1 until -S $ARGV[0];
		my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "connect: $!\n";
		$s->autoflush(1);
		print $s q({"execute":"qmp_capabilities"});
		while (sleep 4) { print $s q({"execute":"system_powerdown"}) }' "$1"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
press_power_button "$work/qmp" &
presser=$!
status=0
"$here/../../hostvm/run" --kernel "${KERNEL:-6.12}" --timeout 1200 --qmp "$work/qmp" \
	--share "$here" --share "$here/../lib" -- sh /share/abuse/suspend.sh || status=$?
kill "$presser" 2>/dev/null || :
exit "$status"
