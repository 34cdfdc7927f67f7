# SPDX-License-Identifier: GPL-2.0
#
# What report.awk says of conversions: the parts "convert", by time, and
# "convert-counts", by instructions. Operations are share-RUN and private-RUN;
# "run" is a call for so many pages, "page" one for each page beside it.

# Fills convert_run[] with the lengths that were measured, in order.
function find_runs(   op) {
	convert_runs = 0
	for (op in operation_seen)
		if (op ~ /^share-[1-9][0-9]*$/)
			convert_run[++convert_runs] = substr(op, 7) + 0
	sort(convert_run, convert_runs)
}

# What is no time is the same wherever it is counted.
function convert_part() {
	return "convert" in ran ? "convert" : "convert-counts"
}

function a_call(op, way, round, key) {
	return quotient(value_of(convert_part(), op, way, round, key), \
		value_of(convert_part(), op, way, round, "calls"))
}

function flushes_a_call(op, way,   r, n, list, value) {
	for (r = 1; r <= rounds[convert_part()]; r++) {
		value = a_call(op, way, r, "own_broadcasts")
		if (value != "")
			list[++n] = value
	}
	return n ? median(list, n) : ""
}

# An entry is split once: when some of its pages are shared for the first time.
function splits_a_call(op, way) {
	return a_call(op, way, 0, "splits_2m")
}

function pages_a_second(op, way) {
	return quotient(1e9, typical("convert", op, way, "ns"))
}

function convert_name(op) {
	return (op ~ /^share/ ? "to shared" : "to private") ", " \
		substr(op, index(op, "-") + 1)
}

function or_dash(format, value) {
	return value == "" ? "-" : sprintf(format, value)
}

function print_convert(   i) {
	find_runs()
	if (!convert_runs)
		return
	print "Conversion in runs of so many pages a call, and page by page beside it:"
	print "median of " rounds[convert_part()] " rounds."
	print ""
	printf "%-19s %14s %19s %17s %17s %17s\n", "", "pages a second", \
		"times as fast", "instructions", "flushes", "2 MiB entries"
	printf "%-19s %14s %19s %17s %17s %17s\n", "", "(emulated)", \
		"as page by page", "a page (by page)", "a call (by page)", \
		"split a call at"
	printf "%-19s %14s %19s %17s %17s %17s\n", "", "", "", "", "", \
		"first (by page)"
	for (i = 1; i <= convert_runs; i++)
		print_convert_row("share-" convert_run[i])
	for (i = 1; i <= convert_runs; i++)
		print_convert_row("private-" convert_run[i])
	print ""
}

function both_ways(format, run, page) {
	return or_dash(format, run) " (" or_dash(format, page) ")"
}

function print_convert_row(op) {
	printf "%-19s %14s %19s %17s %17s %17s\n", convert_name(op), \
		or_dash("%.0f", pages_a_second(op, "run")), \
		cell_of("convert", op, "run", "page"), \
		both_ways("%.0f", typical("convert-counts", op, "run", "ns"), \
			typical("convert-counts", op, "page", "ns")), \
		both_ways("%.4g", flushes_a_call(op, "run"), \
			flushes_a_call(op, "page")), \
		both_ways("%.2g", splits_a_call(op, "run"), \
			splits_a_call(op, "page"))
}

# What the issue of this part asked for, whether Linux lets us or not.
function convert_aims(   i, run) {
	find_runs()
	for (i = 1; i <= convert_runs; i++) {
		run = convert_run[i]
		aim("to shared, " run " pages: flush broadcasts a call", \
			flushes_a_call("share-" run, "run"), "<=", 0, "not measured")
		aim("to private, " run " pages: flush broadcasts a call", \
			flushes_a_call("private-" run, "run"), "<=", 1, "not measured")
		if (run % 512 == 0)
			aim("to shared, " run " pages: 2 MiB entries split a call", \
				splits_a_call("share-" run, "run"), "<=", 0, "not measured")
	}
}

function json_convert_ratios(list, n,   i, p, part) {
	split("convert convert-counts", part, " ")
	for (p = 1; p <= 2; p++)
		for (i = 1; i <= convert_runs; i++) {
			n = json_ratio(list, n, part[p], "share-" convert_run[i], \
				"run", "page")
			n = json_ratio(list, n, part[p], "private-" convert_run[i], \
				"run", "page")
		}
	return n
}

function json_convert_figures(list, n,   i, w, op, way) {
	for (i = 1; i <= 2 * convert_runs; i++)
		for (w = 1; w <= 2; w++) {
			op = i > convert_runs ? "private-" convert_run[i - convert_runs] \
				: "share-" convert_run[i]
			way = w == 1 ? "run" : "page"
			n = json_figure(list, n, "pages_a_second", op, way, \
				pages_a_second(op, way))
			n = json_figure(list, n, "instructions", op, way, \
				typical("convert-counts", op, way, "ns"))
			n = json_figure(list, n, "flushes_a_call", op, way, \
				flushes_a_call(op, way))
			n = json_figure(list, n, "splits_a_call", op, way, \
				splits_a_call(op, way))
		}
	return n
}

# Instructions a page: to shared by run and by page, to private by run and by page.
function write_convert(file,   i, run) {
	for (i = 1; i <= convert_runs; i++) {
		run = convert_run[i]
		printf "\"%d\" %s %s %s %s\n", run, \
			or_dash("%.6g", typical("convert-counts", "share-" run, "run", "ns")), \
			or_dash("%.6g", typical("convert-counts", "share-" run, "page", "ns")), \
			or_dash("%.6g", typical("convert-counts", "private-" run, "run", "ns")), \
			or_dash("%.6g", typical("convert-counts", "private-" run, "page", "ns")) >file
	}
}
