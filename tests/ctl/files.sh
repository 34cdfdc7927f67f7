#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What gmemctl says of a file that has pages in all states (mixed.c), and what it
# does to it.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/ctl/ctl.sh
. /share/ctl/ctl.sh

file=/dev/gmem/mixed
mib=$((1024 * 1024))

# Of mixed.c, in pages; a block has 512.
pages=$((8 * 512))
holes=$((2 * 512 + 256))
hidden=$((2 * 512 + 512 - 16 + 256))
shared=$((16 + 512 + 1 + 512))
exposed=$((shared - 1))

start_mixed() {
	rm -f /run/mixed.ready
	/opt/gmemfs/tests/ctl/mixed "$file" &
	mixed=$!
	wait_for test -e /run/mixed.ready
}

stop_mixed() {
	kill "$mixed"
	wait "$mixed" || :
	rm "$file"
}

# The record of a file in the last JSON.
entry() { # EXPRESSION
	ask "[f for f in d['files'] if f['path'] == '$file'][0]$1"
}

test_status() {
	json status
	is "$status" 0 'status --json'
	ok '  is JSON' json_is_valid
	is "$(ask 'd["memory"]["hidden"]')" "$(cat /sys/fs/gmemfs/hidden_bytes)" \
		'  hidden, as in sysfs'
	is "$(ask 'd["files"]["count"]')" 2 '  files, also the one without a name'
	is "$(ask 'd["files"]["populated"] - d["files"]["hidden"] - d["files"]["lent"] - d["files"]["exposed"]')" \
		0 '  what is populated is hidden, lent or exposed'
	is "$(ask 'd["guard"]["state"]')" hooked '  the guard'
	is "$(ask 'd["guard"]["mode"]')" lend '  its mode'
	is "$(ask 'd["direct_map"]["splits_2m"]')" \
		"$(awk '$1 == "direct_map_level2_splits" { print $2 }' /proc/vmstat)" '  splits'
	is "$(ask 'len(d["mounts"])')" 1 '  one mount'
	is "$(ask 'd["mounts"][0]["directory"]')" /dev/gmem '  where'
	ctl status
	is "$status" 0 'status'
	hooks=$(grep -c gmem_hook_entry /sys/kernel/tracing/enabled_functions)
	like "$out" "^guard +hooked, $hooks functions of kvm; mode lend" '  the guard'
	like "$out" '^/dev/gmem .*direct_map=hidden' '  the mount'
	like "$out" '^populated +.* in 2 files' '  the files'
}

test_ls() {
	json ls
	ok 'ls --json is JSON' json_is_valid
	is "$(ask 'len(d["files"])')" 2 '  two files'
	is "$(entry '["size"]')" $((16 * mib)) '  size'
	is "$(entry '["linked"]')" true '  it has a name'
	is "$(entry '["owner"]')" root '  owner'
	is "$(entry '["users"][0]["pid"]')" "$mixed" '  its user'
	is "$(entry '["users"][0]["open"]')$(entry '["users"][0]["mapped"]')" truetrue \
		'  that has it open and mapped'
	is "$(entry '["users"][0]["comm"]')" mixed '  by name'
	unnamed=$(ask "[f['path'] for f in d['files'] if not f['linked']][0]")
	is "$(ask "[f['users'][0]['open'] for f in d['files'] if not f['linked']][0]")" false \
		'  the file without a name is only mapped'
	like "$unnamed" "^/proc/$mixed/map_files/" '  and has a path'
	ctl show "$unnamed"
	is "$status" 0 '  by which it can be shown'
	like "$out" '^populated +2M' '  with what it holds'
	ctl ls
	like "$out" '^FILE +OWNER +SIZE' 'ls: a heading'
	like "$out" "^$file +root +16M .* mixed\\($mixed\\)\$" '  the file and its user'
	is "$(lines "$out")" 3 '  two lines'
}

descriptor() {
	for fd in "/proc/$mixed/fd"/*; do
		[ "$(readlink "$fd")" != "$file" ] || echo "$fd"
	done
}

test_show() {
	json show "$file"
	ok 'show --json is JSON' json_is_valid
	for what in holes hidden shared; do
		eval "want=\$$what"
		# shellcheck disable=SC2154 # want is set
		is "$(ask "d['pages']['$what']")" "$want" "  $what"
	done
	is "$(ask 'd["pages"]["shared_hidden"]')" 1 '  shared, but hidden still'
	is "$(ask 'd["pages"]["pinned"]')" 1 '  pinned'
	is "$(ask 'd["pages"]["unprotected"]')" 0 '  unprotected'
	is "$(ask 'd["exposed"]')" $((exposed * 4096)) '  exposed, in bytes'
	ctl show "$file"
	like "$out" '^pinned +4K' 'show: pinned'
	like "$out" "^users +mixed\\($mixed\\)" '  its user'
	ctl show "$(descriptor)"
	is "$status" 0 '  by a descriptor'
	like "$out" "^users +mixed\\($mixed\\)" '  it is the same file'
}

test_map() {
	json map "$file"
	ok 'map --json is JSON' json_is_valid
	is "$(ask '" ".join(c["kind"] for c in d["cells"])')" \
		'hidden mixed shared hole partly mixed pinned hole' '  a cell a block'
	is "$(ask 'sum(c["pages"] for c in d["cells"])')" "$pages" '  all pages'
	is "$(ask 'sum(c["hidden"] for c in d["cells"])')" "$hidden" '  hidden'
	is "$(ask 'sum(c["holes"] for c in d["cells"])')" "$holes" '  holes'
	json map --cell=4K "$file"
	is "$(ask 'len(d["cells"])')" "$pages" 'map --cell=4K: a cell a page'
	is "$(ask 'sum(c["kind"] == "shared" for c in d["cells"])')" $((shared - 1)) \
		'  those that are shared'
	is "$(ask '[c["offset"] for c in d["cells"] if c["kind"] == "pinned"]')" \
		"[$((12 * mib + 8 * 4096))]" '  the one that is pinned'
	ctl map "$file"
	like "$out" '^ +0 █ms·▒mP·$' 'map: the picture'
	like "$out" 'hidden, in 2 MiB blocks: 1' '  its legend'
	LC_ALL=C ctl map "$file"
	like "$out" '^ +0 #ms\.-mP\.$' '  in ASCII'
	is "$(tr -d '\000-\177' <"$work/out" | wc -c)" 0 '  only'
	ctl map --cell=3000 "$file"
	is "$status" 2 '  --cell that is no size of a cell'
}

# The rows of the picture, without their labels.
rows() {
	printf '%s\n' "$out" | sed -n 's/^ *[0-9.]*[KMG]\{0,1\} \([#=.smLP!-]*\)$/\1/p'
}

test_widths() {
	for columns in 20 40 80 132 1000; do
		LC_ALL=C COLUMNS=$columns ctl map --cell=4K "$file"
		is "$(rows | tr -d '\n' | wc -c)" "$pages" "$columns columns: each page is there"
		widest=$(rows | awk '{ if (length($0) > n) n = length($0) } END { print n + 0 }')
		ok '  and in the width' test $((widest + 9)) -le "$columns"
	done
	truncate -s 64G /dev/gmem/large
	LC_ALL=C COLUMNS=40 ctl map /dev/gmem/large
	ok 'a large file fits, too' test "$(rows | wc -l)" -le 32
	like "$out" '^A cell is 128M' '  with many blocks a cell'
	rm /dev/gmem/large
	truncate -s 0 /dev/gmem/empty
	ctl map /dev/gmem/empty
	is "$status" 0 'an empty file'
	rm /dev/gmem/empty
}

has_colours() { # TEXT
	case $1 in
	*"$(printf '\033')"*) echo yes ;;
	*) echo no ;;
	esac
}

test_colours() {
	is "$(has_colours "$(on_terminal "$ctl map $file")")" yes 'colours on a terminal'
	is "$(has_colours "$(NO_COLOR=1 on_terminal "$ctl map $file")")" no '  not with NO_COLOR'
	is "$(has_colours "$(on_terminal "$ctl map --color=never $file")")" no \
		'  nor with --color=never'
	ctl map "$file"
	is "$(has_colours "$out")" no '  nor in a pipe'
	ctl map --color=always "$file"
	is "$(has_colours "$out")" yes '  unless with --color=always'
}

test_svg() {
	ctl map --svg="$work/map.svg" "$file"
	is "$status$out" 0 'map --svg'
	ok '  is XML with a cell for each block' python3 -c '
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
cells = [e for e in root.iter() if e.tag.endswith("}rect")
	 and len(e) and e[0].tag.endswith("}title")]
assert len(cells) == 8, len(cells)
fills = [e.get("fill") for e in cells]
assert len(set(fills)) == 6, fills' "$work/map.svg"
	ctl map --svg=/none/map.svg "$file"
	is "$status" 1 '  where it can not be written'
}

# What has to be escaped: for /proc/self/mountinfo, for JSON, for XML. Bytes that are no UTF-8 are an odd
# one, one of two bytes, and a half of a pair.
test_names() {
	odd='/run/odd mount'
	odd_file=$odd/$(printf '<&>"\\\001\303\251\360\237\230\200\377\300\200\355\240\200')
	mkdir -p "$odd"
	mount -t gmemfs none "$odd"
	truncate -s 4M "$odd_file"
	json ls
	ok 'names: ls --json is JSON' json_is_valid
	is "$(ask '[f["path"] for f in d["files"]].count("/run/odd mount/<&>\"\\\x01\u00e9\U0001f600" + 6 * "\ufffd")')" \
		1 '  with the name, and a sign for what is no UTF-8'
	ctl map --svg="$work/names.svg" "$odd_file"
	ok '  map --svg is XML, and has it too' python3 -c '
import sys, xml.etree.ElementTree as tree
assert "/run/odd mount/<&>" in "".join(tree.parse(sys.argv[1]).getroot().itertext())' "$work/names.svg"
	umount "$odd"
}

# Three have 4 MiB, and one of them has written to a page of it.
test_clones() {
	head -c 4M /dev/urandom >/dev/gmem/one
	for clone in two three; do cp --reflink=always /dev/gmem/one "/dev/gmem/$clone"; done
	printf x | dd of=/dev/gmem/two bs=4096 seek=600 conv=notrunc status=none
	json ls
	sharers="[f['sharers'] for f in d['files'] if f['path'] == '/dev/gmem/one'][0]"
	is "$(ask "$sharers")" 3 'clones: ls says how many have the memory'
	is "$(entry '["sharers"]')" 0 '  and nobody has that of another file'
	ctl ls
	like "$out" '^/dev/gmem/one +root +4M +4M +4M +0 +0 +4M +3 *$' '  in the table, too'
	like "$out" "^$file .* 0 +0 +mixed" '  with nothing of the other file'
	json show /dev/gmem/two
	is "$(ask 'd["sharers"]')" 3 'clones: show'
	is "$(ask 'd["pages"]["cloned"]')" 1023 '  all but the page that was written to'
	is "$(ask 'd["pages"]["cloned_alone"]')" 0 '  all of it somebody else has'
	ctl show /dev/gmem/two
	like "$out" '^sharers +3  places in files have the same memory, at most; 0 is this one.s alone$' '  in words'
	json map /dev/gmem/two
	is "$(ask '[c["sharers"] for c in d["cells"]]')" '[3, 3]' 'clones: map, in each cell'
	ctl map /dev/gmem/two
	like "$out" 'c hidden, some pages in common with other files: 2 \(at most 3 have the same\)$' '  in the legend'
	ctl map --svg="$work/clones.svg" /dev/gmem/two
	ok '  in the picture' grep -q '511 cloned, at most 3 have the same</title>' "$work/clones.svg"
	LIE=old LD_PRELOAD=$preload ctl show /dev/gmem/two
	is "$status" 0 'clones: a module that does not know'
	like "$out" '^sharers +\?  unknown to the module' '  show says so'
	LIE=old LD_PRELOAD=$preload ctl ls
	like "$out" '^/dev/gmem/two .* 3\.9M +\? *$' '  and ls'
	rm /dev/gmem/one /dev/gmem/three
	json show /dev/gmem/two
	is "$(ask 'd["sharers"]')" 1 'clones: the others are gone'
	is "$(ask 'd["pages"]["cloned_alone"]')" 1023 '  and all that was in common is its own'
	rm /dev/gmem/two
}

test_verify() {
	json verify "$file"
	is "$status" 0 'verify: all as it should be'
	ok '  JSON' json_is_valid
	is "$(entry '["checked"]')" $((pages - holes)) '  it looked at all pages'
	is "$(entry '["hidden"]')" "$hidden" '  hidden'
	is "$(entry '["hidden_with_contents"]')" "$hidden" \
		'  each of them with contents that the kernel could not read'
	is "$(entry '["readable"]')" "$exposed" '  readable'
	is "$(entry '["readable_shared"]')" "$exposed" '  because they are shared'
	json show "$file"
	is "$(ask "d['pages']['holes']")" "$holes" '  and it filled no hole'
	ctl verify --all
	is "$status" 0 'verify --all'
	like "$out" "^$file +$((pages - holes)) +$hidden +$exposed +$exposed +0 +0 +good" '  the table'
	is "$(lines "$out")" 3 '  both files'
}

# It must be able to fail, and must not believe what it is told.
test_verify_fails() {
	mkdir -p /run/kept
	mount -t gmemfs -o direct_map=kept none /run/kept
	head -c 4M /dev/urandom >/run/kept/k
	ctl verify /run/kept/k
	is "$status" 1 'verify: memory that is kept in the direct map'
	like "$out" '^/run/kept/k +1024 +0 +1024 +0 +0 +1024 +BAD' '  all of it is found'
	json verify --all
	is "$status$(ask 'd["bad"]')" 11024 '  by --all, too'
	is "$(entry '["unprotected"]')" 0 '  but not in the other file'
	umount /run/kept

	LIE=hidden LD_PRELOAD=$preload ctl verify --json "$file"
	cp "$work/out" "$work/json"
	is "$status" 1 'verify: gmemfs says that all is hidden'
	is "$(entry '["leak"]')" "$exposed" '  what is readable all the same is found'
	is "$(entry '["bad_runs"][0]["offset"]')" $((3 * mib)) '  where'
	is "$(entry '["bad_runs"][0]["pages"]')" 16 '  how many'
	LIE=exposed LD_PRELOAD=$preload ctl verify --json "$file"
	cp "$work/out" "$work/json"
	is "$status" 1 'verify: gmemfs says that nothing is hidden'
	is "$(entry '["missing"]')" "$hidden" '  what is hidden all the same is found'
}

state() { # PAGE KEY
	json map --cell=4K "$file"
	ask "[c for c in d['cells'] if c['offset'] == $1 * 4096][0]['$2']"
}

test_convert() {
	ctl convert "$file" 64K 8K shared
	is "$status" 0 'convert to shared'
	like "$out" "^$file: 8K at 64K: shared" '  says so'
	is "$(state 15 shared)$(state 16 shared)$(state 17 shared)$(state 18 shared)" 0110 \
		'  those pages and no others'
	json convert "$file" 64K 8K private
	is "$(ask 'd["converted"]')$(ask 'd["error"]')" 8192null 'back to private'
	is "$(state 16 shared)$(state 16 hidden)" 01 '  hidden'
	ctl convert "$file" 0 1G shared
	is "$status" 1 'beyond the end of the file'
	like "$err" 'not inside of the file, which has 16M' '  and why'
	ctl convert --zero "$file" 0 4K shared
	is "$status" 0 'convert --zero'
	is "$(head -c 4096 "$file" | tr -d '\0' | wc -c)" 0 '  the page is all zeros'
	is "$(head -c 8192 "$file" | tr -d '\0' | wc -c)" 4096 '  the next is not'
	ctl convert "$file" 0 4K private
}

test_pinned() {
	json convert --timeout=0.3 "$file" 12M 2M private
	is "$status" 4 'a page that is pinned: exit status 4'
	like "$err" 'the page at .*12615680.* is pinned' '  and which'
	is "$(ask 'd["converted"]')" 32768 '  all before it is converted'
	is "$(ask 'd["error"]')" 'Resource temporarily unavailable' '  in JSON, too'
	"$ctl" convert --timeout=60 "$file" 12M 2M private >"$work/late" 2>&1 &
	late=$!
	sleep 0.5
	ok 'with time it waits' kill -0 "$late"
	kill -USR1 "$mixed"
	status=0
	wait "$late" || status=$?
	is "$status" 0 '  until the page is let go'
	is "$(state 3080 shared)$(state 3080 hidden)" 01 '  and then it is private'
}

# A host that is busy draws late, so q waits for what is drawn.
top_was_drawn_twice() {
	[ "$(grep -c "^.*$file " "$work/screen")" -ge 2 ]
}

test_top() {
	json top --count=3 --interval=0.2
	is "$(lines "$out")" 3 'top --json: three lines'
	ok '  each of them JSON' python3 -c '
import json, sys
for line in open(sys.argv[1]):
	assert len(json.loads(line)["files"]) == 2' "$work/json"
	ctl top --count=2 --interval=0.1
	is "$(printf '%s\n' "$out" | grep -c "^$file ")" 2 'top: the file, twice'
	: >"$work/screen"
	(wait_for top_was_drawn_twice && printf q) |
		TERM=xterm timeout 90 script -qefc "$ctl top --interval=0.2" \
			"$work/screen" >"$work/seen" || :
	like "$(cat "$work/screen")" 'q ends' 'top on a terminal ends with q'
	ok '  and was live' top_was_drawn_twice
}

test_build() {
	find_preload liar
	start_mixed
	test_status
	test_ls
	test_show
	test_map
	test_widths
	test_colours
	test_svg
	test_clones
	test_names
	test_verify
	test_verify_fails
	test_top
	test_convert
	test_pinned
	stop_mixed
}

with_sanitizers test_build
is "$(cat /sys/fs/gmemfs/hidden_bytes)" 0 'nothing is hidden in the end'
done_testing
