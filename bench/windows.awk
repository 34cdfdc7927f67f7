# SPDX-License-Identifier: GPL-2.0
#
# What report.awk says of windows: the parts "windows", by time, and
# "windows-counts", by instructions. Operations are pair-MIB, to open and close
# one in a region of so many MiB, and copy-MIB, 4 KiB copied in between.

BEGIN {
	window_ways = split("no-window own-key key no-key mprotect", window_way, " ")
	title["no-window"] = "no window"
	title["own-key"] = "own key"
	title["key"] = "shared keys, has one"
	title["no-key"] = "shared keys, has none"
	title["mprotect"] = "mprotect()"
}

# Fills window_size[] with the sizes that were measured, in order.
function find_window_sizes(   op) {
	window_sizes = 0
	for (op in operation_seen)
		if (op ~ /^pair-[1-9][0-9]*$/)
			window_size[++window_sizes] = substr(op, 6) + 0
	sort(window_size, window_sizes)
}

# Pairs first, then copies, each by size.
function window_op(i) {
	return i > window_sizes ? "copy-" window_size[i - window_sizes] : \
		"pair-" window_size[i]
}

function window_instructions(op, way) {
	return typical("windows-counts", op, way, "ns")
}

# Cycles of an emulated CPU, or of a real one where the host has that.
function window_cycles(op, way) {
	return typical("windows", op, way, "cycles")
}

function window_misses(op, way) {
	return typical("windows" ("windows" in ran ? "" : "-counts"), op, way, "misses")
}

# What a pair and a copy are compared with.
function window_base(op) {
	return op ~ /^pair/ ? "key" : "no-window"
}

# How many times as many instructions it takes; rounds differ by nothing.
function window_times(op, way) {
	return quotient(window_instructions(op, way), \
		window_instructions(op, window_base(op)))
}

# An empty loop isn't fast or slow.
function window_speed(op, way) {
	if (op ~ /^pair/ && way == "no-window")
		return "-"
	return cell_of("windows", op, way, "mprotect")
}

function print_windows(   i, w) {
	find_window_sizes()
	if (!window_sizes)
		return
	printf "Windows: a pair of open and close, and a copy of 4 KiB in one, in regions of so many\n"
	printf "MiB. Medians of %d rounds. Instructions are beside those of a pair in a region that\n", \
		rounds["windows" ("windows" in ran ? "" : "-counts")]
	printf "has one of the shared keys, and of a copy without a window.\n\n"
	printf "%-33s %12s %10s %12s %20s %6s\n", "", "", "times", "cycles", \
		"times as fast as", "misses"
	printf "%-33s %12s %10s %12s %20s %6s\n", "", "instructions", "as many", \
		"(emulated)", "mprotect()", "each"
	for (i = 1; i <= 2 * window_sizes; i++)
		for (w = 1; w <= window_ways; w++)
			print_window_row(window_op(i), window_way[w])
	print ""
}

function print_window_row(op, way) {
	printf "%-33s %12s %10s %12s %20s %6s\n", \
		sprintf("%s, %3d: %s", substr(op, 1, 4), substr(op, 6), name(way)), \
		or_dash("%.0f", window_instructions(op, way)), \
		or_dash("%.2f", window_times(op, way)), \
		or_dash("%.0f", window_cycles(op, way)), \
		window_speed(op, way), \
		or_dash("%.3g", window_misses(op, way))
}

function json_window_ratios(list, n,   i, p, w, part) {
	split("windows windows-counts", part, " ")
	for (p = 1; p <= 2; p++)
		for (i = 1; i <= 2 * window_sizes; i++)
			for (w = 1; w <= window_ways; w++)
				n = json_window_ratio(list, n, part[p], \
					window_op(i), window_way[w])
	return n
}

function json_window_ratio(list, n, part, op, way) {
	if (way != "mprotect")
		n = json_ratio(list, n, part, op, way, "mprotect")
	if (way != window_base(op))
		n = json_ratio(list, n, part, op, way, window_base(op))
	return n
}

function json_window_figures(list, n,   i, w, op, way) {
	for (i = 1; i <= 2 * window_sizes; i++)
		for (w = 1; w <= window_ways; w++) {
			op = window_op(i)
			way = window_way[w]
			n = json_figure(list, n, "instructions", op, way, \
				window_instructions(op, way))
			n = json_figure(list, n, "cycles", op, way, \
				window_cycles(op, way))
			n = json_figure(list, n, "misses", op, way, \
				window_misses(op, way))
		}
	return n
}

# Instructions: a pair of windows by each way, then a copy.
function write_windows(file,   i, w) {
	for (i = 1; i <= 2 * window_sizes; i++) {
		printf "\"%s, %d MiB\"", substr(window_op(i), 1, 4), \
			substr(window_op(i), 6) >file
		for (w = 1; w <= window_ways; w++)
			printf " %s", or_dash("%.6g", \
				window_instructions(window_op(i), window_way[w])) >file
		printf "\n" >file
	}
}
