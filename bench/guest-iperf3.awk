# SPDX-License-Identifier: GPL-2.0
#
# What iperf3 says in JSON of one test, in one line: pieces of 4 KiB that have
# arrived, and the time they took.

function number() {
	sub(/,$/, "", $NF)
	return $NF + 0
}

/"sum_received":/ {
	received = 1
}

received && $1 == "\"seconds\":" {
	seconds = number()
}

received && $1 == "\"bytes\":" {
	bytes = number()
	received = 0
}

$1 == "\"error\":" {
	error = $0
	sub(/.*"error":/, "", error)
	gsub(/[^A-Za-z0-9]+/, "_", error)
}

END {
	if (error || !bytes)
		print "error=iperf3:" error
	else
		printf "units=%d ns=%.0f\n", int((bytes + 4095) / 4096), seconds * 1e9
}
