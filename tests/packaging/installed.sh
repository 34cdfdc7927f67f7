# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# For install.t, in the root in which the packages are installed: by apt, from /share, without a network.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/tap.sh
# shellcheck source=tests/packaging/packages.sh
. /share/packages.sh

all_files >before

# ---- install ----

fake_kernel 5.10.0-1-amd64
# shellcheck disable=SC2046 # words
tap_capture apt_get install $(debs /share)
is "$tap_status" 0 'apt installs the packages'
[ "$tap_last" -eq 0 ] || {
	diag "$tap_output"
	bail_out 'there is nothing to try'
}
printf '%s\n' "$tap_output" >install.log
is "$(dpkg -l | grep -c '^ii  \(lib\)\?gmem')" 6 '  all six'
is "$(dpkg --audit)" '' '  and nothing is left to do'

# ---- the module ----

module=$(ls "$built"/gmemfs.ko* 2>/dev/null || :)
ok "DKMS has built the module for Linux $kernel" test -n "$module"
[ "$tap_last" -eq 0 ] || {
	diag "$(cat install.log /var/lib/dkms/gmemfs/*/build/make.log)"
	bail_out 'there is no module to try'
}
is "$(modinfo -F version "$module")" "$version" '  of the version in META'
is "$(modinfo -F vermagic "$module" | cut -d' ' -f1)" "$kernel" '  for that kernel'
is "$(modprobe --set-version "$kernel" --show-depends gmemfs | sed -n 's/^insmod .*\/\(gmemfs\)\.ko.*/\1/p')" gmemfs \
	'  which modprobe finds'
is "$(modprobe --set-version "$kernel" --resolve-alias fs-gmemfs)" gmemfs '  as does mount, by its type'
is "$(dkms status)" "gmemfs/$version, $kernel, x86_64: installed" '  and DKMS knows it'

like "$(cat install.log)" "^gmemfs $version isn't built for Linux 5\.10\.0-1-amd64: it knows Linux 6\.12 and 7\.3\.\$" \
	'another kernel was refused with a sentence'
tap_capture dkms build "gmemfs/$version" -k 5.10.0-1-amd64
is "$tap_status" 77 '  nor does DKMS build it if told to (77)'
like "$tap_output" "it knows Linux 6\.12 and 7\.3\.\$" '  with the sentence again'
fake_kernel 6.12.1-small 's/^CONFIG_KPROBES=y/# CONFIG_KPROBES is not set/'
tap_capture dkms build "gmemfs/$version" -k 6.12.1-small
is "$tap_status" 77 'nor for a kernel that lacks what it needs'
like "$tap_output" "isn't built for Linux 6\.12\.1-small: it needs a kernel with CONFIG_KPROBES\.\$" '  which it names'
# What the package of a kernel runs.
tap_capture /etc/kernel/postinst.d/dkms 5.10.0-1-amd64
is "$tap_status" 0 'the installation of such a kernel does not fail over it'
like "$tap_output" "it knows Linux 6\.12 and 7\.3\.\$" '  and tells why it has no gmemfs'
dkms uninstall "gmemfs/$version" -k "$kernel" >/dev/null
dkms unbuild "gmemfs/$version" -k "$kernel" >/dev/null
not_ok 'without what was built' test -e "$module"
ok '  the installation of the kernel builds it' /etc/kernel/postinst.d/dkms "$kernel"
ok '  again' test -e "$module"

# ---- the library ----

cat >program.c <<'END'
#include <gmem.h>
#include <linux/gmemfs.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
	struct gmem_region_options options = { .size = 2 << 20 };
	struct gmem_region *memory;
	char text[5] = "";

	if (gmem_region_create(&options, &memory)) {
		fprintf(stderr, "%s\n", gmem_last_error());
		return 1;
	}
	if (gmem_region_write(memory, 0, "guest", 5) || gmem_region_read(memory, 0, text, 5))
		return 1;
	printf("%.5s %#lx\n", text, (unsigned long)GMEM_GET_INFO);
	gmem_region_destroy(memory);
	return 0;
}
END
is "$(pkg-config --libs libgmem | xargs)" -lgmem 'pkg-config knows the library'
is "$(pkg-config --modversion libgmem)" "$version" '  of the version in META'
# shellcheck disable=SC2046 # words
ok 'a program links with it' cc -Wall -Werror -o shared program.c $(pkg-config --cflags --libs libgmem)
like "$(ldd ./shared)" 'libgmem\.so\.0 => /lib/x86_64-linux-gnu/' '  by its soname'
like "$(./shared 2>&1)" '^guest 0x' '  and runs'
# shellcheck disable=SC2046 # words
ok 'and with the static one' cc -static -o static program.c $(pkg-config --cflags --libs --static libgmem)
like "$(./static 2>&1)" '^guest 0x' '  and runs'

# ---- the tools ----

is "$(gmemctl --version)" "gmemctl $version" 'gmemctl has the version in META'
is "$(gmemvm --version)" "gmemvm $version" 'gmemvm, too'
for page in 8/gmemctl 1/gmemvm 3/libgmem 3/gmem_region_create 3/gmem_vm_trap_clocks; do
	ok "there is a manual page ${page#*/}(${page%/*})" man -w "${page%/*}" "${page#*/}"
done
is "$(bash -c '
	. /usr/share/bash-completion/bash_completion
	_comp_load gmemctl
	COMP_WORDS=(gmemctl ver) COMP_CWORD=1
	_gmemctl gmemctl ver gmemctl
	echo "${COMPREPLY[@]}"')" verify 'bash completes its commands'
for unit in dev-gmem.mount gmemfs-pool.service; do
	is "$(systemctl --root=/ is-enabled "$unit")" disabled "$unit is off"
done

# ---- removal ----

systemctl --root=/ enable dev-gmem.mount gmemfs-pool.service >/dev/null 2>&1
# What "gmemctl setup" leaves.
mkdir /var/lib/gmemfs
echo GMEMFS_SIZE.now=25% >/var/lib/gmemfs/setup
touch /var/lib/gmemfs/.gmemctl-0123456789abcdef
ok 'apt removes the packages' apt_get remove gmemfs gmemfs-dkms gmemfs-tools gmemvm libgmem0 libgmem-dev
like "$tap_output" "^What 'gmemctl setup' has changed stays; .* --undo" '  and says what stays of setup'
not_ok '  and the module' test -e "$module"
is "$(modprobe --set-version "$kernel" --show-depends gmemfs >/dev/null 2>&1 || echo gone)" gone '  of which modprobe knows nothing'
is "$(find /etc/default/gmemfs)" /etc/default/gmemfs '  but the settings stay'
ok 'dpkg purges them' dpkg --purge gmemfs gmemfs-dkms gmemfs-tools gmemvm libgmem0 libgmem-dev
rm -rf /lib/modules/5.10.0-1-amd64 /lib/modules/6.12.1-small
all_files >after
is "$(diff before after | grep '^[<>]' || :)" '' 'nothing is left behind, and nothing of others is gone'
done_testing
