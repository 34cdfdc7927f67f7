# SPDX-License-Identifier: GPL-2.0
#
# Makes of what the hosts said a table (on stdout), and in the folder `dir`
# results.json and the plots' data. Lines come in as
#	part=PART env KEY VALUE...
#	part=PART round=N OPERATION BACKING KEY=VALUE...
# A line of another form, such as one that was cut, is left out, and so is a figure that
# is no number. Round 0 only warms up: it has no part in ratios and instructions. convert.awk
# has what is particular to conversions, windows.awk to windows, disk.awk to guests
# and their disks.

BEGIN {
	backings = split("gmemfs-warm gmemfs-cold gmemfs-4k memfd shmem-huge " \
		"hugetlbfs memfd_secret", backing, " ")
	operations = split("touch fallocate free write read many", operation, " ")
	ours = 3	# of the backings, the first three
	title["gmemfs-warm"] = "gmemfs, pool warm"
	title["gmemfs-cold"] = "gmemfs, pool cold"
	title["gmemfs-4k"] = "gmemfs, huge=never"
	title["touch"] = "first touch"
	title["many"] = "64 processes at once"
	title["write"] = "write()"
	title["read"] = "read()"
	title["fallocate"] = "fallocate()"
	title["free"] = "free"
	gib_pages = 262144
}

{
	part = substr($1, 6)
}

$2 == "env" && NF > 2 {
	text = $0
	sub(/^[^ ]* env [^ ]* ?/, "", text)
	env_part[++envs] = part
	env_key[envs] = $3
	env_value[envs] = text
	next
}

$2 ~ /^round=[0-9]+$/ && NF > 3 {
	round = substr($2, 7) + 0
	if (round > rounds[part])
		rounds[part] = round
	ran[part] = 1
	operation_seen[$3] = 1
	records++
	raw[records] = sprintf("\"part\": %s, \"round\": %d, \"operation\": %s, " \
		"\"backing\": %s", quote(part), round, quote($3), quote($4))
	for (i = 5; i <= NF; i++)
		take($i)
}

function take(word,   at, key, value) {
	at = index(word, "=")
	if (!at)
		return
	key = substr(word, 1, at - 1)
	value = substr(word, at + 1)
	if (is_number(value))
		seen[part, $3, $4, round, key] = value + 0
	if (key == "error")
		failure[part, $3, $4] = value
	raw[records] = raw[records] sprintf(", %s: %s", quote(key), json(value))
}

# ---- numbers ----

# What JSON takes for one: a commit "0123456" is text.
function is_number(text) {
	return text ~ /^-?(0|[1-9][0-9]*)(\.[0-9]+)?$/
}

# "" without something to divide by, and without something to divide.
function quotient(value, by) {
	return value == "" || by <= 0 ? "" : value / by
}

function value_of(part, op, backing, round, key) {
	return (part, op, backing, round, key) in seen ? \
		seen[part, op, backing, round, key] : ""
}

function sort(list, n,   i, j, value) {
	for (i = 2; i <= n; i++) {
		value = list[i]
		for (j = i - 1; j >= 1 && list[j] > value; j--)
			list[j + 1] = list[j]
		list[j + 1] = value
	}
}

function median(list, n) {
	sort(list, n)
	if (n % 2)
		return list[(n + 1) / 2]
	return (list[n / 2] + list[n / 2 + 1]) / 2
}

# For one unit of work (a page, a boot, a reading of the clock); "" if there is
# none of that.
function each(part, op, backing, round, key) {
	return quotient(value_of(part, op, backing, round, key), \
		value_of(part, op, backing, round, "units"))
}

# Of rounds compared: sets ratio, low and high, and returns how many.
function compared_as(list) {
	if (!compared)
		return 0
	ratio = median(list, compared)
	low = list[1]
	high = list[compared]
	return compared
}

# How many times the time of @ours that of @beside is, in the same round. Sets
# ratio, low, high and compared.
function compare(part, op, ours, beside,   r, a, b, list) {
	compared = 0
	for (r = 1; r <= rounds[part]; r++) {
		a = each(part, op, ours, r, "ns")
		b = each(part, op, beside, r, "ns")
		if (a != "" && b != "" && a > 0)
			list[++compared] = b / a
	}
	return compared_as(list)
}

function typical(part, op, backing, key,   r, n, list, value) {
	for (r = 1; r <= rounds[part]; r++) {
		value = each(part, op, backing, r, key)
		if (value != "")
			list[++n] = value
	}
	return n ? median(list, n) : ""
}

# Of all rounds, also the one that warms up: what is taken once and kept, or
# broken once for good, is seen only there.
function total(part, op, backing, key,   r, sum, found) {
	for (r = 0; r <= rounds[part]; r++)
		if ((part, op, backing, r, key) in seen) {
			sum += seen[part, op, backing, r, key]
			found = 1
		}
	return found ? sum : ""
}

# Beside slab, one page of page table for each 2 MiB entry split.
function metadata(part, backing,   r, most, bytes) {
	most = ""
	for (r = 0; r <= rounds[part]; r++) {
		if (each(part, "touch", backing, r, "slab") == "")
			continue
		bytes = each(part, "touch", backing, r, "slab") + \
			4096 * each(part, "touch", backing, r, "splits_2m")
		if (most == "" || bytes * gib_pages > most)
			most = bytes * gib_pages
	}
	return most
}

# What works by page is measured in a host of its own.
function home(kind, backing) {
	return kind (backing ~ /4k|secret/ ? "-pages" : "")
}

# free and read need what touch and write do first.
function why_not(part, op, backing) {
	if (op == "free")
		op = "touch"
	else if (op == "read" && !((part, op, backing) in failure))
		op = "write"
	if ((part, op, backing) in failure)
		return "not available: " failure[part, op, backing]
	return "not measured"
}

# ---- the table ----

function name(what) {
	return what in title ? title[what] : what
}

function cell_of(part, op, ours, beside) {
	if (!compare(part, op, ours, beside))
		return "-"
	return sprintf("%s (%s-%s)", short(ratio), short(low), short(high))
}

function short(number) {
	return sprintf(number < 0.1 ? "%.1g" : "%.2f", number)
}

function print_ratios(   o, i) {
	print "How many times as fast as the one above, by time: median of the ratios of " \
		rounds["speed"] + 0 " rounds"
	print "(lowest-highest)."
	print ""
	printf "%-41s", ""
	for (i = ours + 1; i <= backings; i++)
		printf " %19s", backing[i]
	print ""
	for (o = 1; o <= operations; o++)
		for (i = 1; i <= ours; i++)
			print_ratio_row(operation[o], backing[i])
	print ""
}

function print_ratio_row(op, who,   part, i, row) {
	part = home("speed", who)
	for (i = ours + 1; i <= backings; i++)
		row = row sprintf(" %19s", cell_of(backing[i] == "memfd_secret" ? \
			"speed-pages" : part, op, who, backing[i]))
	if (who == "gmemfs-4k" && row !~ /[0-9]/)
		return
	if (row !~ /[0-9]/)
		row = " " why_not(part, op, who)
	printf "%-21s %-19s%s\n", name(op), name(who), row
}

function print_figures(   o, i, op) {
	printf "%-38s", ""
	for (i = 1; i <= backings; i++)
		printf " %12s", backing[i]
	print ""
	for (o = 1; o <= operations; o++)
		print_figure("instructions a page: " name(operation[o]), \
			"instructions", operation[o])
	for (o = 1; o <= 2; o++) {
		op = o == 1 ? "touch" : "free"
		print_figure("flush broadcasts a GiB: " name(op), "broadcasts", op)
		print_figure("  by the task itself", "own_broadcasts", op)
		print_figure("direct-map edits a GiB: " name(op), "edits", op)
	}
	print_figure("2 MiB entries split, all rounds", "splits_2m", "")
	print_figure("1 GiB entries split, all rounds", "splits_1g", "")
	print_figure("metadata bytes a GiB, at most", "metadata", "touch")
	print_figure("user page tables, bytes a GiB", "user_tables", "touch")
	print ""
}

function print_figure(label, kind, op,   i, row, value) {
	for (i = 1; i <= backings; i++) {
		value = figure(kind, op, backing[i])
		row = row sprintf(" %12s", value == "" ? "-" : sprintf("%d", value))
	}
	if (row ~ /[0-9]/)
		printf "%-38s%s\n", label, row
}

# What is no time is the same wherever it is counted.
function figure(kind, op, who,   part, value) {
	part = home("speed", who)
	if (!(part in ran))
		part = home("counts", who)
	if (kind == "instructions")
		return typical(home("counts", who), op, who, "ns")
	if (kind == "metadata")
		return metadata(part, who)
	if (kind ~ /^splits/)
		return total_splits(part, who, kind)
	value = typical(part, op, who, kind)
	return value == "" ? "" : value * gib_pages
}

function total_splits(part, who, kind,   o, sum, value) {
	sum = ""
	for (o = 1; o <= operations; o++) {
		value = total(part, operation[o], who, kind)
		if (value != "")
			sum += value
	}
	return sum
}

function print_guard(   o, op) {
	if (!compare("guard", "boot", "memfd", "gmemfs"))
		return
	print "A guest on gmemfs, with the guard, beside memfd: ratio of instructions, of exits."
	print ""
	for (o = 1; o <= 2; o++) {
		op = o == 1 ? "boot" : "clock"
		printf "%-41s %s\n", \
			o == 1 ? "boot to the first line of its init" : "reading its clock", \
			compare("guard", op, "memfd", "gmemfs") ? guard_row(op) : \
			why_not("guard", op, "gmemfs")
	}
	print ""
}

function guard_row(op) {
	return sprintf("%19s   exits %.0f and %.0f", \
		sprintf("%.3f (%.3f-%.3f)", ratio, low, high), \
		typical_count("guard", op, "gmemfs", "exits"), \
		typical_count("guard", op, "memfd", "exits"))
}

function typical_count(part, op, backing, key,   r, n, list) {
	for (r = 1; r <= rounds[part]; r++)
		if ((part, op, backing, r, key) in seen)
			list[++n] = seen[part, op, backing, r, key]
	return n ? median(list, n) : ""
}

function print_failures(   o, i, op, who, part) {
	for (o = 1; o <= operations; o++)
		for (i = 1; i <= backings; i++) {
			op = operation[o]
			who = backing[i]
			part = home("speed", who)
			if ((part, op, who) in failure)
				printf "%s on %s: not available: %s\n", name(op), \
					name(who), failure[part, op, who]
		}
	print ""
}

# ---- aims ----

function aim(text, value, sign, limit, reason,   met) {
	aims++
	aim_text[aims] = text " " (sign == ">=" ? "at least" : "at most") " " limit
	aim_value[aims] = value
	aim_limit[aims] = limit
	aim_reason[aims] = reason
	if (value == "")
		aim_met[aims] = "unknown"
	else {
		met = sign == ">=" ? value >= limit : value <= limit
		aim_met[aims] = met ? "met" : "NOT met"
	}
}

function aim_speed(text, who, beside, limit) {
	compare("speed", "touch", who, beside)
	aim(text, compared ? ratio : "", ">=", limit, why_not("speed", "touch", who))
}

function percent_of_gib(bytes) {
	return bytes == "" ? "" : bytes * 100 / (gib_pages * 4096)
}

function aim_guard(text, op) {
	compare("guard", op, "memfd", "gmemfs")
	aim(text, compared ? ratio : "", "<=", 1.02, why_not("guard", op, "gmemfs"))
}

# A flush that the kernel owed for memory of its own is counted with ours, since
# it comes when the direct map is edited: hence 1.01 and not 1.
function set_aims(   value) {
	aim_speed("first touch, pool warm: times as fast as memfd", \
		"gmemfs-warm", "memfd", 5)
	aim_speed("first touch, pool warm: times as fast as hugetlbfs", \
		"gmemfs-warm", "hugetlbfs", 1)
	aim_speed("first touch, pool cold: times as fast as memfd", \
		"gmemfs-cold", "memfd", 1)
	value = figure("broadcasts", "touch", "gmemfs-cold")
	aim("first touch, pool cold: flush broadcasts per 2 MiB", \
		value == "" ? "" : value * 512 / gib_pages, "<=", 1.01, \
		why_not("speed", "touch", "gmemfs-cold"))
	aim("first touch, pool warm: flush broadcasts by the filling task", \
		figure("own_broadcasts", "touch", "gmemfs-warm"), "<=", 0, \
		why_not("speed", "touch", "gmemfs-warm"))
	aim("pool warm: 2 MiB entries of the direct map split", \
		figure("splits_2m", "", "gmemfs-warm"), "<=", 0, \
		why_not("speed", "touch", "gmemfs-warm"))
	aim("pool cold: 2 MiB entries of the direct map split", \
		figure("splits_2m", "", "gmemfs-cold"), "<=", 0, \
		why_not("speed", "touch", "gmemfs-cold"))
	aim("pool cold: metadata in % of the memory", \
		percent_of_gib(figure("metadata", "touch", "gmemfs-cold")), "<=", 0.1, \
		why_not("speed", "touch", "gmemfs-cold"))
	aim("huge=never: metadata in % of the memory", \
		percent_of_gib(figure("metadata", "touch", "gmemfs-4k")), "<=", 0.1, \
		why_not("speed-pages", "touch", "gmemfs-4k"))
	aim_guard("guest's boot with the guard: instructions, of those on memfd", "boot")
	aim_guard("guest reads its clock: instructions, of those on memfd", "clock")
	convert_aims()
	disk_aims()
}

function print_aims(   i) {
	print "Aims:"
	print ""
	for (i = 1; i <= aims; i++)
		printf "  %-7s  %s: %s\n", aim_met[i], aim_text[i], \
			aim_value[i] == "" ? aim_reason[i] : sprintf("%.4g", aim_value[i])
	print ""
}

# ---- JSON ----

function quote(text) {
	gsub(/\\/, "\\\\", text)
	gsub(/"/, "\\\"", text)
	gsub(/\t/, " ", text)
	return "\"" text "\""
}

function json(value) {
	return is_number(value) ? value : quote(value)
}

# A list of objects, one a line.
function json_list(file, key, list, n, last,   i) {
	printf "  %s: [\n", quote(key) >file
	for (i = 1; i <= n; i++)
		printf "    {%s}%s\n", list[i], i < n ? "," : "" >file
	printf "  ]%s\n", last ? "" : "," >file
}

function json_ratios(   o, i, j, p, part, list, n, parts) {
	parts = split("speed speed-pages counts counts-pages", p, " ")
	for (part = 1; part <= parts; part++)
		for (o = 1; o <= operations; o++)
			for (i = 1; i <= backings; i++)
				for (j = 1; j <= backings; j++)
					if (i != j)
						n = json_ratio(list, n, p[part], operation[o], \
							backing[i], backing[j])
	n = json_ratio(list, n, "guard", "boot", "gmemfs", "memfd")
	n = json_ratio(list, n, "guard", "clock", "gmemfs", "memfd")
	n = json_convert_ratios(list, n)
	n = json_window_ratios(list, n)
	n = json_disk_ratios(list, n)
	json_list(results, "ratios", list, n)
}

function json_ratio(list, n, part, op, who, beside) {
	if (!compare(part, op, who, beside))
		return n + 0
	list[++n] = sprintf("\"part\": %s, \"operation\": %s, \"of\": %s, " \
		"\"beside\": %s, \"times_as_fast\": %.6g, \"low\": %.6g, " \
		"\"high\": %.6g, \"rounds\": %d", quote(part), quote(op), quote(who), \
		quote(beside), ratio, low, high, compared)
	return n
}

function json_figure(list, n, kind, op, way, value) {
	if (value == "")
		return n + 0
	list[++n] = sprintf("\"figure\": %s, \"operation\": %s, " \
		"\"backing\": %s, \"value\": %.6g", quote(kind), quote(op), \
		quote(way), value)
	return n
}

function json_figures(   k, o, i, n, list, kind, kinds) {
	kinds = split("instructions broadcasts own_broadcasts edits metadata " \
		"user_tables splits_2m splits_1g", kind, " ")
	for (k = 1; k <= kinds; k++)
		for (o = 1; o <= operations; o++)
			for (i = 1; i <= backings; i++) {
				if (kind[k] ~ /^(metadata|user_tables|splits)/ && o > 1)
					continue
				n = json_figure(list, n, kind[k], \
					kind[k] ~ /^splits/ ? "all" : operation[o], \
					backing[i], figure(kind[k], operation[o], backing[i]))
			}
	n = json_convert_figures(list, n)
	n = json_window_figures(list, n)
	n = json_disk_figures(list, n)
	json_list(results, "figures", list, n)
}

function json_aims(   i, list) {
	for (i = 1; i <= aims; i++)
		list[i] = sprintf("\"aim\": %s, \"value\": %s, \"limit\": %s, " \
			"\"verdict\": %s", quote(aim_text[i]), \
			aim_value[i] == "" ? "null" : sprintf("%.6g", aim_value[i]), \
			aim_limit[i], quote(aim_met[i]))
	json_list(results, "aims", list, aims)
}

function write_json(   i, list) {
	printf "{\n" >results
	for (i = 1; i <= envs; i++)
		list[i] = sprintf("\"part\": %s, \"key\": %s, \"value\": %s", \
			quote(env_part[i]), quote(env_key[i]), json(env_value[i]))
	json_list(results, "environment", list, envs)
	json_aims()
	json_ratios()
	json_figures()
	json_list(results, "measured", raw, records, 1)
	printf "}\n" >results
}

# ---- data for the plots: "-" where there is nothing ----

function write_speed(file,   o, i, part) {
	for (o = 1; o <= operations; o++) {
		printf "\"%s\"", name(operation[o]) >file
		for (i = 1; i <= backings; i++) {
			if (backing[i] == "memfd")
				continue
			part = home("speed", backing[i])
			if (compare(part, operation[o], backing[i], "memfd"))
				printf " %.6g %.6g %.6g", ratio, low, high >file
			else
				printf " - - -" >file
		}
		printf "\n" >file
	}
}

function write_figures(file, kind, first, last,   o, i, value) {
	for (o = first; o <= last; o++) {
		printf "\"%s\"", name(operation[o]) >file
		for (i = 1; i <= backings; i++) {
			value = figure(kind, operation[o], backing[i])
			printf " %s", value == "" || value <= 0 ? "-" : value >file
		}
		printf "\n" >file
	}
}

function write_memory(file,   i, value, tables) {
	for (i = 1; i <= backings; i++) {
		value = figure("metadata", "touch", backing[i])
		tables = figure("user_tables", "touch", backing[i])
		printf "\"%s\" %s %s\n", backing[i], value == "" ? "-" : value / 1048576, \
			tables == "" ? "-" : tables / 1048576 >file
	}
}

END {
	results = dir "/results.json"
	set_aims()
	print_ratios()
	print_figures()
	print_guard()
	print_convert()
	print_windows()
	print_disk()
	print_disk_counts()
	print_failures()
	print_aims()
	write_json()
	write_speed(dir "/speed.dat")
	write_figures(dir "/instructions.dat", "instructions", 1, operations - 1)
	write_figures(dir "/broadcasts.dat", "broadcasts", 1, 3)
	write_memory(dir "/memory.dat")
	write_convert(dir "/convert.dat")
	write_windows(dir "/windows.dat")
	write_disk(dir "/disk.dat")
	write_disk_latency(dir "/disk-p50.dat", "p50_ns")
	write_disk_latency(dir "/disk-p99.dat", "p99_ns")
	write_disk_counts(dir "/disk-counts.dat")
}
