#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# "make test" runs what it should: each line of the suites' tables by itself, or in the host of its
# suite's test "together", but for those that say why not. And what looks like a test has a line.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
cd "$here/../.."
# shellcheck source=tests/lib/table.sh
. tests/lib/table.sh

run_or_shared=$(
	tests/run --list
	for suite in $(table_suites); do
		table_programs "$suite" | sed 's|^\([^ ]*\) .*|tests/\1|'
	done
)

times_run() { # TEST
	printf '%s\n' "$run_or_shared" | grep -c -x -F "$1" || :
}

# What its line says is started.
file_of() {
	case $how in
	program | debug) echo "tests/$file.c" ;;
	script) echo "tests/$file.sh" ;;
	here) echo "tests/$file.t" ;;
	together) echo tests/lib/programs.sh ;;
	esac
}

work=$(mktemp -d)
trap 'rm -rf "$work"; tap_at_exit' EXIT
files=$work/files
for suite in $(table_suites); do
	for test in $(table_lines "$suite" | awk '{ print $1 }'); do
		table_find "$suite" "$test"
		want=1
		[ "$suite" != abuse ] || want=0
		! table_marked long || want=0
		is "$(times_run "tests/$suite/$test")" $want "$suite/$test is run by make test $want times"
		ok '  and has a file' test -e "$(file_of)"
		file_of >>"$files"
	done
done

# A C file with the functions of tap.h that has a main(), a script with tap.sh's that ends with its plan.
look_like_tests() {
	ls tests/*/*.t
	grep -l '"tap\.h"' tests/*/*.c | xargs grep -l '^int main('
	grep -l '^done_testing$' tests/*/*.sh
}

# Itself, or as that which its .t starts.
is_listed() { # FILE
	grep -q -x -F -e "$1" -e "${1%.sh}.t" "$files"
}

for file in $(look_like_tests); do
	ok "$file has a line in its suite's table" is_listed "$file"
done
done_testing
