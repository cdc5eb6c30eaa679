// SPDX-License-Identifier: GPL-2.0-only
/*
 * The builder of a graph.
 */
#include "library.h"

TEST(a_graph_starts_as_zeroes_and_numbers_its_consumers)
{
	struct disruptor_graph graph = { 0 };

	ASSERT_EQ(0, disruptor_graph_add(&graph, "journal", NULL, 0));
	ASSERT_EQ(1, disruptor_graph_add(&graph, "replicate", NULL,
					 DISRUPTOR_CONSUMER_OPTIONAL));
	ASSERT_EQ(2, disruptor_graph_add(&graph, "logic",
					 DISRUPTOR_AFTER("journal", "replicate"),
					 DISRUPTOR_CONSUMER_MODIFIES));
	EXPECT_EQ(3, graph.nr);
	EXPECT_EQ(0, graph.error);
	EXPECT_STREQ("logic", graph.consumers[2].name);
	EXPECT_EQ(3, graph.consumers[2].after);
	EXPECT_EQ(0, graph.consumers[1].after);
	EXPECT_EQ(DISRUPTOR_CONSUMER_OPTIONAL, graph.consumers[1].flags);
	EXPECT_EQ(DISRUPTOR_CONSUMER_MODIFIES, graph.consumers[2].flags);
}

TEST(an_empty_after_list_is_straight_after_the_producers)
{
	const char *const none[] = { NULL };
	struct disruptor_graph graph = { 0 };

	ASSERT_EQ(0, disruptor_graph_add(&graph, "a", none, 0));
	EXPECT_EQ(0, graph.consumers[0].after);
}

TEST(a_name_that_is_no_name_is_EINVAL)
{
	char longest[DISRUPTOR_CONSUMER_NAME_LEN];
	char too_long[DISRUPTOR_CONSUMER_NAME_LEN + 1];
	const char *const bad[] = {
		NULL, "", "a b", "a/b", "tab\t", "\x7f", "caf\xc3\xa9", too_long,
	};
	struct disruptor_graph graph = { 0 };
	size_t i;

	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	memset(too_long, 'x', sizeof(too_long));
	too_long[sizeof(too_long) - 1] = '\0';
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, disruptor_graph_add(&graph, bad[i], NULL, 0));
	EXPECT_EQ(0, graph.nr);
	EXPECT_EQ(0, disruptor_graph_add(&graph, longest, NULL, 0));
}

TEST(a_required_consumer_may_expire_and_no_other)
{
	struct disruptor_graph graph = { 0 };

	disruptor_graph_add(&graph, "a", NULL, 0);
	disruptor_graph_add(&graph, "b", NULL, DISRUPTOR_CONSUMER_OPTIONAL);
	EXPECT_EQ(0, disruptor_graph_expire(&graph, "a", 1500));
	EXPECT_EQ(1500, graph.consumers[0].expires_ms);
	EXPECT_EQ(-EINVAL, disruptor_graph_expire(&graph, "b", 1500));
	EXPECT_EQ(0, graph.consumers[1].expires_ms);
	EXPECT_EQ(-ENOENT, disruptor_graph_expire(&graph, "c", 1));
	EXPECT_EQ(-ENOENT, disruptor_graph_expire(&graph, NULL, 1));
	EXPECT_EQ(0, graph.error);
}

TEST(an_unknown_flag_is_EINVAL)
{
	struct disruptor_graph graph = { 0 };

	EXPECT_EQ(-EINVAL, disruptor_graph_add(&graph, "a", NULL, 1U << 2));
	EXPECT_EQ(-EINVAL, disruptor_graph_add(&graph, "a", NULL, 1U << 31));
	EXPECT_EQ(0, graph.nr);
}

TEST(a_name_that_is_taken_is_EEXIST)
{
	struct disruptor_graph graph = { 0 };

	ASSERT_EQ(0, disruptor_graph_add(&graph, "a", NULL, 0));
	EXPECT_EQ(-EEXIST, disruptor_graph_add(&graph, "a", NULL, 0));
	EXPECT_EQ(1, graph.nr);
}

TEST(a_consumer_after_an_unknown_one_is_ENOENT)
{
	struct disruptor_graph graph = { 0 };

	ASSERT_EQ(0, disruptor_graph_add(&graph, "a", NULL, 0));
	EXPECT_EQ(-ENOENT, disruptor_graph_add(&graph, "b",
					       DISRUPTOR_AFTER("a", "later"), 0));
	EXPECT_EQ(-ENOENT, disruptor_graph_add(&graph, "b",
					       DISRUPTOR_AFTER("b"), 0));
	EXPECT_EQ(1, graph.nr);
}

TEST(one_consumer_more_than_there_can_be_is_E2BIG)
{
	struct disruptor_graph graph = { 0 };
	char name[8];
	int i;

	for (i = 0; i < DISRUPTOR_MAX_CONSUMERS; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		ASSERT_EQ(i, disruptor_graph_add(&graph, name, NULL, 0));
	}
	EXPECT_EQ(-E2BIG, disruptor_graph_add(&graph, "more", NULL, 0));
	EXPECT_EQ(DISRUPTOR_MAX_CONSUMERS, graph.nr);
}

TEST(create_answers_the_first_error_of_the_graph)
{
	struct disruptor_config config = { 0 };
	struct disruptor_ring *ring = NULL;

	disruptor_graph_add(&config.graph, "a", NULL, 0);
	disruptor_graph_add(&config.graph, "b", DISRUPTOR_AFTER("none"), 0);
	disruptor_graph_add(&config.graph, "a", NULL, 0);
	EXPECT_EQ(-ENOENT, private_ring(&ring, &config, 8, 8));
	EXPECT_EQ(NULL, ring);
}

TEST_HARNESS_MAIN
