/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For cppcheck on the module: macros of the kernel that change what a line
 * means. They need to be right only in what they read, set and repeat.
 */
#define DECLARE_EVENT_CLASS(...) struct ignored
#define DEFINE_EVENT(...) struct ignored
#define TRACE_EVENT(...) struct ignored
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#define xa_for_each(xa, index, entry) \
	for (entry = xa_find(xa, &(index)); entry; \
	     entry = xa_find_after(xa, &(index)))
#define xa_for_each_start(xa, index, entry, start) \
	for (index = (start), entry = xa_find(xa, &(index)); entry; \
	     entry = xa_find_after(xa, &(index)))
#define xa_for_each_range(xa, index, entry, start, last) \
	for (index = (start), entry = xa_find(xa, &(index)); entry; \
	     entry = xa_find_after(xa, &(index)))
#define for_each_set_bitrange(b, e, addr, size) \
	for ((b) = find_next_bit(addr, size, 0); \
	     (b) < (size) && ((e) = find_next_zero_bit(addr, size, b)); \
	     (b) = find_next_bit(addr, size, e))
#define for_each_set_bit(bit, addr, size) \
	for ((bit) = find_next_bit(addr, size, 0); (bit) < (size); \
	     (bit) = find_next_bit(addr, size, (bit) + 1))
#define for_each_node_state(node, state) \
	for ((node) = first_node(state); (node) < MAX_NUMNODES; \
	     (node) = next_node(node, state))
#define list_for_each_entry(pos, head, member) \
	for (pos = list_first(head); pos; pos = list_next(pos))
#define hlist_for_each_entry_safe(pos, n, head, member) \
	for (pos = list_first(head), n = list_next(pos); pos; \
	     pos = n, n = list_next(n))
#define llist_for_each_entry_safe(pos, n, node, member) \
	for (pos = list_first(node), n = list_next(pos); pos; \
	     pos = n, n = list_next(n))
#define list_for_each_entry_safe(pos, n, head, member) \
	for (pos = list_first(head), n = list_next(pos); pos; \
	     pos = n, n = list_next(n))
#define hash_for_each(table, bucket, pos, node) \
	for (bucket = 0; bucket < sizeof(table); bucket++) \
		for (pos = hash_first(table, bucket); pos; pos = hash_next(pos))
#define hash_for_each_safe(table, bucket, next, pos, node) \
	for (bucket = 0; bucket < sizeof(table); bucket++) \
		for (pos = hash_first(table, bucket), next = hash_next(pos); \
		     pos; pos = next, next = hash_next(pos))
#define hash_for_each_possible(table, pos, node, key) \
	for (pos = hash_first(table, key); pos; pos = hash_next(pos))
