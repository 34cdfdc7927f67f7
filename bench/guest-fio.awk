# SPDX-License-Identifier: GPL-2.0
#
# What fio says in JSON of one job, in one line: operations, the time they took,
# and the latency that 50% and 99% of them had at most, of reads if there are both.

/^ *"(read|write|trim|sync)" : \{/ {
	kind = $1
	gsub(/[^a-z]/, "", kind)
	next
}

function number() {
	sub(/,$/, "", $NF)
	return $NF + 0
}

$1 == "\"total_ios\"" {
	ios[kind] = number()
}

$1 == "\"runtime\"" {
	ms[kind] = number()
}

$1 == "\"50.000000\"" {
	p50[kind] = number()
}

$1 == "\"99.000000\"" {
	p99[kind] = number()
}

$1 == "\"error\"" && number() {
	error = number()
}

END {
	kind = ios["read"] ? "read" : "write"
	if (error || !ios[kind]) {
		print "error=fio:" error
		exit
	}
	printf "units=%d ns=%d000000 p50_ns=%d p99_ns=%d\n", \
		ios["read"] + ios["write"], ms[kind], p50[kind], p99[kind]
}
