#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A host that boots by UEFI with a key of the test's in its list, so that the kernel has it: enrolled.sh.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
kernel=${KERNEL:-6.12}
case $kernel in
debug | kcsan) skip_all 'that kernel knows no signatures of modules' ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# In the root, which has the programs. There is no PK, so Secure Boot is off; db counts all the same.
owner=a0c3e5f1-58f3-4b7c-9a53-6d0a3f1f8c11
mkdir "$work/keys"
# shellcheck disable=SC2016 # for the shell in the root
hostvm/in-root --kernel "$kernel" sh -ec '
	cd /out
	openssl req -new -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=A key of the tests/" \
		-keyout key -out cert.pem 2>/dev/null
	virt-fw-vars --input /usr/share/OVMF/OVMF_VARS_4M.fd --output variables --add-db "$1" cert.pem >&2
	tar -c key cert.pem variables' sh "$owner" >"$work/keys.tar" || bail_out 'no key is made'
tar -x -C "$work/keys" -f "$work/keys.tar"
hostvm/run --kernel "$kernel" --no-load --uefi "$work/keys/variables" --share "$work/keys" --share tests/ctl \
	--share tests/lib -- sh /share/ctl/enrolled.sh
