/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A writer of metrics, in Prometheus' text exposition format or as JSON. The
 * caller begins a metric, writes its samples, and ends it. Samples of a metric
 * have different labels.
 */
#ifndef METRIC_H
#define METRIC_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "json.h"

struct metric_writer {
	FILE *out;
	struct json *json;	/* NULL: the text format */
	bool ascii;		/* no character of more than 7 bits */
	const char *name;	/* of the metric that was begun */
};

/* @value may be any text. */
struct metric_label {
	const char *name;
	const char *value;
};

enum metric_type {
	METRIC_GAUGE,
	METRIC_COUNTER,		/* its name ends with _total */
};

/* metric_begin - @help has no line break and no backslash */
void metric_begin(struct metric_writer *w, enum metric_type type,
		  const char *name, const char *help);
/* metric_sample - @labels: the last has no name; or NULL for none */
void metric_sample(struct metric_writer *w, const struct metric_label *labels,
		   uint64_t value);
void metric_end(struct metric_writer *w);

/* metric_gauge - write a gauge that has one sample, without labels */
void metric_gauge(struct metric_writer *w, const char *name, const char *help,
		  uint64_t value);

#endif /* METRIC_H */
