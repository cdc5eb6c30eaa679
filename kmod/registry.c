// SPDX-License-Identifier: GPL-2.0-only
/*
 * The names of rings.  A name belongs to a network namespace, as an abstract
 * socket's does: a container does not see another's.  A name holds a reference to its
 * ring and to the module, until it is unlinked or its namespace goes.
 */
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "internal.h"

struct disruptor_registry {
	struct list_head rings;
};

static unsigned int registry_id;
static DEFINE_MUTEX(registry_lock);

static struct disruptor_registry *registry_of_caller(void)
{
	return net_generic(current->nsproxy->net_ns, registry_id);
}

static struct disruptor_ring *find(const char *name)
{
	struct disruptor_registry *registry = registry_of_caller();
	struct disruptor_ring *ring;

	list_for_each_entry(ring, &registry->rings, registry_node) {
		if (!strcmp(ring->name, name))
			return ring;
	}
	return NULL;
}

bool disruptor_registry_has(const char *name)
{
	bool found;

	mutex_lock(&registry_lock);
	found = find(name);
	mutex_unlock(&registry_lock);
	return found;
}

int disruptor_registry_add(struct disruptor_ring *ring)
{
	int err = -EEXIST;

	mutex_lock(&registry_lock);
	if (!find(ring->name)) {
		kref_get(&ring->refs);
		__module_get(THIS_MODULE);
		list_add_tail(&ring->registry_node,
			      &registry_of_caller()->rings);
		err = 0;
	}
	mutex_unlock(&registry_lock);
	return err;
}

/* Returns a reference. */
struct disruptor_ring *disruptor_registry_get(const char *name)
{
	struct disruptor_ring *ring;

	mutex_lock(&registry_lock);
	ring = find(name);
	if (ring)
		kref_get(&ring->refs);
	mutex_unlock(&registry_lock);
	return ring;
}

int disruptor_registry_remove(struct disruptor_ring *ring)
{
	bool linked;

	mutex_lock(&registry_lock);
	linked = !list_empty(&ring->registry_node);
	list_del_init(&ring->registry_node);
	mutex_unlock(&registry_lock);

	if (!linked)
		return -ENOENT;
	disruptor_ring_put(ring);
	module_put(THIS_MODULE);
	return 0;
}

static int __net_init registry_net_init(struct net *net)
{
	struct disruptor_registry *registry = net_generic(net, registry_id);

	INIT_LIST_HEAD(&registry->rings);
	return 0;
}

static void __net_exit registry_net_exit(struct net *net)
{
	struct disruptor_registry *registry = net_generic(net, registry_id);
	struct disruptor_ring *ring;

	for (;;) {
		mutex_lock(&registry_lock);
		ring = list_first_entry_or_null(&registry->rings,
						struct disruptor_ring,
						registry_node);
		if (ring)
			kref_get(&ring->refs);
		mutex_unlock(&registry_lock);
		if (!ring)
			break;
		disruptor_registry_remove(ring);
		disruptor_ring_put(ring);
	}
}

static struct pernet_operations registry_net_ops = {
	.init = registry_net_init,
	.exit = registry_net_exit,
	.id = &registry_id,
	.size = sizeof(struct disruptor_registry),
};

int disruptor_registry_init(void)
{
	return register_pernet_subsys(&registry_net_ops);
}

void disruptor_registry_exit(void)
{
	unregister_pernet_subsys(&registry_net_ops);
}
