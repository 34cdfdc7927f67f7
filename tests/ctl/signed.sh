#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# gmemctl check: what it says of the module's file, on a kernel that loads signed modules only, and before. The
# kernel's own keys can't be changed while it runs. So a module that is signed by a key of ours is refused here.
# enrolled.t has a host that has the key since it booted.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/ctl/ctl.sh
. /share/ctl/ctl.sh

enforce=/sys/module/module/parameters/sig_enforce
[ -e "$enforce" ] || skip_all 'this kernel knows no signatures of modules'
kernel=$(uname -r)
sign_file=/lib/modules/$kernel/build/scripts/sign-file
folder=/lib/modules/$kernel/updates/dkms
version=$(cat /sys/module/gmemfs/version)

results() { # NAME
	ask "' '.join(c['result'] for c in d['checks'] if c['name'] == '$1')"
}

says() { # NAME
	ask "' '.join(c['text'] for c in d['checks'] if c['name'] == '$1')"
}

install_as() { # FILE
	cp "$1" "$folder/gmemfs.ko"
	depmod
}

unload() {
	umount /dev/gmem
	rmmod gmemfs
}

test_version() {
	json check
	is "$(results version)" '' 'no file of the module: no word on it'
	install_as /opt/gmemfs/gmemfs.ko
	json check
	is "$(results version)" '' 'nor if it has the version of what is loaded'
	LC_ALL=C sed "s/version=$version/version=9.9.9/" /opt/gmemfs/gmemfs.ko >"$work/newer.ko"
	install_as "$work/newer.ko"
	json check
	is "$status$(results version)" 0WARN 'after an upgrade'
	is "$(says version)" "gmemfs $version is loaded, and 9.9.9 is installed" '  it names both'
	install_as /opt/gmemfs/gmemfs.ko
}

test_not_enforced() {
	json check
	is "$(results signature)" '' 'where any module can be loaded, no word on signatures'
}

test_unsigned() {
	json check
	is "$(results signature)" WARN 'a module that is loaded, but not signed'
	unload
	json check
	is "$status$(results signature)" 1FAIL '  and not loaded'
	like "$(says signature)" "gmemfs\.ko isn't signed" '  it says so'
	not_ok '  the kernel refuses it' modprobe gmemfs
	rm "$folder/gmemfs.ko"
	depmod
	json check
	is "$(results signature)" WARN 'no file of the module: nothing to look at'
}

test_key_of_ours() {
	openssl req -new -x509 -newkey rsa:2048 -nodes -days 30 -subj '/CN=A key of the tests/' \
		-keyout "$work/key" -out "$work/cert" 2>/dev/null
	cp /opt/gmemfs/gmemfs.ko "$work/signed.ko"
	ok 'a key of ours signs it' "$sign_file" sha256 "$work/key" "$work/cert" "$work/signed.ko"
	install_as "$work/signed.ko"
	json check
	is "$(results signature)" FAIL '  which this kernel does not have'
	like "$(says signature)" "no key of 'A key of the tests', who has signed gmemfs\.ko" '  it names the key'
	not_ok '  the kernel refuses it' modprobe gmemfs
	setpriv --reuid=65534 --regid=65534 --clear-groups "$ctl" check --json >"$work/json" || :
	is "$(results signature)" WARN '  a user can not see which keys there are'
}

# Another module under our name.
test_key_of_the_kernel() {
	signer=$(modinfo -F signer loop)
	grep -q "$signer: " /proc/keys || {
		skip 3 "the kernel's own modules are signed by '$signer', a key that has another name"
		return
	}
	ok "a module of the kernel's own loads" modprobe loop
	cp "$(modinfo -n loop)" "$work/loop.ko"
	install_as "$work/loop.ko"
	json check
	is "$(results signature)" OK '  and one that its signer has signed is fine'
	like "$(says signature)" "signed by '$signer', whose key this kernel has" '  it names the key'
}

mkdir -p "$folder"
ctl=/opt/gmemfs/tests/ctl/gmemctl
test_version
test_not_enforced
# As module.sig_enforce=1 on the kernel's command line, which the host itself could not boot with: it loads
# modules of ours. There is no way back.
echo 1 >"$enforce"
test_unsigned
if command -v openssl >/dev/null && [ -x "$sign_file" ]; then
	test_key_of_ours
else
	skip 5 'no openssl, or no sign-file'
fi
test_key_of_the_kernel
done_testing
