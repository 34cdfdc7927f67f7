#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A memory error in a page of gmemfs. The kernel can't handle it, which is all
# right. Whoever asks for the page gets an error (poisoned.c). When the file
# goes, the page stays out of the direct map and out of use, and the others come
# back.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh

T=/sys/kernel/tracing
POISON=/sys/kernel/debug/hwpoison
HWPOISON=19	# of /proc/kpageflags

modprobe -q hwpoison-inject 2>/dev/null || true
[ -e $POISON/corrupt-pfn ] || skip_all 'this kernel has no hwpoison-inject'

for kind in private shared kept single pool pinned; do
	ok "a page of a file that is $kind" \
		/opt/gmemfs/tests/module/poisoned $kind
done

# The inode of the cgroup that a page is charged to, or 0.
charged_to() { # PFN
	dd if=/proc/kpagecgroup bs=8 skip="$1" count=1 2>/dev/null | od -A n -t u8 | tr -d ' '
}

echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/poison
echo 1 >$T/events/gmemfs/gmem_hide/enable
sh -c 'echo $$ >/sys/fs/cgroup/poison/cgroup.procs
	exec /opt/gmemfs/tests/module/holder /dev/gmem' &
holder=$!
while [ ! -e /run/holder.ready ]; do sleep 0.1; done
echo 0 >$T/events/gmemfs/gmem_hide/enable
first=$(sed -n 's/.*gmem_hide: pfn=\(0x[0-9a-f]*\) nr=512.*/\1/p' $T/trace | tail -n 1)
pfn=$((first + 7))

echo $pfn >$POISON/corrupt-pfn 2>/dev/null || true
like "$(dmesg | tail -n 5)" "Memory failure: $(printf '%#x' $pfn)" \
	'the kernel knows of a memory error in a hidden page'
is "$(cat /sys/fs/gmemfs/hidden_bytes)" 2097152 'the block is still hidden'
is "$(charged_to $pfn)" "$(stat -c %i /sys/fs/cgroup/poison)" 'and the page is charged'

kill $holder
wait $holder 2>/dev/null || true
like "$(dmesg | tail -n 3)" 'gmemfs: 1 pages with a memory error stay out' \
	'the module says that it keeps the page'
is "$(cat /sys/fs/gmemfs/hidden_bytes)" 0 'nothing else stays hidden'
is "$(cat /sys/fs/gmemfs/quarantined_bytes)" 0 'nor in quarantine'
is "$(kscan --pfn $pfn | grep -c absent)" 1 'the page with the error is absent'
is "$(kscan --pfn $((pfn + 1)) | grep -c readable)" 1 'its neighbour is back'
is "$(kscan --pfn $((pfn - 1)) | grep -c readable)" 1 'on both sides'

is "$(charged_to $pfn)" 0 'and nobody is charged for the page'

# The kernel must not get it back in this state: whoever has it next would die.
echo $pfn >$POISON/unpoison-pfn 2>/dev/null || true
flags=$(dd if=/proc/kpageflags bs=8 skip=$pfn count=1 2>/dev/null |
	od -A n -t u8 | tr -d ' ')
is $((flags >> HWPOISON & 1)) 1 'its error can not be taken back'
done_testing
