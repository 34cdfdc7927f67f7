// SPDX-License-Identifier: GPL-2.0
/*
 * kscan: searches the kernel's memory for a guest's pattern.
 *
 *	kscan --tag HEX [--json]	search all that the kernel has mapped
 *	kscan --map [--json]		what is mapped, without reading it
 *	kscan --pfn N[+COUNT] [--dump]	is this frame in the direct map?
 *
 * kscan is a witness inside the kernel under test. It needs as little trust as
 * possible: it doesn't ask gmemfs, but reads /proc/kcore. It searches:
 *
 *  - the direct map, the kernel's image, vmemmap: every byte, also where the
 *    page tables have no entry: the kernel tries to read it;
 *  - vmalloc and modules: every page that the kernel's page tables map. The
 *    rest of these 32 TiB (4 levels) or 12800 TiB (5 levels) is empty.
 *
 * The search copies what it finds to memory of its own, which is in the direct
 * map, too. These copies must not be counted: see struct buffer.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../ctl/kcore.h"
#include "../tests/lib/secret.h"

#define PAGE_SIZE	KCORE_PAGE_SIZE
#define CHUNK_PAGES	64
#define CHUNK_SIZE	(CHUNK_PAGES * PAGE_SIZE)
#define MIB		(1UL << 20)

#define PROGRESS_SECONDS 2

/*
 * The buffer to which pages are read. Its own frames are in the direct map, and
 * hold copies of what was read before. So the search would find these copies.
 * To wipe the buffer between reads isn't enough: one read may copy a page of
 * the pattern to a frame of the buffer, and then read that same frame. So the
 * numbers of the buffer's frames are known, and these are not counted. (For
 * each open file, the kernel copies through one page of its own. That page can
 * be counted as one find too many, but only right after a true one.)
 */
struct buffer {
	uint64_t *words;
	uint64_t pfns[CHUNK_PAGES];
};

struct tally {
	uint64_t segments;
	uint64_t first;			/* lowest address */
	uint64_t bytes;			/* address space the segments span */
	uint64_t mapped;		/* of these, what page tables map */
	uint64_t mapped_by[3];		/* by pages of 4 KiB, 2 MiB, 1 GiB */
	uint64_t misplaced;		/* direct map: maps a wrong frame */
	uint64_t scanned;
	uint64_t unreadable;
	uint64_t whole;			/* pages with nothing but the pattern */
	uint64_t partly;		/* pages with some of the pattern */
};

struct scan {
	struct kcore k;
	struct buffer buf;
	struct tally tally[KCORE_KINDS];
	uint64_t tag;
	bool search;
	bool quiet;
	double began;
	double spoke;
	uint64_t total;			/* bytes to scan, as far as known */
	uint64_t done;
	/* While one segment is searched: */
	const struct kcore_segment *seg;
	struct tally *now;
};

static _Noreturn void die(const char *what, int err)
{
	fprintf(stderr, "kscan: %s: %s\n", what, strerror(abs(err)));
	exit(1);
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void buffer_init(struct buffer *buf)
{
	uint64_t entries[CHUNK_PAGES];
	ssize_t n;
	int fd;

	buf->words = mmap(NULL, CHUNK_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
	if (buf->words == MAP_FAILED)
		die("mmap", errno);
	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("/proc/self/pagemap", errno);
	n = pread(fd, entries, sizeof(entries),
		  (uintptr_t)buf->words / PAGE_SIZE * sizeof(entries[0]));
	if (n != sizeof(entries))
		die("/proc/self/pagemap", n < 0 ? errno : EIO);
	close(fd);
	/* Bits 0 to 54 are the frame's number; zero without CAP_SYS_ADMIN. */
	for (int i = 0; i < CHUNK_PAGES; i++) {
		buf->pfns[i] = entries[i] & ((1ULL << 55) - 1);
		if (!buf->pfns[i])
			die("/proc/self/pagemap", EPERM);
	}
}

static bool buffer_has_frame(const struct buffer *buf, uint64_t pfn)
{
	for (int i = 0; i < CHUNK_PAGES; i++)
		if (buf->pfns[i] == pfn)
			return true;
	return false;
}

static void show_progress(struct scan *s)
{
	double now = seconds();

	if (s->quiet || now - s->spoke < PROGRESS_SECONDS)
		return;
	s->spoke = now;
	fprintf(stderr, "kscan: %" PRIu64 " of %" PRIu64 " MiB\n",
		s->done / MIB, s->total / MIB);
}

static void check_page(struct scan *s, const uint64_t *page, uint64_t vaddr)
{
	int found = secret_found(page, s->tag);

	if (!found)
		return;
	if (s->seg->kind == KCORE_DIRECT_MAP &&
	    buffer_has_frame(&s->buf, (vaddr - s->k.page_offset) / PAGE_SIZE))
		return;
	if (found == SECRET_PROBES)
		s->now->whole++;
	else
		s->now->partly++;
}

static void check_pages(struct scan *s, uint64_t vaddr, size_t len)
{
	for (size_t at = 0; at < len; at += PAGE_SIZE)
		check_page(s, s->buf.words + at / sizeof(uint64_t), vaddr + at);
	s->now->scanned += len;
	s->done += len;
	show_progress(s);
}

/* If a chunk can't be read as a whole, it is read page by page. */
static void scan_chunk(struct scan *s, uint64_t vaddr, size_t len)
{
	int err = kcore_read(&s->k, vaddr, s->buf.words, len);

	if (!err) {
		check_pages(s, vaddr, len);
		return;
	}
	if (err != -EFAULT)
		die("/proc/kcore", err);
	if (len == PAGE_SIZE) {
		s->now->unreadable += len;
		s->done += len;
		return;
	}
	for (size_t at = 0; at < len; at += PAGE_SIZE)
		scan_chunk(s, vaddr + at, PAGE_SIZE);
}

static void scan_range(struct scan *s, uint64_t vaddr, uint64_t len)
{
	while (len) {
		size_t n = len < CHUNK_SIZE ? len : CHUNK_SIZE;

		scan_chunk(s, vaddr, n);
		vaddr += n;
		len -= n;
	}
}

/* The part of a leaf that is in the segment, which may begin inside of it. */
static uint64_t clip(const struct kcore_segment *seg,
		     const struct kcore_leaf *leaf, uint64_t *vaddr)
{
	uint64_t last = leaf->vaddr + leaf->size - 1;
	uint64_t seg_last = seg->vaddr + seg->size - 1;

	*vaddr = leaf->vaddr > seg->vaddr ? leaf->vaddr : seg->vaddr;
	if (last > seg_last)
		last = seg_last;
	return last - *vaddr + 1;
}

static int size_index(uint64_t size)
{
	if (size == PAGE_SIZE)
		return 0;
	return size == 512 * PAGE_SIZE ? 1 : 2;
}

static int count_leaf(const struct kcore_leaf *leaf, void *arg)
{
	struct scan *s = arg;
	uint64_t vaddr, len = clip(s->seg, leaf, &vaddr);

	s->now->mapped += len;
	s->now->mapped_by[size_index(leaf->size)] += len;
	if (s->seg->kind == KCORE_DIRECT_MAP &&
	    kcore_direct(&s->k, leaf->paddr / PAGE_SIZE) != leaf->vaddr)
		s->now->misplaced += len;
	return 0;
}

static int scan_leaf(const struct kcore_leaf *leaf, void *arg)
{
	struct scan *s = arg;
	uint64_t vaddr, len = clip(s->seg, leaf, &vaddr);

	scan_range(s, vaddr, len);
	return 0;
}

static bool is_sparse(enum kcore_kind kind)
{
	return kind == KCORE_VMALLOC || kind == KCORE_MODULES ||
	       kind == KCORE_OTHER;
}

static void walk_segment(struct scan *s, kcore_leaf_fn fn)
{
	int err = kcore_walk(&s->k, s->seg->vaddr, s->seg->vaddr + s->seg->size,
			     fn, s);

	if (err)
		die("kernel page tables", err);
}

static void map_segment(struct scan *s)
{
	struct tally *t = s->now;
	uint64_t before = t->mapped;

	if (!t->segments++ || s->seg->vaddr < t->first)
		t->first = s->seg->vaddr;
	t->bytes += s->seg->size;
	walk_segment(s, count_leaf);
	s->total += is_sparse(s->seg->kind) ? t->mapped - before : s->seg->size;
}

static void search_segment(struct scan *s)
{
	if (is_sparse(s->seg->kind))
		walk_segment(s, scan_leaf);
	else
		scan_range(s, s->seg->vaddr, s->seg->size);
}

typedef void (*segment_fn)(struct scan *s);

static void visit_segments(struct scan *s, segment_fn fn)
{
	for (size_t i = 0; i < s->k.nr_segments; i++) {
		s->seg = &s->k.segments[i];
		s->now = &s->tally[s->seg->kind];
		fn(s);
	}
}

static void sum_up(const struct scan *s, struct tally *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (int i = 0; i < KCORE_KINDS; i++) {
		sum->scanned += s->tally[i].scanned;
		sum->unreadable += s->tally[i].unreadable;
		sum->whole += s->tally[i].whole;
		sum->partly += s->tally[i].partly;
	}
}

static void print_table(const struct scan *s)
{
	struct tally sum;

	printf("%-13s %-18s %12s %11s %11s %8s\n", "segment", "address",
	       "size MiB", "mapped MiB", "read MiB", "found");
	for (int i = 0; i < KCORE_KINDS; i++) {
		const struct tally *t = &s->tally[i];

		if (!t->segments)
			continue;
		printf("%-13s 0x%016" PRIx64 " %12.1f %11.1f %11.1f %8" PRIu64 "\n",
		       kcore_kind_names[i], t->first, t->bytes / (double)MIB,
		       t->mapped / (double)MIB, t->scanned / (double)MIB,
		       t->whole + t->partly);
	}
	if (!s->search)
		return;
	sum_up(s, &sum);
	printf("%" PRIu64 " pages hold the pattern of %016" PRIx64
	       " (%" PRIu64 " of them pieces of it); %.1f MiB read in %.1f s\n",
	       sum.whole + sum.partly, s->tag, sum.partly,
	       sum.scanned / (double)MIB, seconds() - s->began);
}

/* One key a line, and each key once, so that sh can read it, too. */
static void print_json_kind(const struct tally *t, const char *name)
{
	char key[32];

	for (size_t i = 0; i <= strlen(name); i++)
		key[i] = name[i] == ' ' ? '_' : name[i];
	printf("  \"%s_bytes\": %" PRIu64 ",\n", key, t->bytes);
	printf("  \"%s_mapped\": %" PRIu64 ",\n", key, t->mapped);
	printf("  \"%s_mapped_4k\": %" PRIu64 ",\n", key, t->mapped_by[0]);
	printf("  \"%s_mapped_2m\": %" PRIu64 ",\n", key, t->mapped_by[1]);
	printf("  \"%s_mapped_1g\": %" PRIu64 ",\n", key, t->mapped_by[2]);
	printf("  \"%s_misplaced\": %" PRIu64 ",\n", key, t->misplaced);
	printf("  \"%s_scanned\": %" PRIu64 ",\n", key, t->scanned);
	printf("  \"%s_unreadable\": %" PRIu64 ",\n", key, t->unreadable);
	printf("  \"%s_found\": %" PRIu64 ",\n", key, t->whole + t->partly);
}

static void print_json(const struct scan *s)
{
	struct tally sum;

	printf("{\n");
	for (int i = 0; i < KCORE_KINDS; i++)
		if (s->tally[i].segments)
			print_json_kind(&s->tally[i], kcore_kind_names[i]);
	sum_up(s, &sum);
	if (s->search) {
		printf("  \"tag\": \"%016" PRIx64 "\",\n", s->tag);
		printf("  \"found\": %" PRIu64 ",\n", sum.whole + sum.partly);
		printf("  \"found_pieces\": %" PRIu64 ",\n", sum.partly);
	}
	printf("  \"scanned\": %" PRIu64 ",\n", sum.scanned);
	printf("  \"unreadable\": %" PRIu64 ",\n", sum.unreadable);
	printf("  \"levels\": %d,\n", s->k.levels);
	printf("  \"page_offset\": \"0x%016" PRIx64 "\",\n", s->k.page_offset);
	printf("  \"seconds\": %.2f\n}\n", seconds() - s->began);
}

static uint32_t crc32(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t crc = ~0U;

	while (len--) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static void dump(const uint8_t *page)
{
	for (size_t i = 0; i < PAGE_SIZE; i += 16) {
		printf("%03zx", i);
		for (size_t j = 0; j < 16; j++)
			printf(" %02x", page[i + j]);
		putchar('\n');
	}
}

static bool is_zero(const uint64_t *page)
{
	for (size_t i = 0; i < PAGE_SIZE / sizeof(*page); i++)
		if (page[i])
			return false;
	return true;
}

static const char *size_name(uint64_t size)
{
	static const char *const names[] = { "4k", "2m", "1g" };

	return names[size_index(size)];
}

/*
 * Two questions must have the same answer: do the page tables map the frame,
 * and does a read return its contents? A page that isn't mapped reads as zeros,
 * or can't be read. If there are contents where the tables have no entry, one
 * of the two can't be trusted.
 */
static int print_frame(struct scan *s, uint64_t pfn, bool with_dump)
{
	uint64_t vaddr = kcore_direct(&s->k, pfn);
	struct kcore_leaf leaf;
	int mapped, err;

	if (!kcore_is_ram(&s->k, pfn)) {
		printf("no-ram pfn=%" PRIu64 "\n", pfn);
		return 1;
	}
	mapped = kcore_lookup(&s->k, vaddr, &leaf);
	if (mapped < 0)
		die("kernel page tables", mapped);
	err = kcore_read(&s->k, vaddr, s->buf.words, PAGE_SIZE);
	if (err && err != -EFAULT)
		die("/proc/kcore", err);

	if (!mapped && !err && !is_zero(s->buf.words)) {
		printf("contradiction pfn=%" PRIu64 " not mapped but read\n",
		       pfn);
		return 1;
	}
	if (!mapped || err) {
		printf("absent pfn=%" PRIu64 "\n", pfn);
		return 0;
	}
	printf("readable pfn=%" PRIu64 " by=%s crc32=%08x\n", pfn,
	       size_name(leaf.size), crc32(s->buf.words, PAGE_SIZE));
	if (with_dump)
		dump((const uint8_t *)s->buf.words);
	return 0;
}

static uint64_t parse_number(const char *text, int base, char **end)
{
	uint64_t value;

	errno = 0;
	value = strtoull(text, end, base);
	if (errno || *end == text) {
		fprintf(stderr, "kscan: not a number: %s\n", text);
		exit(2);
	}
	return value;
}

static int print_frames(struct scan *s, const char *range, bool with_dump)
{
	uint64_t count = 1;
	uint64_t pfn;
	char *end;
	int ret = 0;

	pfn = parse_number(range, 0, &end);
	if (*end == '+')
		count = parse_number(end + 1, 0, &end);
	if (*end) {
		fprintf(stderr, "kscan: not N or N+COUNT: %s\n", range);
		return 2;
	}
	while (count--)
		ret |= print_frame(s, pfn++, with_dump);
	return ret;
}

/* Freed frames would still have the contents that were read: wipe them. */
static void finish(struct scan *s)
{
	explicit_bzero(s->buf.words, CHUNK_SIZE);
	kcore_close(&s->k);
}

static int usage(FILE *to)
{
	fputs("usage: kscan --tag HEX [--json] [--quiet]\n"
	      "       kscan --map [--json]\n"
	      "       kscan --pfn N[+COUNT] [--dump]\n"
	      "\n"
	      "  --tag HEX  count the pages that hold a test guest's pattern\n"
	      "  --map      say what the kernel has mapped\n"
	      "  --pfn N    say if a page frame is in the direct map; a line a frame:\n"
	      "             readable pfn=N by=4k|2m|1g crc32=HEX, or absent pfn=N\n",
	      to);
	return to == stdout ? 0 : 2;
}

struct arguments {
	bool tag;
	bool map;
	bool dump;
	bool json;
	const char *frames;
};

/* Return: true to go on; else @status is the exit status. */
static bool parse(int argc, char **argv, struct arguments *args,
		  struct scan *s, int *status)
{
	static const struct option options[] = {
		{ "tag", required_argument, NULL, 't' },
		{ "map", no_argument, NULL, 'm' },
		{ "pfn", required_argument, NULL, 'p' },
		{ "dump", no_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	char *end;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 't':
			s->tag = parse_number(optarg, 16, &end);
			args->tag = true;
			break;
		case 'm':
			args->map = true;
			break;
		case 'p':
			args->frames = optarg;
			break;
		case 'd':
			args->dump = true;
			break;
		case 'j':
			args->json = true;
			break;
		case 'q':
			s->quiet = true;
			break;
		default:
			*status = usage(opt == 'h' ? stdout : stderr);
			return false;
		}
	}
	if (optind == argc && args->tag + args->map + !!args->frames == 1)
		return true;
	*status = usage(stderr);
	return false;
}

static void search_or_map(struct scan *s, const struct arguments *args)
{
	s->search = args->tag;
	visit_segments(s, map_segment);
	if (s->search)
		visit_segments(s, search_segment);
	if (args->json)
		print_json(s);
	else
		print_table(s);
}

int main(int argc, char **argv)
{
	struct arguments args = { 0 };
	static struct scan s;
	int status = 0;

	if (!parse(argc, argv, &args, &s, &status))
		return status;
	if (kcore_open(&s.k)) {
		fprintf(stderr, "kscan: %s\n", s.k.error);
		return 1;
	}
	buffer_init(&s.buf);
	s.began = seconds();
	s.spoke = s.began;
	if (args.frames)
		status = print_frames(&s, args.frames, args.dump);
	else
		search_or_map(&s, &args);
	finish(&s);
	return status;
}
