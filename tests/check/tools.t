#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Each tool is run so that it finds something and the check then fails.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"

GMEMFS_SRC=$(mktemp -d)
export GMEMFS_SRC
trap 'rm -rf "$GMEMFS_SRC" "$GMEMFS_SRC.secret"; tap_at_exit' EXIT

# put FILE LINE...
put() {
	put_file=$GMEMFS_SRC/$1
	shift
	mkdir -p "$(dirname "$put_file")"
	printf '%s\n' "$@" >"$put_file"
}

bad_tree() {
	put script '#!/bin/sh' 'echo $1' 'if'
	put text "This is $(printf 't%s' eh) end."	# not misspelt in this file
	put lib.sh '# shellcheck shell=sh' 'rm -rf "$unset/"' 'echo *.$1'
	put include/uapi/linux/gmemfs.h 'typedef enum class;'
	put lib/Makefile 'products:' \
		'	$(CC) $(CFLAGS) -Wall -Werror -c -o /dev/null shadow.c'
	put lib/shadow.c 'int i;' 'static int f(int i) { return i; }' \
		'int g(int);' 'int g(int n) { return f(n); }'
	put lib/leak.c '#include <stdlib.h>' 'int leak(int n);' \
		'int leak(int n)' '{' '	int a[2];' '	return n / 0 + a[2];' '}'
	put lib/style.c '/* SPDX-License-Identifier: GPL-2.0 */' 'int i=0;'
	put module/gmemfs.c '#include <linux/module.h>' \
		'int gmem_undeclared(int __user *p)' '{' '	return *p;' '}' \
		'MODULE_LICENSE("GPL");'
	put module/Kbuild 'obj-m := gmemfs.o'
	cp "$here/../../module/Makefile" "$GMEMFS_SRC/module/"
	cp "$here/../../META" "$GMEMFS_SRC/"
	mkdir -p "$GMEMFS_SRC/tests/check"
	cp "$here/words" "$here/cppcheck-kernel.h" "$here/sparse-kernel.h" \
		"$GMEMFS_SRC/tests/check/"
}

# finds CHECK MESSAGE...
finds() {
	check=$1
	shift
	not_ok "$check fails" "$here/run" "$check"
	for message; do
		like "$tap_output" "$message" "  and says $message"
	done
}

bad_tree
finds syntax 'script: 4: Syntax error'
put script '#!/bin/sh' 'echo $1'
finds shellcheck 'script line 2' 'lib\.sh line 3'
finds codespell 'text:1: t[e]h ==> the'
finds header 'gmemfs\.h:1:.*error:'
finds warnings 'shadow\.c:2:.*-Werror=shadow'
finds cppcheck 'leak\.c:6: error: .*\[(zerodiv|arrayIndexOutOfBounds)\]'
finds checkpatch 'lib/style\.c:2: ERROR:SPACING'
finds w1 'gmemfs\.c:2:.*no previous prototype' 'debug/module/gmemfs\.c:2:'
finds sparse 'gmemfs\.c:4:.*dereference of noderef' 'debug/module/gmemfs\.c:4:'

# A library whose first access to a variable of a thread's is a call.
put lib/Makefile 'products:' '	mkdir -p $(OUT)/lib' \
	'	$(CC) -shared -fPIC -ftls-model=global-dynamic -o $(OUT)/lib/libgmem.so late.c'
put lib/late.c '_Thread_local int late_value;' 'int *late(void);' \
	'int *late(void) { return &late_value; }'
put lib/libgmem.symbols late late_value
finds symbols '__tls_get_addr' 'TLS in lib/Makefile'
put lib/libgmem.symbols late
finds symbols 'late_value'

# A build that puts a link in place of a file which is read with our rights later.
secret=$GMEMFS_SRC.secret
echo 'for me only' >"$secret"
put lib/Makefile 'products:' '	mkdir -p $(OUT)/lib' \
	'	$(CC) -shared -fPIC -o $(OUT)/lib/libgmem.so late.c' \
	"	ln -sf '$secret' libgmem.symbols"
finds symbols 'late_value'
not_ok '  and follows no link that a build has made' \
	sh -c 'case $1 in *"for me only"*) exit 0 ;; esac; exit 1' sh "$tap_output"
done_testing
