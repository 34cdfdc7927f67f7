# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# The tests of a suite are the lines of its table, tests/SUITE/table:
#
#   NAME HOW MARKS [OPTION...] [-- ARGUMENT...]
#
# HOW is one of these; another file than NAME's is HOW=FILE.
#   program   /opt/gmemfs/tests/SUITE/NAME is started in a host, with ARGUMENTs
#   debug     the same, with the module's debug build, whose parameters make steps fail
#   script    NAME.sh is run by sh in a host that has the suite's folder, and tests/lib, in /share
#   here      NAME.t is started on this machine, and starts hosts if it needs some
#   together  every program and debug that has neither OPTION nor kernel mark, in one host, one after
#             the other: to boot one takes longer than most of them do
# FILE is another suite's where it is SUITE/NAME. OPTIONs are those of hostvm/run. Both they and the
# ARGUMENTs are expanded as a shell expands them, so that the environment can choose a length or a seed.
#
# MARKS are - for none, or with commas between:
#   short          of the few that catch most, for one more kernel
#   not-short      left out of together there
#   long           run by its own name or its suite's only
#   kernel=NAME    on that kernel only; elsewhere it is skipped
#
# Lines that begin with # say something of the line after them. The functions are for scripts whose
# working directory is the tree's top.

table_lines() { # SUITE
	sed -e '/^#/d' -e '/^[[:space:]]*$/d' "tests/$1/table"
}

table_suites() {
	for table_file in tests/*/table; do
		basename "$(dirname "$table_file")"
	done
}

# Sets how, file, marks and rest to what the line says of one test, or fails.
table_find() { # SUITE NAME
	table_line=$(table_lines "$1" | awk -v name="$2" '$1 == name')
	[ -n "$table_line" ] || return 1
	table_split "$1" "$table_line"
}

# Sets the same, and name, from a line.
table_split() { # SUITE LINE
	read -r name how marks rest <<END
$2
END
	file=$name
	case $how in
	*=*)
		file=${how#*=}
		how=${how%%=*}
		;;
	esac
	case $file in
	*/*) ;;
	*) file=$1/$file ;;
	esac
}

table_marked() { # MARK
	case ,$marks, in
	*",$1,"*) ;;
	*) return 1 ;;
	esac
}

# Whether it shares its suite's host, of which the table must have the line.
table_shares() { # SUITE
	case $how in
	program | debug) ;;
	*) return 1 ;;
	esac
	case $marks in *kernel=* | *long*) return 1 ;; esac
	case $rest in '' | '-- '*) ;; *) return 1 ;; esac
	table_lines "$1" | grep -q '^together '
}

# Those that share, for together: lines of NAME BUILD PROGRAM [ARGUMENT]...
table_programs() { # SUITE
	table_lines "$1" | while read -r table_line; do
		table_split "$1" "$table_line"
		table_shares "$1" || continue
		if [ -n "${SHORT-}" ] && table_marked not-short; then
			continue
		fi
		case $how in
		program) build=release ;;
		debug) build=debug ;;
		esac
		echo "$1/$name $build /opt/gmemfs/tests/$file ${rest#-- }"
	done
}

# The other tests, by name.
table_others() { # SUITE
	table_lines "$1" | while read -r table_line; do
		table_split "$1" "$table_line"
		table_shares "$1" || echo "$name"
	done
}
