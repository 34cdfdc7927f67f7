# SPDX-License-Identifier: GPL-2.0
#
# What report.awk says of guests whose memory is kept by different methods: the
# parts "disk", by time, and "disk-counts", by instructions. Operations are what
# guests do, "backings" the methods, and memfd is what all are compared with.

BEGIN {
	disk_methods = split("memfd kept gmemfs windows memfd-direct shared-io " \
		"swiotlb reinsert", disk_method, " ")
	disk_works = split("read-4k-1 read-4k-32 write-4k-1 write-4k-32 read-128k " \
		"write-128k mixed-4k-32 tcp-send tcp-receive boot touch stress copy " \
		"tar", disk_work, " ")
	fio_works = 7	# of these, the first
	io_works = 9
	title["kept"] = "gmemfs, not hidden"
	title["windows"] = "gmemfs, windows"
	title["memfd-direct"] = "memfd, direct=on"
	title["shared-io"] = "gmemfs, shared I/O"
	title["swiotlb"] = "gmemfs, swiotlb"
	title["read-4k-1"] = "4k random read, depth 1"
	title["read-4k-32"] = "4k random read, depth 32"
	title["write-4k-1"] = "4k random write, depth 1"
	title["write-4k-32"] = "4k random write, depth 32"
	title["read-128k"] = "128k sequential read"
	title["write-128k"] = "128k sequential write"
	title["mixed-4k-32"] = "4k mixed 70:30, depth 32"
	title["tcp-send"] = "TCP to the host, 4k"
	title["tcp-receive"] = "TCP from the host, 4k"
	title["stress"] = "stress-ng --vm"
	title["boot"] = "boot to userspace"
	title["copy"] = "memory to memory"
	title["tar"] = "tar and xz"
}

# "touch" is a title of report.awk's already.
function disk_name(op) {
	return op == "touch" ? "population of memory" : name(op)
}

# What each is compared with: one that doesn't differ in how its disk is opened.
function base_of(method) {
	return method == "shared-io" ? "memfd-direct" : "memfd"
}

# What it takes to start fio and stress-ng, once for each job, is no part of an
# operation: what is counted is what more operations take more than few do.
function net(part, op, method, round, key,   value, units, start) {
	value = value_of(part, op, method, round, key)
	if (value == "")
		return ""
	units = value_of(part, op, method, round, "units")
	start = start_of(op)
	if (start) {
		value -= typical_count(part, start, method, key)
		units -= typical_count(part, start, method, "units")
	}
	return quotient(value, units)
}

function start_of(op) {
	if (op ~ /^(read|write|mixed)-/)
		return "start"
	return op == "stress" ? "stress-start" : ""
}

function typical_net(part, op, method, key,   r, n, list, value) {
	for (r = 1; r <= rounds[part]; r++) {
		value = net(part, op, method, r, key)
		if (value != "")
			list[++n] = value
	}
	return n ? median(list, n) : ""
}

# Of all rounds: one of these is one too many.
function each_of_all(part, op, method, key,   r, sum, units) {
	for (r = 0; r <= rounds[part]; r++)
		if ((part, op, method, r, key) in seen) {
			sum += seen[part, op, method, r, key]
			units += value_of(part, op, method, r, "units")
		}
	return quotient(sum, units)
}

# How many times that of its base a latency is, in the same round. Sets ratio, low, high and
# compared.
function compare_latency(op, method, key,   r, ours, theirs, list) {
	compared = 0
	for (r = 1; r <= rounds["disk"]; r++) {
		ours = value_of("disk", op, method, r, key)
		theirs = value_of("disk", op, base_of(method), r, key)
		if (ours != "" && theirs != "" && ours > 0 && theirs > 0)
			list[++compared] = ours / theirs
	}
	return compared_as(list)
}

function latency_cell(op, method, key) {
	if (!compare_latency(op, method, key))
		return "-"
	return sprintf("%.2f", ratio)
}

# How many times as few instructions as on its base.
function compare_instructions(op, method,   ours, theirs) {
	ours = typical_net("disk-counts", op, method, "cpu_ns")
	theirs = typical_net("disk-counts", op, base_of(method), "cpu_ns")
	return ours == "" ? "" : quotient(theirs, ours)
}

function why_no_method(part, method) {
	if ((part, "boot", method) in failure)
		return "not measured: " failure[part, "boot", method]
	return "not measured"
}

function print_disk(   w, m) {
	if (!("disk" in ran))
		return
	printf "Guests, each beside one on memfd, which is 1: median of the ratios of %d rounds\n", \
		rounds["disk"]
	print "(lowest-highest); boot and population of memory are measured once. Shared I/O is beside"
	print "memfd with direct=on, on a disk of the same kind. Latencies are times as long. The rest"
	print "is each operation's: exits to KVM, interrupts to flush TLBs, flush broadcasts, edits and"
	print "splits of the direct map."
	print ""
	printf "%-26s %-19s %17s %5s %5s %7s %7s %7s %7s %7s\n", "", "", "times as fast", \
		"p50", "p99", "exits", "TLB", "flushes", "edits", "splits"
	for (w = 1; w <= disk_works; w++)
		for (m = 1; m <= disk_methods; m++)
			print_disk_row("disk", disk_work[w], disk_method[m])
	print ""
	print_missing_methods("disk")
}

function print_disk_row(part, op, method) {
	if (each_of_all(part, op, method, "ns") == "")
		return
	printf "%-26s %-19s %17s %5s %5s %7s %7s %7s %7s %7s\n", disk_name(op), \
		name(method), cell_of(part, op, method, base_of(method)), \
		latency_cell(op, method, "p50_ns"), latency_cell(op, method, "p99_ns"), \
		or_dash("%.3g", typical_net(part, op, method, "exits")), \
		or_dash("%.2g", each_of_all(part, op, method, "tlb_ipis")), \
		or_dash("%.3g", each_of_all(part, op, method, "broadcasts")), \
		or_dash("%.3g", each_of_all(part, op, method, "edits")), \
		or_dash("%.3g", each_of_all(part, op, method, "splits_2m"))
}

function print_missing_methods(part,   m, why) {
	for (m = 1; m <= disk_methods; m++) {
		why = why_no_method(part, disk_method[m])
		if (why != "not measured")
			printf "%s: %s\n", name(disk_method[m]), why
	}
	print ""
}

function print_disk_counts(   w, m) {
	if (!("disk-counts" in ran))
		return
	print "The same in instructions, of guest, VMM and host's kernel together, each operation:"
	printf "median of %d rounds; shared I/O beside memfd with direct=on.\n\n", rounds["disk-counts"]
	printf "%-26s %-19s %14s %14s %7s %7s %7s %7s\n", "", "", "instructions", \
		"times as few", "exits", "flushes", "edits", "splits"
	for (w = 1; w <= disk_works; w++)
		for (m = 1; m <= disk_methods; m++)
			print_disk_count_row(disk_work[w], disk_method[m])
	print ""
	print_missing_methods("disk-counts")
}

function print_disk_count_row(op, method,   part) {
	part = "disk-counts"
	if (each_of_all(part, op, method, "cpu_ns") == "")
		return
	printf "%-26s %-19s %14s %14s %7s %7s %7s %7s\n", disk_name(op), name(method), \
		or_dash("%.0f", typical_net(part, op, method, "cpu_ns")), \
		or_dash("%.3f", compare_instructions(op, method)), \
		or_dash("%.3g", typical_net(part, op, method, "exits")), \
		or_dash("%.3g", each_of_all(part, op, method, "broadcasts")), \
		or_dash("%.3g", each_of_all(part, op, method, "edits")), \
		or_dash("%.3g", each_of_all(part, op, method, "splits_2m"))
}

# ---- aims ----

function disk_aims() {
	if ("disk" in ran)
		disk_aims_in("disk")
	if ("disk-counts" in ran)
		disk_aims_in("disk-counts")
}

function disk_aims_in(part,   w) {
	for (w = 1; w <= disk_works; w++) {
		disk_aim(part, disk_work[w], "gmemfs", 0.98)
		disk_aim(part, disk_work[w], "windows", 0.97)
		if (w <= fio_works)
			disk_aim(part, disk_work[w], "shared-io", 1)
	}
	disk_aim_zero(part, "gmemfs")
	disk_aim_zero(part, "windows")
}

function disk_aim(part, op, method, limit,   value) {
	if (part == "disk-counts")
		value = compare_instructions(op, method)
	else
		value = compare(part, op, method, base_of(method)) ? ratio : ""
	aim(disk_name(op) ", " name(method) ": times as " \
		(part == "disk" ? "fast" : "few instructions") " as " \
		name(base_of(method)), value, ">=", \
		limit, why_no_method(part, method))
}

function disk_aim_zero(part, method,   k, keys, key) {
	keys = split("broadcasts edits splits_2m splits_1g", key, " ")
	for (k = 1; k <= keys; k++)
		aim(part ", " name(method) ": " key[k] " in all of fio's and TCP's operations", \
			all_of_io(part, method, key[k]), "<=", 0, \
			why_no_method(part, method))
}

function all_of_io(part, method, key,   w, sum, value) {
	sum = ""
	for (w = 1; w <= io_works; w++) {
		value = total(part, disk_work[w], method, key)
		if (value != "")
			sum += value
	}
	return sum
}

# ---- JSON and plots ----

function json_disk_ratios(list, n,   w, m) {
	for (w = 1; w <= disk_works; w++)
		for (m = 2; m <= disk_methods; m++)
			n = json_ratio(list, n, "disk", disk_work[w], disk_method[m], \
				base_of(disk_method[m]))
	return n + 0
}

function json_disk_figures(list, n,   p, part, parts, w, m) {
	parts = split("disk disk-counts", part, " ")
	for (p = 1; p <= parts; p++)
		if (part[p] in ran)
			for (w = 1; w <= disk_works; w++)
				for (m = 1; m <= disk_methods; m++)
					n = json_disk_row(list, n, part[p], disk_work[w], \
						disk_method[m])
	return n + 0
}

function json_disk_row(list, n, part, op, method,   k, keys, key) {
	if (part == "disk") {
		keys = split("p50_ns p99_ns", key, " ")
		for (k = 1; k <= keys; k++)
			n = json_figure(list, n, "times_" key[k], op, method, \
				compare_latency(op, method, key[k]) ? ratio : "")
	} else {
		n = json_figure(list, n, "guest_instructions", op, method, \
			typical_net(part, op, method, "cpu_ns"))
	}
	n = json_figure(list, n, part "_exits", op, method, \
		typical_net(part, op, method, "exits"))
	keys = split("tlb_ipis broadcasts edits splits_2m splits_1g", key, " ")
	for (k = 1; k <= keys; k++)
		n = json_figure(list, n, part "_" key[k], op, method, \
			each_of_all(part, op, method, key[k]))
	return n
}

# Each method but memfd: the ratio, its lowest and highest.
function write_disk(file,   w, m) {
	if (!("disk" in ran))
		return
	for (w = 1; w <= disk_works; w++) {
		printf "\"%s\"", disk_name(disk_work[w]) >file
		for (m = 2; m <= disk_methods; m++)
			printf " %s", compare("disk", disk_work[w], disk_method[m], \
				base_of(disk_method[m])) ? ratio " " low " " high : "- - -" >file
		printf "\n" >file
	}
}

function write_disk_latency(file, key,   w, m) {
	if (!("disk" in ran))
		return
	for (w = 1; w <= fio_works; w++) {
		printf "\"%s\"", disk_name(disk_work[w]) >file
		for (m = 2; m <= disk_methods; m++)
			printf " %s", compare_latency(disk_work[w], disk_method[m], key) \
				? ratio " " low " " high : "- - -" >file
		printf "\n" >file
	}
}

function write_disk_counts(file,   w, m, value) {
	if (!("disk-counts" in ran))
		return
	for (w = 1; w <= disk_works; w++) {
		printf "\"%s\"", disk_name(disk_work[w]) >file
		for (m = 2; m <= disk_methods; m++)
			printf " %s", or_dash("%.6g", \
				compare_instructions(disk_work[w], disk_method[m])) >file
		printf "\n" >file
	}
}
