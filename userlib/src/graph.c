// SPDX-License-Identifier: MIT
/*
 * The builder of a graph.  Whether the whole is valid is for the module, or
 * kmod/graph.c on its behalf, to say; here names become indices.
 */
#include "internal.h"

static int find(const struct disruptor_graph *graph, const char *name)
{
	unsigned int i;

	for (i = 0; i < graph->nr; i++) {
		if (!strcmp(graph->consumers[i].name, name))
			return i;
	}
	return -ENOENT;
}

static int resolve(const struct disruptor_graph *graph,
		   const char *const *names, uint64_t *mask)
{
	*mask = 0;
	for (; names && *names; names++) {
		int index = find(graph, *names);

		if (index < 0)
			return index;
		*mask |= 1ULL << index;
	}
	return 0;
}

static int add(struct disruptor_graph *graph, const char *name,
	       const char *const *after, unsigned int flags)
{
	struct disruptor_consumer_config config = { .flags = flags };
	uint64_t mask;
	int err;

	if (graph->nr >= DISRUPTOR_MAX_CONSUMERS)
		return -E2BIG;
	if (flags & ~(DISRUPTOR_CONSUMER_OPTIONAL | DISRUPTOR_CONSUMER_MODIFIES))
		return -EINVAL;
	err = name_copy(config.name, sizeof(config.name), name);
	if (err)
		return err;
	if (find(graph, name) >= 0)
		return -EEXIST;
	err = resolve(graph, after, &mask);
	if (err)
		return err;

	config.after = mask;
	graph->consumers[graph->nr] = config;
	return graph->nr++;
}

int disruptor_graph_add(struct disruptor_graph *graph, const char *name,
			const char *const *after, unsigned int flags)
{
	int index = add(graph, name, after, flags);

	if (index < 0 && !graph->error)
		graph->error = index;
	return index;
}

int disruptor_graph_workers(struct disruptor_graph *graph, const char *name,
			    unsigned int workers)
{
	int index = name ? find(graph, name) : -ENOENT;

	if (index < 0)
		return index;
	if (workers > DISRUPTOR_MAX_WORKERS)
		return -EINVAL;
	graph->consumers[index].workers = workers;
	return 0;
}

int disruptor_graph_expire(struct disruptor_graph *graph, const char *name,
			   uint32_t ms)
{
	int index = name ? find(graph, name) : -ENOENT;

	if (index < 0)
		return index;
	if (graph->consumers[index].flags & DISRUPTOR_CONSUMER_OPTIONAL)
		return -EINVAL;
	graph->consumers[index].expires_ms = ms;
	return 0;
}
