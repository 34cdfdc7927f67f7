#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# VMMs that are killed at 1,000 random moments, some while they make their VM, with
# a guest and a host that do what they shouldn't.
set -eu
# shellcheck source=tests/abuse/abuse.sh
. /share/abuse/abuse.sh

bystander_comes
ok '1,000 are killed, and nothing stays lent' \
	"$tests/guard/hostile" 300 0 /dev/gmem 1000

bystander_is_whole
done_testing
