#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# fio in the host, with its buffers in a file of gmemfs and O_DIRECT: what it
# moves from shared pages to a disk and back is real data; with private ones it
# gets EFAULT. fio takes memory by a path: that of a descriptor of the shared view.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh

size=8388608
in_use=1048576 # of the memory: four requests of 256 KiB
disk=/var/tmp/fio.data

start_sharer() {
	/opt/gmemfs/tests/module/sharer /dev/gmem &
	sharer=$!
	while [ ! -e /run/sharer.ready ]; do sleep 0.1; done
	shared_file=/proc/$sharer/fd/10 shared_view=/proc/$sharer/fd/11
	private_file=/proc/$sharer/fd/12 private_view=/proc/$sharer/fd/13
}

# words WORD BYTES: so much of a word of eight letters, again and again
words() {
	yes "$1" | tr -d '\n' | head -c "$2"
}

# only WORD FILE BYTES: is that all there is at its beginning?
only() {
	words "$1" "$3" | cmp -n "$3" - "$2"
}

# run_fio MEMORY WORD OPTION...: WORD is what is written, or has to be read
run_fio() {
	memory=$1 word=$2
	shift 2
	fio --name=job --filename="$disk" --size="$size" --bs=256k --iodepth=4 \
		--direct=1 --ioengine=io_uring "--iomem=mmapshared:$memory" \
		--verify=pattern "--verify_pattern=\"$word\"" "$@"
}

fio_writes() {
	run_fio "$@" --rw=write --do_verify=0
}

fio_reads() {
	run_fio "$@" --rw=read
}

# moves_data WORD WORD [OPTION]: both ways by the shared view
moves_data() {
	out=$1 in=$2
	shift 2
	ok "fio${*:+ $*} writes from shared pages" fio_writes "$shared_view" "$out" "$@"
	ok 'and that is on the disk' only "$out" $disk $size
	words "$in" $size >$disk
	sync $disk
	not_ok 'what it did not write, it does not find there' \
		fio_reads "$shared_view" "$out" "$@"
	ok "fio${*:+ $*} reads into shared pages" fio_reads "$shared_view" "$in" "$@"
	ok 'and that is in the file of gmemfs' only "$in" "$shared_file" $in_use
}

# gets_efault NAME COMMAND...
gets_efault() {
	efault_name=$1
	shift
	not_ok "$efault_name: it fails" "$@"
	like "$tap_output" 'Bad address' 'by EFAULT'
}

refuses_private() {
	gets_efault "fio${*:+ $*} from private pages" fio_writes "$private_file" none4all "$@"
	gets_efault "fio${*:+ $*} into private pages" fio_reads "$private_view" outword1 "$@"
	gets_efault "fio${*:+ $*} by the guest view of shared pages" \
		fio_writes "$shared_file" none4all "$@"
	ok 'the disk is as it was' only outword1 $disk $size
}

start_sharer
moves_data aaaabbbb ccccdddd
moves_data eeeeffff gggghhhh --fixedbufs=1
words outword1 $size >$disk
sync $disk
refuses_private
refuses_private --fixedbufs=1
not_ok 'and nothing of it got into private memory' grep -q outword1 "$private_file"
kill "$sharer"
wait "$sharer" 2>/dev/null || true
is "$(cat /sys/fs/gmemfs/hidden_bytes)" 0 'nothing stays hidden'
is "$(cat /sys/fs/gmemfs/pinned_bytes)" 0 'nothing stays pinned'
done_testing
