#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# How gmem-pager is called: help, wrong usage, what can't be done. Each time one line. With ASan and UBSan.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/pager/pagers.sh
. /share/pager/pagers.sh

pager=$sanitized
man=/share/man/gmem-pager.1

run() { # ARGUMENT...
	status=0
	"$pager" "$@" </dev/null >"$work/out" 2>"$work/err" || status=$?
	err=$(cat "$work/err")
}

refused() { # STATUS ERE ARGUMENT...
	want_status=$1
	want=$2
	shift 2
	run "$@"
	is "$status" "$want_status" "gmem-pager $*: status $want_status"
	is "$(wc -c <"$work/out")" 0 '  nothing on stdout'
	like "$err" "$want" '  a line says why'
}

run --help
is "$status" 0 '--help'
grep -o -e '--[a-z-]*' "$work/out" | sort -u >"$work/options"
while read -r option; do
	case $option in --help | --version) continue ;; esac
	ok "  the manual page has $option" grep -q "Fl Fl ${option#--}" "$man"
done <"$work/options"
run --version
like "$(cat "$work/out")" '^gmem-pager [0-9]' '--version'

make_snapshot 4
make_file 4M
refused 2 'one FILE'
refused 2 '--from'  "$file"
refused 2 'one FILE' --from="$snapshot" "$file" "$file"
refused 2 'error' --nothing "$file"
for size in '' x -1 1X 99999999999999999999 99999999999G; do
	refused 2 '--ahead' --from="$snapshot" --ahead="$size" "$file"
done
refused 1 'No such file' --from="$work/nothing" "$file"
refused 1 'neither a file' --from=/dev/null "$file"
refused 1 'not a regular file' --from="$snapshot" "$snapshot"
refused 1 'its own snapshot' --from="$file" "$file"
refused 1 'No such file' --from="$snapshot" /dev/gmem/nothing
exec 8<"$snapshot"
flock --exclusive 8
refused 1 'a guest that runs' --from="$snapshot" "$file"
exec 8<&-
printf '\050\265\057\375 and so on' >"$work/packed"
refused 1 "gmemctl load" --from="$work/packed" "$file"
status=0
"$pager" --from="$work/nothing" "$file" 2>&- || status=$?
is "$status" 1 'without a stderr'
ok '  no message gets into the memory' cmp -n 4096 "$file" /dev/zero
make_file 2M
refused 1 'more than' --from="$snapshot" "$file"
make_file 0
refused 1 'is empty' --from="$snapshot" "$file"
make_file 4M
echo nonsense >"$work/record"
refused 1 'no record' --from="$snapshot" --replay="$work/record" "$file"
printf 'gmem-pager record 1, blocks: 3\n' >"$work/record"
refused 1 '3 blocks' --from="$snapshot" --replay="$work/record" "$file"
printf 'gmem-pager record 1, blocks: 2\n7\n' >"$work/record"
refused 1 'no block 7' --from="$snapshot" --replay="$work/record" "$file"
refused 1 'No such file' --from="$snapshot" --record=/nowhere/record "$file"
echo mine >"$work/mine"
ln -s mine "$work/link"
ln "$work/mine" "$work/other-name"
mkfifo "$work/pipe"
refused 1 'symbolic link' --from="$snapshot" --record="$work/link" "$file"
refused 1 'single name' --from="$snapshot" --record="$work/other-name" "$file"
refused 1 "$work/pipe" --from="$snapshot" --record="$work/pipe" "$file"
is "$(cat "$work/mine")" mine '  which changes no other file'
refused 1 'No such file' --from="$snapshot" --status=/nowhere/socket "$file"
refused 1 '1 to 107' --from="$snapshot" --status= "$file"
escape=$(printf '\033')
run --from="$work/${escape}[2J" "$file"
is "$err" "gmem-pager: $work/?[2J: No such file or directory" 'no control character in a message'

pager=/opt/gmemfs/bin/gmem-pager
pager_start --from="$snapshot" --on-demand
pager=$sanitized
rm "$work/other-name"
refused 1 'another process' --from="$snapshot" --record="$work/mine" "$file"
is "$(cat "$work/mine")" mine '  the old record is there still'
pager_kill TERM

# A guest may begin its memory like a compressed file, or like QEMU's.
for begin in '\050\265\057\375' 'QEVM\000\000\000\003'; do
	make_file 4M
	# shellcheck disable=SC2059 # escapes
	printf "$begin" | dd of="$snapshot" conv=notrunc status=none
	run --no-sandbox --from="$snapshot" "$file"
	is "$status" 0 "memory that begins with $begin"
	ok '  is memory' cmp "$snapshot" "$file"
done
done_testing
