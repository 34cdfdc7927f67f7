#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# bench/run --on-this-host, where "this host" is a throwaway one that has the
# source tree: what must be there, the parts that aren't for it, and one that is.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir "$work/tree"
cp -R bench lib vmm ctl include META Makefile hostvm "$work/tree/"
hostvm/run --kernel "${KERNEL:-6.12}" --no-load --timeout 1500 \
	--share "$work/tree" --share tests/bench --share tests/lib \
	-- sh /share/bench/here.sh
