#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# In the host: libgmem from other languages, as an installed library, and all of
# its tests under sanitizers.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
tests=/opt/gmemfs/tests/libgmem
export PKG_CONFIG_PATH=/opt/gmemfs/lib/pkgconfig

insmod /opt/gmemfs/gmemfs.ko guard=off
mkdir -p /dev/gmem
mount -t gmemfs none /dev/gmem

# As an author of a VMM would, with what pkg-config says.
installed() {
	# shellcheck disable=SC2046 # words
	c++ -Wall -Wextra -Wpedantic -Werror -o /tmp/cplusplus \
		/share/libgmem/cplusplus.cc \
		$(pkg-config --cflags --libs libgmem) -Wl,-rpath,/opt/gmemfs/lib &&
		/tmp/cplusplus
}

static() {
	# shellcheck disable=SC2046 # words
	c++ -static -o /tmp/static /share/libgmem/cplusplus.cc \
		$(pkg-config --static --cflags --libs libgmem) && /tmp/static
}

ok 'a C++ program' installed
ok 'the same, linked statically' static
ok 'a Python script' /share/libgmem/bindings.py /opt/gmemfs/lib/libgmem.so.0
for test in "$tests"/san/*; do
	ok "${test##*/}, with ASan and UBSan" "$test"
done
is "$(cat /sys/fs/gmemfs/hidden_bytes)" 0 'nothing stays hidden'
done_testing
