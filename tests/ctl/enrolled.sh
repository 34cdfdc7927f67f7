#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# For enrolled.t, in the host: a kernel that loads signed modules only, and that has the key which signs gmemfs.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/ctl/ctl.sh
. /share/ctl/ctl.sh

ctl=$sanitized
name='A key of the tests'
kernel=$(uname -r)
folder=/lib/modules/$kernel/updates/dkms

results() { # NAME
	ask "' '.join(c['result'] for c in d['checks'] if c['name'] == '$1')"
}

says() { # NAME
	ask "' '.join(c['text'] for c in d['checks'] if c['name'] == '$1')"
}

install_as() { # FILE
	mkdir -p "$folder"
	cp "$1" "$folder/gmemfs.ko"
	depmod
}

ok 'the host has booted by UEFI' test -d /sys/firmware/efi
like "$(cat /proc/keys)" "asymmetri $name: " '  and its kernel has the key'
echo 1 >/sys/module/module/parameters/sig_enforce
install_as /opt/gmemfs/gmemfs.ko
not_ok 'it refuses gmemfs unsigned' modprobe gmemfs
json check
is "$(results signature)" FAIL '  and gmemctl check says so'

cp /opt/gmemfs/gmemfs.ko "$work/signed.ko"
ok 'gmemfs is signed' "/lib/modules/$kernel/build/scripts/sign-file" sha256 /share/keys/key /share/keys/cert.pem \
	"$work/signed.ko"
install_as "$work/signed.ko"
json check
is "$(results signature)" OK '  gmemctl check is content'
is "$(says signature)" "gmemfs.ko is signed by '$name', whose key this kernel has" '  and names the key'
ok '  the kernel loads it' modprobe gmemfs
mkdir -p /dev/gmem
ok '  it mounts' mount -t gmemfs gmemfs /dev/gmem
head -c 4M /dev/zero >/dev/gmem/file
ok '  its memory is hidden' "$ctl" verify --all
json check
is "$status$(results signature)" 0OK '  and the host is ready'
rm /dev/gmem/file
done_testing
