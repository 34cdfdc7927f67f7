# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# The Debian root that packages are built in: a copy of the test host's, with packages of its own. Its
# recipe is apart from hostvm/recipe, so that a change here makes no new host. Who sources this has
# sourced hostvm/lib/root.sh.

# shellcheck source=packaging/recipe
. "$packaging/recipe"

# Sets $pack_root, and what root_need sets.
#   pack_root_need
pack_root_need() {
	root_need 6.12
	pack_hash=$({ echo "$root_id" && cat "$packaging/recipe"; } | sha256sum | cut -c1-12)
	pack_dir=$cache/packaging/$pack_hash
	pack_root=$pack_dir/root
	mkdir -p "$cache/packaging"
	if ! pack_root_hold; then
		cache_locked packaging pack_root_make
		pack_root_hold || die "$pack_dir vanished while in use: is something cleaning the cache?"
	fi
}

pack_root_hold() {
	[ -e "$pack_dir/complete" ] && cache_hold 5 "$pack_dir" && [ -e "$pack_dir/complete" ]
}

pack_root_make() {
	cache_sweep "$cache/packaging"
	[ ! -e "$pack_dir/complete" ] || return 0
	outside_need
	pack_tmp=$pack_dir.tmp
	mkdir -p "$pack_tmp"
	slowly 'building the Debian root for packages: once, a minute or two, 2 GB' \
		"$pack_tmp/log" pack_root_fill
	: >"$pack_tmp/complete"
	rm -rf "$pack_dir"
	mv "$pack_tmp" "$pack_dir"
	cache_prune "$cache/packaging" '*' 2
}

# Packages are tried in here, so nothing of theirs is left out, unlike in the host's root: no pages of
# the manual, and no data of lintian's. A fresh copy of a root has no lists of packages (lib/root-finish).
pack_root_fill() {
	in_userns cp -a "$root" "$pack_tmp/root" || return
	in_userns rm -rf "$pack_tmp/root/$root_emulator" "$pack_tmp/root/etc/dpkg/dpkg.cfg.d/99mmdebstrap"
	outside_sources >"$pack_tmp/sources"
	[ -s "$pack_tmp/sources" ] || {
		echo 'which mirror of Debian? set GMEMFS_MIRROR'
		return 1
	}
	outside_apt_settings >"$pack_tmp/apt.conf"
	# shellcheck disable=SC2086 # word lists
	in_userns unshare --mount --pid --fork --kill-child -- \
		sh "$packaging/lib/install" "$pack_tmp" $recipe_pack_packages
}
