#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The tracepoints tell of each hide, expose and fault, and of each only once.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh

T=/sys/kernel/tracing

for event in gmem_hide gmem_expose gmem_fault; do
	ok "$event exists" test -e "$T/events/gmemfs/$event/enable"
done
echo 1 >$T/events/gmemfs/enable
/opt/gmemfs/tests/module/holder /dev/gmem &
holder=$!
while [ ! -e /run/holder.ready ]; do sleep 0.1; done
kill $holder
wait $holder 2>/dev/null || true
echo 0 >$T/events/gmemfs/enable
log=$(grep 'gmem_' $T/trace)

is "$(echo "$log" | grep -c 'gmem_hide: .*nr=512 ret=0')" 1 \
	'2 MiB hidden in one step'
is "$(echo "$log" | grep -c 'gmem_fault: .*order=9 .*ret=0x100')" 1 \
	'mapped by one fault (VM_FAULT_NOPAGE)'
is "$(echo "$log" | grep -c 'gmem_expose: .*nr=512 ret=0')" 1 \
	'exposed in one step'
is "$(echo "$log" | wc -l)" 3 'and nothing else'
is "$(echo "$log" | grep -o ' pfn=0x[0-9a-f]*' | sort -u | wc -l)" 1 \
	'all of the same frame'
done_testing
