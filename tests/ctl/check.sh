#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# gmemctl check: on a host that is ready, and on one that is not.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/ctl/ctl.sh
. /share/ctl/ctl.sh

if grep -q '^kvm_amd' /proc/modules; then kvm=kvm_amd; else kvm=kvm_intel; fi

# The result of a check in the last JSON.
result() { # NAME
	ask "' '.join(c['result'] for c in d['checks'] if c['name'] == '$1')"
}

advice() { # NAME
	ask "' '.join(c['advice'] or '' for c in d['checks'] if c['name'] == '$1')"
}

load() { # [PARAMETER...]
	insmod /opt/gmemfs/gmemfs.ko "$@"
	mount -t gmemfs gmemfs /dev/gmem
}

# The build whose parameters make steps fail.
load_debug() {
	insmod /opt/gmemfs/debug/gmemfs.ko
	mount -t gmemfs gmemfs /dev/gmem
}

unload() {
	umount /dev/gmem
	rmmod gmemfs
}

test_ready() {
	json check
	is "$status" 0 'a host that is ready: exit status 0'
	ok '  JSON' json_is_valid
	is "$(ask 'd["ready"]')" true '  it says so'
	for name in kernel module mount kvm guard vfio lockdown 'huge pages' cmdline verify; do
		is "$(result "$name")" OK "  $name"
	done
	is "$(ask 'all(c["advice"] for c in d["checks"] if c["result"] != "OK")')" true \
		'  what is not OK comes with advice'
	ctl check
	like "$out" '^OK   guard +[1-9][0-9]* functions of kvm are hooked' 'in words: the guard'
	like "$out" '^[0-9]+ OK, [0-9]+ WARN, 0 FAIL: this host is ready' '  the end'
}

test_warnings() {
	thp=/sys/kernel/mm/transparent_hugepage/enabled
	echo never >"$thp"
	mkdir -p /run/kept
	mount -t gmemfs -o direct_map=kept none /run/kept
	json check
	is "$status" 0 'warnings: exit status 0'
	is "$(result 'huge pages')" WARN '  no huge pages'
	like "$(advice 'huge pages')" 'echo madvise' '  what to do'
	is "$(result mount)" 'OK WARN' '  a mount that protects nothing'
	umount /run/kept
	echo madvise >"$thp"
	json check
	is "$(result 'huge pages')" OK '  gone'
}

test_failures() {
	unload
	json check
	is "$status" 1 'not loaded: exit status 1'
	is "$(result module)" FAIL '  the module'
	is "$(result guard)" '' '  no word on the guard'
	is "$(ask 'd["ready"]')" false '  not ready'
	ctl check
	like "$out" '1 FAIL: this host is not ready' '  in words'

	load guard=off
	json check
	is "$status$(result guard)" 1FAIL 'guard=off'
	ctl status
	like "$out" '^guard +off: any guest .* can crash' '  status says so, too'
	unload

	modprobe -r "$kvm"
	load_debug
	json check
	is "$(result guard)" OK 'kvm is not loaded'
	ctl status
	like "$out" '^guard +no kvm to hook yet; mode lend' '  status says so, too'
	echo -1 >/sys/module/gmemfs/parameters/fail_symbol
	modprobe "$kvm"
	json check
	is "$status$(result guard)" 1FAIL 'kvm can not be hooked'
	like "$(advice guard)" 'ftrace_enabled' '  what to do'
	json status
	is "$(ask 'd["guard"]["state"]')" 'not hooked' '  status says so, too'
	ctl status
	like "$out" '^guard +not hooked: nothing can be hidden' '  in words'
	unload

	mv /dev/kvm /dev/kvm.away
	load
	json check
	is "$status$(result kvm)" 1FAIL 'no /dev/kvm'
	mv /dev/kvm.away /dev/kvm
	json check
	is "$status" 0 'ready again'
}

# gmemctl can read none of the files that these checks need, so none of them may be OK.
test_out_of_sight() {
	unshare --mount sh -c "mount -t tmpfs none /proc; $ctl check --json" >"$work/json" || :
	ok 'without /proc' json_is_valid
	for name in mount ibt modules blocks cmdline verify; do
		is "$(result "$name")" WARN "  $name"
	done
	like "$(ask 'd["checks"]')" 'not known: /proc/cpuinfo' '  not known'
	unshare --mount sh -c "mount -t tmpfs none /sys; $ctl check --json" >"$work/json" || :
	for name in nested lockdown modules cgroup 'huge pages' hibernation 'crash dump' verify; do
		is "$(result "$name")" WARN "without /sys: $name"
	done
	unshare --mount sh -c "umount /sys/kernel/security; $ctl check --json" >"$work/json" || :
	is "$(result lockdown)" WARN 'without securityfs: lockdown'
	mount -t tmpfs none /dev/gmem
	json check
	is "$(result mount)" WARN 'a mount that another one covers'
	umount /dev/gmem
}

# masked WITH FILE...: gmemctl's JSON where WITH is mounted over these files, as containers do
masked() {
	unshare --mount sh -ec '
		with=$1 ctl=$2
		shift 2
		for file; do
			[ ! -e "$file" ] || mount --bind "$with" "$file"
		done
		"$ctl" check --json' sh "$1" "$ctl" "$@" >"$work/json" || :
	ok "masked by $1" json_is_valid
}

not_OK() { # NAME...
	for name; do
		is "$(result "$name" | grep -o OK)" '' "  $name"
	done
}

# Where files are hidden one by one. None of the checks that need these may be OK, nor silent.
test_masked() {
	nested=/sys/module/$kvm/parameters/nested
	leaks=/sys/devices/system/cpu/vulnerabilities
	masked /dev/null /proc/kcore /proc/cmdline /sys/power/state /sys/kernel/kexec_crash_loaded \
		/sys/kernel/mm/transparent_hugepage/enabled "$nested" /sys/module/module/parameters/sig_enforce \
		/sys/kernel/security/lockdown /sys/fs/cgroup/cgroup.controllers \
		/sys/fs/gmemfs/direct_map_method /sys/module/gmemfs/parameters/guard "$leaks/meltdown"
	not_OK verify cmdline hibernation 'crash dump' 'huge pages' nested lockdown cgroup module guard mitigations
	is "$(result modules)" WARN '  modules'
	masked /dev/null /sys/kernel/btf/vmlinux /proc/sys/kernel/modules_disabled /proc/buddyinfo \
		/proc/cpuinfo /sys/kernel/tracing/enabled_functions /sys/kernel/debug/tracing/enabled_functions
	not_OK verify blocks ibt guard
	is "$(result modules)" WARN '  modules'
	echo '[none] [always] mem quiet Y' >"$work/other"
	masked "$work/other" /proc/cmdline /sys/power/state /sys/kernel/mm/transparent_hugepage/enabled \
		/sys/kernel/security/lockdown
	not_OK cmdline hibernation 'huge pages' lockdown
}

# The host's command line has what the table says.
test_cmdline() {
	json check
	is "$(result cmdline)" 'WARN WARN WARN WARN' 'words of the command line, each in another spelling'
	for word in debug_pagealloc=on mitigations=off pti=off cgroup_disable=memory; do
		like "$(ask 'd["checks"]')" "'$word: " "  $word"
	done
	is "$(result cgroup)" WARN '  the kernel has understood it as gmemctl has'
	test_mitigations
}

test_mitigations() {
	leaks=/sys/devices/system/cpu/vulnerabilities
	grep . "$leaks"/* | sed 's/^/# /'
	is "$(ask "len([c for c in d['checks'] if c['name'] == 'mitigations' and c['result'] == 'WARN'])")" \
		"$(grep -l -E 'ulnerable|^Unknown|IBPB: disabled' "$leaks"/* | wc -l)" 'mitigations: a warning for each leak that is open'
}

by_user() { # ARGUMENT...
	setpriv --reuid=65534 --regid=65534 --clear-groups "$ctl" "$@"
}

test_user() {
	by_user check --json >"$work/json" || :
	ok 'asked by a user' json_is_valid
	is "$(result verify)" WARN 'a user can not verify'
	like "$(advice verify)" 'as root' '  and is told why'
	is "$(result guard)" WARN '  nor see the hooks'
	out=$(by_user status)
	like "$out" "^guard +unknown: tracefs can't be read" '  status says so, too'
	like "$out" 'gmemctl could not look at all files' '  and that files may be missing'
}

test_build() {
	test_ready
	test_mitigations
	test_warnings
	test_out_of_sight
	test_masked
	test_failures
	test_user
}

if [ "${1-}" = cmdline ]; then
	for_each_build test_cmdline
	done_testing
fi
for_each_build test_build
done_testing
