#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# gmemctl metrics: the format, the values beside those of sysfs and of status, labels
# that users choose, and the file that it writes.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/ctl/ctl.sh
. /share/ctl/ctl.sh

mib=$((1024 * 1024))
manual=/share/docs/metrics.md
dir=/run/textfile
file=$dir/gmemfs.prom
user=65534

by_user() {
	setpriv --reuid="$user" --regid="$user" --clear-groups "$@"
}

# The JSON document is what is in a text, and what status and metrics print as JSON.
parse() { # TEXT
	/share/ctl/exposition.py "$1" "status=$work/status.json" "metrics=$work/metrics.json" \
		>"$work/json"
}

look() {
	json status
	mv "$work/json" "$work/status.json"
	json metrics
	mv "$work/json" "$work/metrics.json"
	ctl metrics
}

# The value of a sample, as it is written.
value() { # SAMPLE
	ask "d['values'].get('$1')"
}

# The names of all metrics, as lines.
metrics() {
	ask '"\n".join(sorted(d["types"]))'
}

test_format() {
	ctl reserve 16M
	truncate -s 6M /dev/gmem/guest
	fallocate -l 4M /dev/gmem/guest
	ctl reserve 16M
	look
	is "$status$err" 0 'metrics'
	ok '  each line has the format, and no sample is there twice' parse "$work/out"
	is "$(ask '[t for t in d["types"] if not t.startswith("gmemfs_")]')" '[]' '  all names begin with gmemfs_'
	is "$(ask '[t for t in d["types"] if t not in [s["name"] for s in d["samples"]]]')" '[]' \
		'  each metric has a sample'
	is "$(ask '[s for s in d["samples"] if s["name"] == "gmemfs_info"][0]["labels"]["mode"]')" lend \
		'  the mode of the guard'
	is "$(ask '[s for s in d["samples"] if s["name"] == "gmemfs_info"][0]["labels"]["version"]')" \
		"$("$ctl" --version | cut -d ' ' -f 2)" '  the version'
	is "$(ask 'd["metrics"]["complete"]')" true '  JSON says that nothing was missed'
	is "$(ask '[{"name": m["name"], **s} for m in d["metrics"]["metrics"] for s in m["samples"]] == d["samples"]')" \
		true '  and has the same samples'
	is "$(ask '{m["name"]: m["type"] for m in d["metrics"]["metrics"]} == d["types"]')" true '  and types'
}

test_sysfs() {
	for name in hidden_bytes lent_bytes spare_bytes quarantined_bytes pinned_bytes device_bytes pool/low_bytes \
		pool/free_bytes pool/dirty_bytes; do
		is "$(value "gmemfs_$(echo "$name" | tr / _)")" "$(cat "/sys/fs/gmemfs/$name")" "sysfs: $name"
	done
	for name in loans pool/hits pool/misses pool/refills pool/scrubs pool/shrunk; do
		is "$(value "gmemfs_$(echo "$name" | tr / _)_total")" "$(cat "/sys/fs/gmemfs/$name")" \
			"sysfs: $name"
	done
	is "$(ask '[s for s in d["samples"] if s["name"] == "gmemfs_info"][0]["labels"]["method"]')" \
		"$(cat /sys/fs/gmemfs/direct_map_method)" 'sysfs: direct_map_method'
	is "$(value 'gmemfs_direct_map_splits_total{size="2M"}')" \
		"$(awk '$1 == "direct_map_level2_splits" { print $2 }' /proc/vmstat)" 'vmstat: splits'
}

# SAMPLE, and the same in the document of status.
in_status() {
	cat <<'END'
gmemfs_guard_hooks ["guard"]["hooks"]
gmemfs_hidden_bytes ["memory"]["hidden"]
gmemfs_device_bytes ["memory"]["device"]
gmemfs_loans_total ["memory"]["loans"]
gmemfs_files ["files"]["count"]
gmemfs_files_size_bytes ["files"]["size"]
gmemfs_files_populated_bytes ["files"]["populated"]
gmemfs_files_hidden_bytes ["files"]["hidden"]
gmemfs_files_exposed_bytes ["files"]["exposed"]
gmemfs_files_lent_bytes ["files"]["lent"]
gmemfs_files_shared_bytes ["files"]["shared"]
gmemfs_files_huge_bytes ["files"]["huge"]
gmemfs_files_cloned_bytes ["files"]["cloned"]
gmemfs_files_missing_bytes ["files"]["missing"]
gmemfs_pool_free_bytes ["pool"]["free_bytes"]
gmemfs_pool_hits_total ["pool"]["hits"]
gmemfs_direct_map_splits_total{size="2M"} ["direct_map"]["splits_2m"]
gmemfs_direct_map_splits_total{size="1G"} ["direct_map"]["splits_1g"]
gmemfs_direct_map_bytes{size="4K"} ["direct_map"]["mapped_4k"]
gmemfs_direct_map_bytes{size="2M"} ["direct_map"]["mapped_2m"]
END
}

test_status() {
	in_status >"$work/in-status"
	while read -r sample key; do
		is "$(value "$sample")" "$(ask "d['status']$key")" "status: $sample"
	done <"$work/in-status"
	is "$(value gmemfs_files_populated_bytes)" $((4 * mib)) '  what the file has'
	is "$(ask 'd["status"]["guard"]["state"]')$(value gmemfs_guard_hooked)" hooked1 '  the guard is hooked'
	is "$(value gmemfs_files_complete)" 1 '  all files were looked at'
	is "$(ask 'len(d["status"]["mounts"])')" 1 '  one mount'
	at="{device=\"$(mountpoint -d /dev/gmem)\",directory=\"/dev/gmem\"}"
	is "$(value "gmemfs_mount_limit_bytes$at")" "$(ask 'd["status"]["mounts"][0]["limit"]')" '  its limit'
	is "$(value "gmemfs_mount_used_bytes$at")" "$(ask 'd["status"]["mounts"][0]["used"]')" '  what is used'
	is "$(value "gmemfs_mount_inodes$at")" "$(ask 'd["status"]["mounts"][0]["inodes"]')" '  its inodes'
	is "$(ask '[s for s in d["samples"] if s["name"] == "gmemfs_mount_info"][0]["labels"]["options"]')" \
		"$(ask 'd["status"]["mounts"][0]["options"]')" '  its options'
}

# A shared page is exposed, and what is given back is counted no more.
test_change() {
	ctl convert /dev/gmem/guest 0 64K shared
	look
	ok 'a change' parse "$work/out"
	is "$(value gmemfs_files_shared_bytes) $(value gmemfs_files_exposed_bytes)" "65536 65536" \
		'  what is shared is exposed'
	rm /dev/gmem/guest
	look
	ok '  without files' parse "$work/out"
	is "$(value gmemfs_files) $(value gmemfs_files_populated_bytes)" '0 0' '  nothing is populated'
	ctl release
}

# Each metric is in the table, and each that the page names is one.
test_manual() {
	sed -n 's/^| `\(gmemfs_[a-z0-9_]*\).*/\1/p' "$manual" | sort >"$work/in-table"
	is "$(cat "$work/in-table")" "$(metrics)" 'metrics.md: the table has all metrics, and no others'
	grep -o 'gmemfs_[a-z0-9_]*' "$manual" | sort -u >"$work/named"
	is "$(metrics | comm -13 - "$work/named")" '' '  nor does it name others'
	awk '/^```/ { json = $0 == "```json"; next } json' "$manual" >"$work/json"
	is "$(ask 'len(d["panels"]) > 0')" true '  the dashboard is JSON'
}

# How a directory's name is written as a label.
directory() { # WRITTEN NAME
	ok "  $2" grep -qF "directory=\"$1\"" "$work/out"
}

test_names() {
	base=$work/mounts
	mkdir "$base"
	for name in 'a "quote"' 'back\slash' 'a\nb' "$(printf 'two\nlines')" 'x",y="z"} 1' \
		"$(printf 'tab\tescape\033')" "$(printf 'not\377utf8')" "$(printf 'u\303\244\342\200\256')" \
		"$(printf '\340\200\242')"; do
		mkdir "$base/$name"
		mount -t gmemfs none "$base/$name"
	done
	for locale in C C.UTF-8; do
		LC_ALL=$locale ctl metrics
		is "$status" 0 "odd names, $locale"
		ok '  the format is right' parse "$work/out"
		is "$(ask 'sum(s["name"] == "gmemfs_mount_info" for s in d["samples"])')" 10 '  all mounts are there'
		directory "$base/a \\\"quote\\\"" 'a quote is escaped'
		directory "$base/back\\\\slash" 'a backslash'
		directory "$base/a\\\\nb" '  which is no line break'
		directory "$base/two\\nlines" 'a line break'
		directory "$base/x\\\",y=\\\"z\\\"} 1" 'no label ends in a name'
		directory "$base/tab\\\\x09escape\\\\x1b" 'controls have codes'
		directory "$base/not\\\\xffutf8" 'as has what is not UTF-8'
		directory "$base/u$(printf '\303\244')\\\\u202e" 'other letters are as they are, but for what turns text round'
		directory "$base/\\\\xe0\\\\x80\\\\xa2" 'a quote that is no UTF-8 is none'
	done
	LC_ALL=C on_terminal "$ctl metrics" >"$work/screen"
	ok 'a terminal that is not UTF-8' grep -qF "directory=\"$base/u\\\\u00e4\\\\u202e\"" "$work/screen"
	is "$(tr -d '\r\n\040-\176' <"$work/screen" | wc -c)" 0 '  gets ASCII only'
	umount "$base"/*
	rm -r "$base"
}

# Of a mount that another one covers, only the options are known.
test_mounts() {
	mount -t gmemfs -o direct_map=kept,size=0,nr_inodes=0 none /dev/gmem
	ctl metrics
	is "$status" 0 'a mount over another one'
	ok '  the format is right' parse "$work/out"
	is "$(ask '[s["labels"]["directory"] for s in d["samples"] if s["name"] == "gmemfs_mount_info"]')" \
		"['/dev/gmem', '/dev/gmem']" '  both are there'
	is "$(ask '[s for s in d["samples"] if s["name"] in ("gmemfs_mount_used_bytes", "gmemfs_mount_inodes")]')" '[]' \
		'  without what can not be asked, or has no limit'
	is "$(value gmemfs_files_complete)" 0 '  and not all was looked at'
	umount /dev/gmem
}

# A mount that only another namespace has is there, but not by a name that its users choose.
test_elsewhere() {
	mkdir "$work/gone"
	mount -t gmemfs none "$work/gone"
	unshare -m sh -c "touch '$work/there'; exec sleep 1000" &
	elsewhere=$!
	while [ ! -e "$work/there" ] && kill -0 "$elsewhere"; do
		sleep 0.1
	done
	umount "$work/gone"
	ctl metrics
	is "$status" 0 'a mount of another namespace'
	ok '  the format is right' parse "$work/out"
	is "$(ask '[s["labels"]["directory"] for s in d["samples"] if s["name"] == "gmemfs_mount_info"]')" \
		"['/dev/gmem', '']" '  it is there, without a name'
	kill "$elsewhere"
	wait "$elsewhere" || :
	rmdir "$work/gone"
}

# Whoever makes the path of a mount longer than any path may be has it left out, and no more.
test_long_path() {
	rm -f "$work/there"
	unshare -m python3 -c '
import ctypes, os, sys, time
os.mkdir("/run/long")
os.chdir("/run/long")
for _ in range(300):
    os.mkdir("\n" * 250)
    os.chdir("\n" * 250)
assert not ctypes.CDLL(None).mount(b"none", b".", b"gmemfs", 0, None)
open(sys.argv[1], "w").close()
time.sleep(1000)' "$work/there" &
	elsewhere=$!
	while [ ! -e "$work/there" ] && kill -0 "$elsewhere"; do
		sleep 0.1
	done
	ctl metrics
	is "$status" 0 'a mount with a path of 75,000 bytes'
	ok '  the format is right' parse "$work/out"
	ok '  with short lines' test "$(wc -L <"$work/out")" -lt 500
	is "$(value gmemfs_files_complete)" 0 '  and not all was looked at'
	ctl status
	like "$out$err" 'the path of one is too long' '  status says why'
	kill "$elsewhere"
	wait "$elsewhere" || :
	rm -r /run/long
}

test_output() {
	mkdir -p "$dir"
	ctl metrics --output="$file"
	is "$status$out$err" 0 '--output: nothing is printed'
	ok '  the file has the format' parse "$file"
	is "$(stat -c %a "$file")" 644 '  and all may read it'
	is "$(ls -A "$dir")" gmemfs.prom '  no other file is left'
	cp "$file" "$work/before"
	before=$(stat -c %i "$file")
	exec 7<"$file"
	ctl metrics --output="$file" --json
	is "$status" 0 '--output once more, as JSON'
	cp "$file" "$work/json"
	is "$(ask 'len(d["metrics"]) > 20')" true '  it is'
	not_ok '  in another file' test "$(stat -c %i "$file")" = "$before"
	ok '  who had it open reads all of the old one' cmp - "$work/before" <&7
	exec 7<&-
	chmod 640 "$file"
	(umask 077 && exec "$ctl" metrics --output="$file")
	is "$(stat -c %a "$file")" 640 '  and has the mode of the old one, whatever the umask'
	rm "$file"
	(umask 077 && exec "$ctl" metrics --output="$file")
	is "$(stat -c %a "$file")" 600 '  a new one has that of the umask'
	rm "$file"
	cd "$dir"
	ctl metrics --output=here
	is "$status$(ls -A "$dir")" 0here '--output in the working directory'
	rm here
	cd /
}

test_full() {
	mkdir -p "$dir/full"
	mount -t tmpfs -o size=4k none "$dir/full"
	echo old >"$dir/full/file"
	ctl metrics --output="$dir/full/file"
	is "$status" 1 '--output without space'
	like "$err" 'No space left' '  and why'
	is "$(cat "$dir/full/file")" old '  the old file is as it was'
	is "$(ls -A "$dir/full")" file '  and no other is left'
	umount "$dir/full"
	rmdir "$dir/full"
}

# Others read the file all the time.
test_atomic() {
	ctl metrics --output="$file"
	for _ in $(seq 20); do
		"$ctl" metrics --output="$file"
	done &
	writer=$!
	torn=0
	while kill -0 "$writer" 2>/dev/null; do
		cat "$file" >"$work/read"
		grep -q '^gmemfs_mount_inodes' "$work/read" || torn=$((torn + 1))
	done
	wait "$writer" || :
	is "$torn" 0 'who reads the file reads all of it'
	is "$(ls -A "$dir")" gmemfs.prom '  no other file is left'
}

refused() { # ERE NAME PATH
	ctl metrics --output="$3"
	is "$status" 1 "--output: $2 is refused"
	like "$err" "$1" '  and why'
}

test_refused() {
	common=/run/common
	mkdir -p "$common/ours" /run/target
	chmod 777 "$common"
	echo secret >/run/target/secret
	by_user ln -s /run/target/secret "$common/link"
	by_user ln -s "$file" "$common/ours.prom"
	by_user ln -s /run/target "$common/way"
	by_user touch "$common/theirs"
	by_user mkfifo "$common/fifo"
	echo ours >"$common/ours/one"
	ln "$common/ours/one" "$common/ours/two"
	exists='exists, and is not a regular file of yours with a single name'
	refused "$exists" "a user's link" "$common/link"
	refused "$exists" '  also to a file of ours' "$common/ours.prom"
	refused 'symbolic link that another user made' "a user's link to a folder" "$common/way/new"
	refused "$exists" "a user's file" "$common/theirs"
	refused "$exists" 'a FIFO' "$common/fifo"
	refused "$exists" 'a file with two names' "$common/ours/two"
	refused "$exists" 'a folder' "$common/ours"
	refused "$exists" 'a device' /dev/null
	refused 'a process chooses' "a process's root" "/proc/$$/root$common/new"
	refused 'No such file' 'a folder that is not there' /run/none/file
	refused 'name of a file is missing' 'no name' ''
	refused 'name of a file is missing' 'a folder and no name' "$dir/"
	is "$(cat /run/target/secret)$(ls -A /run/target)" secretsecret '  what the links lead to is as it was'
	is "$(stat -c %s "$common/theirs")$(cat "$common/ours/one")" 0ours '  nor is another file touched'
	is "$(find "$common" -name '.*')" '' '  and nothing is left'
	ctl metrics --output="$common/new"
	is "$status" 0 '  a file of our own is written there'
	ctl metrics --output="$common/new"
	is "$status" 0 '  and written again'
	rm -r "$common" /run/target
}

# Who can't read tracefs doesn't know whether the guard is there.
test_user() {
	by_user "$ctl" metrics >"$work/out" 2>"$work/err" || fail "a user's metrics" "$(cat "$work/err")"
	ok "a user's metrics have the format" parse "$work/out"
	is "$(value gmemfs_guard_hooked)" null '  but not the state of the guard'
	is "$(value gmemfs_hidden_bytes)" "$(cat /sys/fs/gmemfs/hidden_bytes)" '  and what all may read'
}

test_not_loaded() {
	umount /dev/gmem
	rmmod gmemfs
	cp "$file" "$work/before"
	for arguments in '' --json --output="$file"; do
		# shellcheck disable=SC2086 # none is none
		ctl metrics $arguments
		is "$status$out" 3 "not loaded: metrics $arguments: exit status 3, and no output"
		like "$err" 'gmemfs is not loaded' '  and why'
	done
	ok '  the file is as it was' cmp "$file" "$work/before"
	insmod /opt/gmemfs/gmemfs.ko
	mount -t gmemfs gmemfs /dev/gmem
}

test_build() {
	test_format
	test_sysfs
	test_status
	test_manual
	look
	ok 'again' parse "$work/out"
	test_change
	test_names
	test_mounts
	test_elsewhere
	test_long_path
	test_output
	test_full
	test_atomic
	test_refused
	test_user
	test_not_loaded
	rm -r "$dir"
}

with_sanitizers test_build
done_testing
