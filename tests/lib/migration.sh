# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# Guests of vm.sh that go from one QEMU to another, by way of a file. Who sources this
# has sourced that.
#
#	vm_use NAME CAPABILITY [false]		of migration, such as mapped-ram; until false
#	vm_leave NAME URI [CAPABILITY]		its state is there then, and its QEMU is gone
#	vm_arrive NAME URI [CAPABILITY]		it runs then; after vm_start with -incoming defer
#
# With x-ignore-shared, memory that is shared stays where it is; savevm leaves it out, too.

vm_use() {
	vm_qmp "$1" "{\"execute\":\"migrate-set-capabilities\",\"arguments\":{\"capabilities\":[{\"capability\":\"$2\",\"state\":${3-true}}]}}"
}

vm_leave() {
	if [ $# -gt 2 ]; then vm_use "$1" "$3"; fi
	vm_qmp "$1" "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"$2\"}}"
	ok "$1: migrates to $2" \
		vm_until "$1" '{"execute":"query-migrate"}' '"status": "completed"'
	vm_qmp "$1" '{"execute":"quit"}'
	vm_gone "$1"
}

vm_arrive() {
	if [ $# -gt 2 ]; then vm_use "$1" "$3"; fi
	vm_qmp "$1" "{\"execute\":\"migrate-incoming\",\"arguments\":{\"uri\":\"$2\"}}"
	ok "$1: arrives from $2" \
		vm_until "$1" '{"execute":"query-status"}' '"status": "running"'
}
