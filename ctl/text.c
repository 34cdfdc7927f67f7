// SPDX-License-Identifier: GPL-2.0
/* Text for the terminal: numbers, names, widths, colours. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "text.h"
#include "utf8.h"

#define RING	8
#define DEFAULT_COLUMNS	80
#define MIN_COLUMNS	20

static const char units[] = "KMGTPE";

/* ---- numbers ---- */

int text_parse_size(const char *text, uint64_t *bytes)
{
	const char *unit;
	int shift = 0;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -1;
	/* Always decimal: in C, a leading zero would mean octal. */
	errno = 0;
	*bytes = strtoull(text, &end, 10);
	if (errno)
		return -1;
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (!unit)
			return -1;
		shift = 10 * (unit - units + 1);
		end++;
	}
	/* "M", "MB" and "MiB" all mean MiB. */
	if (!strcasecmp(end, "iB") || !strcasecmp(end, "B"))
		end += strlen(end);
	if (*end || (shift && *bytes >> (64 - shift)))
		return -1;
	*bytes <<= shift;
	return 0;
}

int text_parse_seconds(const char *text, double *seconds)
{
	size_t digits = strspn(text, "0123456789");

	if (!digits)
		return -1;
	if (text[digits] == '.')
		digits += 1 + strspn(text + digits + 1, "0123456789");
	if (text[digits])
		return -1;
	*seconds = strtod(text, NULL);
	/* Milliseconds have to fit into an int. */
	return *seconds <= 2000000 ? 0 : -1;
}

int text_parse_count(const char *text, unsigned long *count)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return -1;
	errno = 0;
	*count = strtoul(text, &end, 10);
	return errno || *end || !*count ? -1 : 0;
}

const char *text_size(uint64_t bytes)
{
	static char ring[RING][32];
	static unsigned int next;
	char *text = ring[next++ % RING];
	double value = bytes;
	int unit = -1;

	while (value >= 1024 && units[unit + 1]) {
		value /= 1024;
		unit++;
	}
	if (unit < 0)
		snprintf(text, sizeof(ring[0]), "%" PRIu64, bytes);
	else if (value == floor(value) || value >= 100)
		snprintf(text, sizeof(ring[0]), "%.0f%c", floor(value),
			 units[unit]);
	else
		snprintf(text, sizeof(ring[0]), "%.1f%c",
			 floor(value * 10) / 10, units[unit]);
	return text;
}

/* ---- names ---- */

/*
 * Copy one character of a name to @to, or an escape for it. Return: how many
 * bytes of @from it was.
 */
static size_t safe_char(const char *from, char *to, size_t room)
{
	uint32_t code;
	int n = utf8_decode(from, &code);

	if (!n || (code >= 0x80 && !text_is_utf8()) ||
	    (code < 0x80 && !utf8_shows(code))) {
		snprintf(to, room, "\\x%02x", (unsigned char)*from);
		return 1;
	}
	if (!utf8_shows(code) || wcwidth((wchar_t)code) < 0)
		snprintf(to, room, code > 0xffff ? "\\U%08x" : "\\u%04x",
			 code);
	else
		snprintf(to, room, "%.*s", n, from);
	return n;
}

/* An escape has at most ten characters; it replaces at least one byte. */
const char *text_safe(const char *name)
{
	static char *ring[RING];
	static unsigned int next;
	char **text = &ring[next++ % RING];
	size_t used = 0, room = 10 * strlen(name) + 16;

	free(*text);
	*text = malloc(room);
	if (!*text)
		return "?";
	**text = '\0';
	while (*name) {
		name += safe_char(name, *text + used, room - used);
		used += strlen(*text + used);
	}
	return *text;
}

/* Return: columns of the character at @text. Sets @n to its bytes. */
static size_t char_width(const char *text, size_t *n)
{
	uint32_t code;
	int bytes = utf8_decode(text, &code), columns;

	*n = bytes ? bytes : 1;
	if (!bytes || !text_is_utf8())
		return 1;
	columns = wcwidth((wchar_t)code);
	return columns > 0 ? columns : 0;
}

size_t text_width(const char *text)
{
	size_t width = 0, n;

	for (; *text; text += n)
		width += char_width(text, &n);
	return width;
}

void text_cut(char *text, size_t width)
{
	size_t used = 0, n;

	for (; *text; text += n) {
		used += char_width(text, &n);
		if (used > width) {
			*text = '\0';
			return;
		}
	}
}

/* The edit distance: letters to add, remove, change or swap with the next. */
static unsigned int distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	unsigned int d[33][33];

	if (la > 32 || lb > 32)
		return 33;
	for (size_t i = 0; i <= la; i++) {
		for (size_t j = 0; j <= lb; j++) {
			unsigned int best;

			if (!i || !j) {
				d[i][j] = i + j;
				continue;
			}
			best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	}
	return d[la][lb];
}

const char *text_similar(const char *word, const char *const *words)
{
	unsigned int best = strlen(word) / 3 + 2, d;
	const char *found = NULL;

	for (; *words; words++) {
		size_t n = strlen(word);

		d = distance(word, *words);
		/* The beginning of a word is a good match, too. */
		if (n >= 2 && !strncmp(word, *words, n))
			d = 1;
		if (d < best) {
			best = d;
			found = *words;
		}
	}
	return found;
}

/* ---- the terminal ---- */

int text_columns(void)
{
	const char *given = getenv("COLUMNS");
	unsigned long columns = 0;
	struct winsize size;

	if (!given || text_parse_count(given, &columns))
		columns = DEFAULT_COLUMNS;
	if (!given && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col)
		columns = size.ws_col;
	return columns < MIN_COLUMNS ? MIN_COLUMNS :
	       columns > 1000 ? 1000 : (int)columns;
}

bool text_is_utf8(void)
{
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

static bool painting;

int text_set_colour(const char *when)
{
	const char *off = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (!strcmp(when, "auto"))
		painting = isatty(STDOUT_FILENO) && !(off && *off) && term &&
			   strcmp(term, "dumb");
	else if (!strcmp(when, "always") || !strcmp(when, "never"))
		painting = *when == 'a';
	else
		return -1;
	return 0;
}

void text_paint(FILE *out, enum colour colour, const char *text)
{
	static const char *const codes[] = {
		[COLOUR_NONE] = "", [COLOUR_BOLD] = "1", [COLOUR_DIM] = "2",
		[COLOUR_RED] = "31", [COLOUR_GREEN] = "32",
		[COLOUR_YELLOW] = "33", [COLOUR_BLUE] = "34",
		[COLOUR_MAGENTA] = "35", [COLOUR_CYAN] = "36",
	};

	if (painting && colour != COLOUR_NONE)
		fprintf(out, "\033[%sm%s\033[0m", codes[colour], text);
	else
		fputs(text, out);
}
