// SPDX-License-Identifier: GPL-2.0
/* Decodes UTF-8, and has the table of characters that are not printed. */
#include <stddef.h>

#include "utf8.h"

int utf8_decode(const char *text, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *s = (const unsigned char *)text;
	int n;

	*code = *s;
	if (*s < 0x80)
		return 1;
	n = *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : *s >= 0xc2 ? 2 : 0;
	if (!n || *s > 0xf4)
		return 0;
	*code = *s & (0x7f >> n);
	for (int i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (s[i] & 0x3f);
	}
	if (*code < least[n] || *code > 0x10ffff ||
	    (*code >= 0xd800 && *code < 0xe000))
		return 0;
	return n;
}

/* Unicode's controls and formats, and letters that are blank; sorted. */
static const struct {
	uint32_t first;
	uint32_t last;
} unseen[] = {
	{ 0x0000, 0x001f },	/* C0 */
	{ 0x007f, 0x009f },	/* DEL, C1 */
	{ 0x00ad, 0x00ad },	/* soft hyphen */
	{ 0x034f, 0x034f },	/* combining grapheme joiner */
	{ 0x0600, 0x0605 },	/* Arabic number signs */
	{ 0x061c, 0x061c },	/* Arabic letter mark */
	{ 0x06dd, 0x06dd },
	{ 0x070f, 0x070f },
	{ 0x0890, 0x0891 },
	{ 0x08e2, 0x08e2 },
	{ 0x115f, 0x1160 },	/* Hangul fillers */
	{ 0x17b4, 0x17b5 },	/* Khmer vowels that are not written */
	{ 0x180b, 0x180f },	/* Mongolian selectors, vowel separator */
	{ 0x200b, 0x200f },	/* zero width; left-to-right, right-to-left */
	{ 0x2028, 0x202e },	/* separators; embeddings and overrides */
	{ 0x2060, 0x206f },	/* joiners, isolates, deprecated formats */
	{ 0x2800, 0x2800 },	/* Braille without dots */
	{ 0x3164, 0x3164 },	/* Hangul filler */
	{ 0xfdd0, 0xfdef },	/* no characters */
	{ 0xfe00, 0xfe0f },	/* variation selectors */
	{ 0xfeff, 0xfeff },	/* zero width no-break space */
	{ 0xffa0, 0xffa0 },	/* half-width Hangul filler */
	{ 0xfff0, 0xfffb },	/* interlinear annotations */
	{ 0xfffe, 0xffff },
	{ 0x110bd, 0x110bd },
	{ 0x110cd, 0x110cd },
	{ 0x13430, 0x1343f },	/* Egyptian hieroglyph formats */
	{ 0x1bca0, 0x1bca3 },	/* shorthand formats */
	{ 0x1d173, 0x1d17a },	/* musical formats */
	{ 0xe0000, 0xe0fff },	/* tags, variation selectors */
	{ 0xf0000, 0x10ffff },	/* private */
};

bool utf8_shows(uint32_t code)
{
	for (size_t i = 0; i < sizeof(unseen) / sizeof(*unseen); i++)
		if (code <= unseen[i].last)
			return code < unseen[i].first;
	return false;
}
