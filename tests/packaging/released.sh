# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What people have who upgrade: packages of an earlier version, made from its commit. For tests on this machine,
# whose working directory is the tree's top and who have sourced tap.sh and hostvm/lib/common.sh.

# The last commit of what CHANGELOG.md says of 0.1.0.
# shellcheck disable=SC2034 # for the tests
released_version=0.1.0
released_commit=e5421c9a76649d28bae0af1f178cb595c53d51fe

# Sets $released, the sources, with the packages in $released/build/deb. In a folder that git ignores, so that
# they are built once.
released_need() {
	released=build/released/$released_version
	git cat-file -e "$released_commit^{commit}" 2>/dev/null ||
		skip_all "the commit of $released_version isn't in this clone"
	results_folder . "$released" || bail_out "no folder for $released_version"
	if [ ! -e "$released.complete" ]; then
		git archive "$released_commit" | tar -x -C "$released"
		: >"$released.complete"
	fi
	GMEMFS_SRC=$PWD/$released packaging/deb >/dev/null ||
		bail_out "the packages of $released_version don't build"
}

# Its module for the kernel of a host, to stdout: DKMS isn't in a host.
#   released_module KERNEL
released_module() {
	# shellcheck disable=SC2016 # for the shell in the root
	GMEMFS_SRC=$PWD/$released hostvm/in-root --kernel "$1" sh -ec '
		make -C module release OUT=/out KVER="$(ls /lib/modules)" >&2
		cat /out/gmemfs.ko'
}
