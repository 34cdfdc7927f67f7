#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The host reboots while a guest runs, and a disk writes to the guest's hidden memory: its kernel shuts down to the
# end, and reports nothing. The emulator ends there, so what comes after a reboot isn't seen here.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"

tap_capture "$here/../../hostvm/run" --kernel "${KERNEL:-6.12}" --device nvme --timeout 900 \
	--share "$here" --share "$here/../lib" -- sh /share/devices/rebooted.sh

case $tap_output in
'1..0 # SKIP'*) skip_all "${tap_output#*# SKIP }" ;;
esac
like "$tap_output" '^the host reboots$' 'a guest has a disk, and the host reboots'
# 99 is a report of the kernel's, 124 a host that doesn't end.
is "$tap_status" 125 '  it ends before its command, without a report of its kernel'
like "$tap_output" 'reboot: Restarting system' '  and in the right way'
[ "$tap_failed" = 0 ] || diag "$tap_output"
done_testing
