// SPDX-License-Identifier: MIT
/*
 * Pieces of JSON.
 */
#include <math.h>

#include "json.h"

void json_string(FILE *json, const char *text)
{
	fputc('"', json);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', json);
		if ((unsigned char)*text >= ' ')
			fputc(*text, json);
	}
	fputc('"', json);
}

void json_number(FILE *json, double value)
{
	if (isfinite(value))
		fprintf(json, "%.4g", value);
	else
		fputs("null", json);
}

void json_figures(FILE *json, const char *name, const struct figures *figures)
{
	const double values[] = { figures->median, figures->q1, figures->q3,
				  figures->lo, figures->hi };
	static const char *const names[] = { "median", "q1", "q3", "lo95",
					     "hi95" };
	unsigned int i;

	json_string(json, name);
	fprintf(json, ": {\"rounds\": %u", figures->nr);
	for (i = 0; i < 5; i++) {
		fprintf(json, ", \"%s\": ", names[i]);
		json_number(json, values[i]);
	}
	fputc('}', json);
}
