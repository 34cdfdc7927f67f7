#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# For which kernels DKMS builds gmemfs, and what it says of the others. Nothing is built: install.t does.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
work=$(mktemp -d)
trap 'rm -rf "$work"; tap_at_exit' EXIT

# What this machine has in /etc/modprobe.d is none of the test's business.
mkdir "$work/bin"
printf '#!/bin/sh\ncat "%s"\n' "$work/modprobe.conf" >"$work/bin/modprobe"
chmod 755 "$work/bin/modprobe"
: >"$work/modprobe.conf"
PATH=$work/bin:$PATH

mkdir "$work/headers"
cp packaging/dkms/check-kernel "$work/"
cat >"$work/META" <<END
Name: gmemfs
Version: 3.2.1
Linux: 6.12 7.3
END

# What is in the way, or nothing.
check() { # KERNEL
	"$work/check-kernel" "$1" "$work/headers"
}

# shellcheck disable=SC2016 # for sed
configure() { # OPTION...
	printf 'CONFIG_%s\n' "$@" >"$work/headers/.config"
}

all='X86_64=y KVM=m KPROBES=y TRANSPARENT_HUGEPAGE=y DYNAMIC_FTRACE_WITH_ARGS=y DEBUG_INFO_BTF_MODULES=y'
# shellcheck disable=SC2086 # words
configure $all

for kernel in 6.12 6.12.0 6.12.118+deb13-cloud-amd64 7.3 7.3.99+deb14-amd64 7.3~rc5-amd64; do
	ok "Linux $kernel" check "$kernel"
done
for kernel in 2.6.32 5.10.0-40-amd64 6.1.0-41-amd64 6.11.11 6.13.1 6.19.2 7.0-rc1 7.2.9 7.4 7.4-rc1 7.30.1 8.0 10.2; do
	tap_capture check "$kernel"
	is "$tap_status $tap_output" \
		"1 gmemfs 3.2.1 isn't built for Linux $kernel: it knows Linux 6.12 and 7.3." "not Linux $kernel"
done
for kernel in mine 6x.12 6 .12; do
	is "$(check "$kernel" || :)" "gmemfs 3.2.1 isn't built for Linux $kernel: its version is no number." \
		"nor $kernel"
done

# ---- newer ones, by force ----

force() { # OPTION...
	printf 'blacklist pcspkr\noptions kvm nested=0\n%s\n' "$*" >"$work/modprobe.conf"
}

for option in force=1 force=y force=Y force 'guard=deny force=1' 'force=0 force=1'; do
	force "options gmemfs $option"
	ok "Linux 7.4 with $option" check 7.4.1
done
force 'options gmemfs guard=deny
options gmemfs force=1'
for kernel in 6.13.1 7.2.12+deb13-cloud-amd64 7.30 8.0 10.0; do
	ok "  and Linux $kernel" check "$kernel"
done
for kernel in 2.6.32 5.10.0-40-amd64 6.1.0-41-amd64 6.11.11; do
	is "$(check "$kernel" || :)" "gmemfs 3.2.1 isn't built for Linux $kernel: it knows Linux 6.12 and 7.3." \
		"but not Linux $kernel, which is too old"
done
for option in force=0 force=n guard=force=1 enforce=1 'force=1 force=0'; do
	force "options gmemfs $option"
	not_ok "not with $option" check 7.4.1
done
force 'options other force=1'
not_ok "nor with another module's option" check 7.4.1
force

for option in $all; do
	# shellcheck disable=SC2046,SC2086 # words
	configure $(printf '%s\n' $all | grep -v "^$option\$")
	is "$(check 6.12.1 || :)" \
		"gmemfs 3.2.1 isn't built for Linux 6.12.1: it needs a kernel with CONFIG_${option%=*}." \
		"nor one without ${option%=*}"
done
configure X86_64=y KVM=m TRANSPARENT_HUGEPAGE=y
like "$(check 6.12.1 || :)" 'with CONFIG_KPROBES CONFIG_DYNAMIC_FTRACE_WITH_ARGS CONFIG_DEBUG_INFO_BTF_MODULES\.$' \
	'all that a kernel lacks is named'
mkdir -p "$work/headers/include/config"
# shellcheck disable=SC2086 # words
printf 'CONFIG_%s\n' $all >"$work/headers/include/config/auto.conf"
ok "what the kernel was built with counts, as for DKMS" check 6.12.1
rm -r "$work/headers/.config" "$work/headers/include"
ok "without the kernel's headers, DKMS has the word" check 6.12.1

cp "$work/META" "$work/META.two"
sed -i 's/^Linux:.*/Linux: 6.12 7.2 7.3/' "$work/META"
like "$(check 7.4 || :)" 'it knows Linux 6\.12, 7\.2 and 7\.3\.$' 'the kernels that it knows are named, one by one'
mv "$work/META.two" "$work/META"

# As DKMS reads it, for an action.
conf() { # ACTION KERNEL
	action=$1 kernelver=$2 kernel_source_dir=$work/headers bash -c '
		. "$1" 2>"$2/said" && echo "$PACKAGE_VERSION ${BUILD_EXCLUSIVE_KERNEL-any}"' bash "$work/dkms.conf" "$work"
}
sed 's/@VERSION@/3.2.1/' packaging/dkms/dkms.conf.in >"$work/dkms.conf"
is "$(conf build 6.12.1)" '3.2.1 any' 'dkms.conf: a kernel that is known'
is "$(cat "$work/said")" '' '  of which nothing is said'
is "$(conf build 7.4.0)" '3.2.1 ^$' 'dkms.conf: DKMS leaves one out that is not'
like "$(cat "$work/said")" "isn't built for Linux 7\.4\.0: it knows Linux 6\.12 and 7\.3\.\$" '  and says why'
is "$(conf status 7.4.0)$(cat "$work/said")" '3.2.1 ^$' '  but only where it would build'
is "$(conf add '')" '3.2.1 any' 'dkms.conf: where it is about no kernel'
done_testing
