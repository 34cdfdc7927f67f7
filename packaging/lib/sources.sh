# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# The sources as a tarball that is the same, byte by byte, wherever it is made. Who sources this has
# sourced hostvm/lib/products.sh.

meta() { # KEY
	sed -n "s/^$1: *//p" "$source_dir/META"
}

# A copy of the sources: DIR/gmemfs-VERSION, and an archive of them: $run/source.tar. Sets $version and $tree.
#   sources_copy DIR
sources_copy() {
	[ -e "$source_dir/debian/changelog" ] ||
		die "these sources have no debian/: take git's, or Debian's source package"
	version=$(meta Version)
	tree=$1/gmemfs-$version
	source_pack source_list "$run/source.tar"
	mkdir -p "$tree"
	tar -C "$tree" --extract --touch --file="$run/source.tar"
}

# Without debian/, which Debian's source package has beside the tarball. The time is that of the newest entry
# in Debian's changelog, as in the packages. gzip has packed the same bytes for decades; xz's depend on its
# version.
#   sources_tarball FILE
sources_tarball() {
	sources_time=$(sed -n '/^ -- /{s/.*>  //p;q;}' "$tree/debian/changelog")
	tar -C "$(dirname "$tree")" --create --file="$1.tar" --format=gnu --sort=name --mtime="$sources_time" \
		--owner=0 --group=0 --numeric-owner --mode='u+rw,go=u,go-w' \
		--exclude="gmemfs-$version/debian" "gmemfs-$version"
	gzip -n -9 <"$1.tar" >"$1"
	rm "$1.tar"
}
