# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# The Debian root directory that the host boots from and that compiles our sources, and the ways to
# run something in it.

# shellcheck source=hostvm/recipe
. "$hostvm/recipe"
# shellcheck source=hostvm/recipe-built
. "$hostvm/recipe-built"
# shellcheck source=hostvm/recipe-flavours
. "$hostvm/recipe-flavours"

# All that a host can boot.
kernels="$recipe_kernels $flavour_kernels $built_kernels"

# The suite that a host's kernel comes from. Fails if there is no such kernel.
kernel_suite() {
	if kernel_is_built "$1"; then
		echo "$recipe_suite"
	elif kernel_is_flavour "$1"; then
		flavour_suite "$1"
	else
		recipe_kernel_suite "$1"
	fi
}

kernel_packages() {
	if kernel_is_flavour "$1"; then
		flavour_packages "$1"
	else
		echo "$recipe_kernel_packages"
	fi
}

# Where in a root the emulator is unpacked: lib/root-finish knows, too.
root_emulator=usr/lib/gmemfs-emulator

# With a user namespace an ordinary user owns a root directory, too.
in_userns() {
	if am_root; then
		"$@"
	else
		unshare --map-root-user --map-auto --mount -- "$@"
	fi
}

# Sets $root_dir (our folder about it), $root (the root directory) and $kver.
#   root_need KERNEL
root_need() {
	root_kernel=$1
	root_hash=$({ root_inputs && id -u; } | sha256sum | cut -c1-12)
	root_id=$root_kernel-$root_hash
	root_dir=$cache/roots/$root_id
	root=$root_dir/root
	if ! root_hold; then
		cache_locked roots root_make
		root_hold || die "$root_dir vanished while in use: is something cleaning the cache?"
	fi
	kver=$(cat "$root_dir/kver")
}

# What a root is made from. One whose kernel is of the recipe depends on that alone.
root_inputs() {
	cat "$hostvm/recipe"
	! kernel_is_flavour "$root_kernel" || cat "$hostvm/recipe-flavours"
	if kernel_is_built "$root_kernel"; then
		cat "$hostvm/recipe-built"
		kernel_inputs
	fi
}

# What a kernel of our own is made from. It is kept apart from the roots, so that a change of the recipe
# doesn't compile it again.
kernel_inputs() {
	cat "$hostvm/lib/kernel-build" "$hostvm/kernel/base.config" "$hostvm/kernel/$root_kernel.config"
}

root_hold() {
	[ -e "$root_dir/complete" ] && cache_hold 7 "$root_dir" && [ -e "$root_dir/complete" ]
}

root_make() {
	cache_sweep "$cache/roots"
	[ ! -e "$root_dir/complete" ] || return 0
	outside_need
	root_tmp=$root_dir.tmp
	mkdir -p "$root_tmp"
	root_find_sources
	slowly "building the Debian root for kernel $root_kernel: once, a minute or two, 3 GB" \
		"$root_tmp/log" root_bootstrap
	if kernel_is_built "$root_kernel"; then
		kernel_need
		slowly "installing the $root_kernel kernel" "$root_tmp/log" kernel_install
	else
		root_kernel_name "$root_tmp/root" >"$root_tmp/kver"
	fi
	slowly "packing it as a disk image" "$root_tmp/log" image_make "$root_tmp"
	: >"$root_tmp/complete"
	rm -rf "$root_dir"
	mv "$root_tmp" "$root_dir"
	# Two recipes: that of this branch and that of the one just left.
	cache_prune "$cache/roots" "$root_kernel-*" 2
}

# There may be others for nested guests, or to be looked at.
root_kernel_name() {
	if kernel_is_flavour "$root_kernel"; then
		find "$1/lib/modules" -mindepth 1 -maxdepth 1 -printf '%f\n' |
			grep -x -E -e "$(flavour_name "$root_kernel")"
	else
		ls "$1/lib/modules"
	fi
}

# Sets $kernel_dir: what lib/kernel-build left in /out, without the objects.
kernel_need() {
	root=$root_tmp/root
	kernel_dir=$cache/kernels/$root_kernel-$(kernel_inputs | sha256sum | cut -c1-12)
	cache_sweep "$cache/kernels"
	[ ! -e "$kernel_dir/complete" ] || return 0
	kernel_tmp=$kernel_dir.tmp
	mkdir -p "$kernel_tmp"
	slowly "compiling the $root_kernel kernel: once, half an hour, 6 GB meanwhile" \
		"$kernel_tmp/log" kernel_build
	mv "$kernel_tmp" "$kernel_dir"
	cache_prune "$cache/kernels" "$root_kernel-*" 2
}

# Beside the root, from the source that is a package in there.
kernel_build() {
	mkdir -p "$kernel_tmp/out"
	cp -r "$hostvm/kernel" "$kernel_tmp/src"
	cp "$hostvm/lib/kernel-build" "$kernel_tmp/src/"
	root_run "$kernel_tmp/src" "$kernel_tmp/out" ./kernel-build "$root_kernel" "$(nproc)"
	mv "$kernel_tmp/out/kver" "$kernel_tmp/out/install" "$kernel_tmp/"
	in_userns rm -rf "$kernel_tmp/out" "$kernel_tmp/src"
	: >"$kernel_tmp/complete"
}

kernel_install() {
	cp "$kernel_dir/kver" "$root_tmp/kver"
	in_userns cp -a --no-preserve=ownership "$kernel_dir/install/." "$root/"
	in_userns sh -c 'rm -rf "$1"/usr/src/linux-source-*' sh "$root"
}

# What must be installed outside; the rest of what we need comes from the root itself.
outside_need() {
	missing=
	have mmdebstrap || missing="$missing mmdebstrap"
	have mount || missing="$missing mount"
	[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] ||
		missing="$missing debian-archive-keyring"
	am_root || have newuidmap || missing="$missing uidmap"
	[ -z "$missing" ] || outside_install "$missing"
	am_root || unshare --map-root-user --map-auto true 2>/dev/null ||
		die "this user may not make user namespaces with subordinate ids (/etc/subuid, /etc/subgid): run as root"
}

# One at a time: apt doesn't wait for another.
outside_install() {
	cache_locked apt outside_install_now "$1"
}

outside_install_now() {
	become=
	am_root || become='sudo -n'
	if have apt-get && { am_root || { have sudo && sudo -n true 2>/dev/null; }; }; then
		say "installing$1"
		# shellcheck disable=SC2086 # word lists
		$become env DEBIAN_FRONTEND=noninteractive sh -c \
			'apt-get update && apt-get install -y --no-install-recommends "$@"' sh $1 \
			>/dev/null </dev/null || die "could not install:$1"
	else
		die "please install these packages first:$1"
	fi
}

# An image may have removed apt's lists, and without them apt doesn't say what its mirrors are.
outside_lists() {
	if have apt-get && [ -z "${GMEMFS_MIRROR:-}" ] && [ -z "$(outside_mirror Debian)" ]; then
		cache_locked apt outside_update
	fi
}

outside_update() {
	if am_root; then
		apt-get update >/dev/null 2>&1 </dev/null || :
	elif have sudo && sudo -n true 2>/dev/null; then
		sudo -n apt-get update >/dev/null 2>&1 </dev/null || :
	fi
}

# apt sources for the suites we want, from the mirrors that the machine's own apt uses. Nothing where
# that is not Debian's apt: then mmdebstrap takes its defaults.
outside_sources() {
	mirror=${GMEMFS_MIRROR:-$(outside_mirror Debian)}
	[ -n "$mirror" ] || return 0
	echo "deb $mirror $recipe_suite main"
	echo "deb $mirror $recipe_suite-updates main"
	security=$(outside_mirror Debian-Security)
	[ -z "$security" ] || echo "deb $security $recipe_suite-security main"
	printf '%s\n' "$boot_suite" "$recipe_emulator_suite" | sort -u |
		sed "/^$recipe_suite\$/d; s|.*|deb $mirror & main|"
}

outside_mirror() {
	have apt-get || return 0
	apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(SITE)' 'Created-By: Packages' \
		2>/dev/null | sed -n "s/^Debian|$1|//p" | head -n 1
}

# Settings of the outside apt without which it might not reach its mirror.
outside_apt_settings() {
	have apt-config || return 0
	apt-config dump 2>/dev/null |
		grep -E '^Acquire::(http::Proxy|https::Proxy|Check-Valid-Until|Check-Date) ' || :
}

# Also sets $boot_suite.
root_find_sources() {
	outside_lists
	boot_suite=$(kernel_suite "$root_kernel")
	outside_sources >"$root_tmp/sources"
	[ -n "$(root_emulator_packages)" ] ||
		say "apt names no mirror of Debian's: hosts will run on the root's own QEMU, which loses interrupts (docs/limits.md). For the other one, give GMEMFS_MIRROR=URL, and remove $root_dir"
}

root_bootstrap() {
	set -f # the globs are for dpkg
	set -- --mode=root --variant=apt --architectures=amd64
	for glob in $recipe_exclude; do
		set -- "$@" --dpkgopt="path-exclude=$glob"
	done
	for glob in $recipe_include; do
		set -- "$@" --dpkgopt="path-include=$glob"
	done
	outside_apt_settings >"$root_tmp/apt.conf"
	set -- "$@" --aptopt="$root_tmp/apt.conf" --include="$(root_packages | paste -sd,)" \
		--customize-hook="$hostvm/lib/root-unpack \"\$1\" $recipe_unpacked_packages" \
		--customize-hook="$hostvm/lib/root-finish \"\$1\" $(root_emulator_packages)" \
		"$recipe_suite" "$root_tmp/root"
	while read -r source; do
		set -- "$@" "$source"
	done <"$root_tmp/sources"
	in_userns mmdebstrap "$@"
}

kernel_build_packages() {
	kernel_is_built "$root_kernel" || return 0
	echo "$built_packages"
}

# Without a mirror that we know, there is no second suite, and the root's own QEMU is the emulator:
# root_find_sources says so.
root_emulator_packages() {
	grep -q " $recipe_emulator_suite " "$root_tmp/sources" || return 0
	for package in $recipe_emulator_packages; do
		printf '%s ' "$package/$recipe_emulator_suite"
	done
}

root_packages() {
	! grep -q '^deb https:' "$root_tmp/sources" || echo ca-certificates
	for package in $(kernel_packages "$root_kernel"); do
		[ "$boot_suite" = "$recipe_suite" ] || package=$package/$boot_suite
		echo "$package"
	done
	for package in $recipe_packages $(kernel_build_packages); do
		echo "$package"
	done
}

# Runs a program of the root outside of it, on our files, by the root's own loader and libraries. This
# needs no privilege, and the emulator is the same whatever the machine has: QEMU 7.2 breaks cmpxchg16b
# under multi-threaded TCG, which double-faults the kernel.
#   root_tool PROGRAM ARGUMENTS...
root_tool() (
	root_tool_exec "$@"
)

# The same in place of this shell, for a caller who needs its process id.
root_tool_exec() {
	tool=$1
	shift
	tool_place=$root
	[ ! -x "$root/$root_emulator/usr/bin/$tool" ] || tool_place=$root/$root_emulator
	export QEMU_MODULE_DIR="$tool_place/usr/lib/x86_64-linux-gnu/qemu"
	exec "$root/lib64/ld-linux-x86-64.so.2" --library-path "$root/usr/lib/x86_64-linux-gnu" \
		"$tool_place/usr/bin/$tool" "$@"
}

# Who runs what is in the source tree: nobody on this machine. For root that is a number which is given
# to no user and no container (by systemd's list, and Debian's policy), for others one of their
# subordinate ids.
root_user() {
	if am_root; then
		echo 1900000000
	else
		echo 1
	fi
}

# Both are that user's while the command runs, and then ours again. What it has left there may be
# anything, so a link's target stays whose it is.
#   root_give USER DIR...
root_give() {
	root_to=$1
	shift
	in_userns chown -R -h "$root_to:$root_to" "$@"
}

# Runs a command inside the root, with a source tree at /src, its current directory, and an empty or
# half-filled directory for its results at /out; both are copies, of which it may make what it likes.
# The root itself stays as it is, and the machine isn't seen: lib/enter.
#   root_run SRC OUT COMMAND...
root_run() {
	root_give "$(root_user)" "$1" "$2"
	root_status=0
	in_userns unshare --mount --pid --net --ipc --uts --fork --kill-child -- \
		sh "$hostvm/lib/enter" "$root" "$(root_user)" "$@" || root_status=$?
	root_give 0 "$1" "$2"
	return "$root_status"
}
