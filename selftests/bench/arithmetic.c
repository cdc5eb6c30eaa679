// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the bench makes of what it measured.
 */
#include <math.h>

#include "compare.h"
#include "contenders/histogram.h"
#include "kselftest_harness.h"
#include "options.h"

/* ---- figures ------------------------------------------------------------------ */

TEST(quantiles_lie_between_values_and_need_no_order)
{
	double values[] = { 50, 10, 40, 20, 30 };

	EXPECT_EQ(30, quantile(values, 5, 0.5));
	EXPECT_EQ(10, quantile(values, 5, 0));
	EXPECT_EQ(50, quantile(values, 5, 1));
	EXPECT_EQ(15, quantile(values, 5, 0.125));
	EXPECT_TRUE(isnan(quantile(values, 0, 0.5)));
}

TEST(the_interval_of_a_median_is_that_of_the_binomial)
{
	double values[101];
	struct figures figures;
	int i;

	for (i = 0; i < 101; i++)
		values[i] = 100 - i;
	figures = figures_of(values, 101);
	EXPECT_EQ(101, figures.nr);
	EXPECT_EQ(50, figures.median);
	EXPECT_EQ(25, figures.q1);
	EXPECT_EQ(75, figures.q3);
	/* 0.98 * sqrt(101) is 9.8. */
	EXPECT_EQ(40, figures.lo);
	EXPECT_EQ(60, figures.hi);
}

/* 95 of 100 times the median of what they come from is in it, or more often. */
TEST(the_interval_holds_the_median_it_promises_to_hold)
{
	unsigned int held = 0, nr, i, k;
	double values[15];

	srandom(1);
	for (i = 0; i < 4000; i++) {
		struct figures figures;

		nr = 5 + i % 11;
		for (k = 0; k < nr; k++)
			values[k] = exp(random() / (RAND_MAX / 8.0));
		figures = figures_of(values, nr);
		held += figures.lo <= exp(4) && exp(4) <= figures.hi;
	}
	EXPECT_GE(held, 4000 * 0.94);
}

TEST(nothing_has_no_figures)
{
	struct figures figures = figures_of(NULL, 0);

	EXPECT_EQ(0, figures.nr);
	EXPECT_TRUE(isnan(figures.median) && isnan(figures.lo) &&
		    isnan(figures.hi) && isnan(figures.q1));
}

/* ---- the histogram --------------------------------------------------------------- */

TEST(a_histogram_is_exact_to_one_in_128)
{
	static struct histogram histogram;
	uint64_t ns, found;

	for (ns = 1; ns < 60000000000ULL; ns = ns * 17 / 16 + 1) {
		memset(&histogram, 0, sizeof(histogram));
		histogram_add(&histogram, ns);
		histogram_add(&histogram, 2 * ns);
		found = histogram_at(&histogram, 0.5);
		EXPECT_GE(found, ns);
		EXPECT_LE(found - ns, ns / 128);
		EXPECT_EQ(2 * ns, histogram_at(&histogram, 1));
		EXPECT_EQ(2 * ns, histogram.max);
	}
}

TEST(a_histogram_knows_how_many_do_not_exceed)
{
	static struct histogram histogram;
	uint64_t ns;

	memset(&histogram, 0, sizeof(histogram));
	for (ns = 1; ns <= 200; ns++)
		histogram_add(&histogram, ns);
	EXPECT_EQ(100, histogram_at(&histogram, 0.5));
	EXPECT_EQ(180, histogram_at(&histogram, 0.9));
	EXPECT_EQ(198, histogram_at(&histogram, 0.99));
	EXPECT_EQ(200, histogram_at(&histogram, 0.9999));
}

TEST(what_took_longer_than_any_cell_still_counts)
{
	static struct histogram histogram;

	memset(&histogram, 0, sizeof(histogram));
	histogram_add(&histogram, 5);
	histogram_add(&histogram, UINT64_MAX);
	EXPECT_EQ(UINT64_MAX, histogram_at(&histogram, 1));
	EXPECT_EQ(5, histogram_at(&histogram, 0.5));
}

/* ---- comparing ---------------------------------------------------------------------- */

#define ROUNDS	12

FIXTURE(rows)
{
	struct measured runs[2][ROUNDS];
	struct row rows[2];
	struct group group;
};

/* The second takes three times as long near, and five times far. */
FIXTURE_SETUP(rows)
{
	unsigned int i, round;

	for (round = 0; round < ROUNDS; round++) {
		bool far = round >= ROUNDS / 2;

		for (i = 0; i < 2; i++)
			self->runs[i][round] = (struct measured){
				.ran = true,
				.values = { (far ? 70 : 10) * (i ? far ? 5 : 3 : 1) },
				.distance_ns = far ? 400 : 100,
				.where = far ? WHERE_FAR : WHERE_NEAR,
			};
	}
	self->rows[0] = (struct row){ .name = "a", .rival = true, .runs = self->runs[0] };
	self->rows[1] = (struct row){ .name = "b", .rival = true, .runs = self->runs[1] };
	self->group = (struct group){
		.columns = { "ns" },
		.rows = self->rows,
		.nr_rows = 2,
		.rounds = ROUNDS,
	};
}

FIXTURE_TEARDOWN(rows)
{
}

TEST_F(rows, near_and_far_are_never_mixed)
{
	struct figures near = ratio_of(&self->group, &self->rows[1],
				       &self->rows[0], WHERE_NEAR);
	struct figures far = ratio_of(&self->group, &self->rows[1],
				      &self->rows[0], WHERE_FAR);

	EXPECT_EQ(3, near.median);
	EXPECT_EQ(3, near.hi);
	EXPECT_EQ(ROUNDS / 2, near.nr);
	EXPECT_EQ(5, far.median);
	EXPECT_EQ(5, far.lo);
	EXPECT_EQ(70, column_of(&self->group, &self->rows[0], 0, WHERE_FAR).median);
	EXPECT_EQ(100, distance_of(&self->group, &self->rows[0], WHERE_NEAR).median);
}

TEST_F(rows, a_run_that_is_void_counts_for_nothing)
{
	self->runs[0][0].values[0] = NAN;
	self->runs[1][1].values[0] = NAN;
	EXPECT_EQ(ROUNDS / 2 - 2, ratio_of(&self->group, &self->rows[1],
					   &self->rows[0], WHERE_NEAR).nr);
	EXPECT_EQ(ROUNDS / 2 - 1, column_of(&self->group, &self->rows[0], 0,
					    WHERE_NEAR).nr);
}

TEST_F(rows, a_run_during_which_they_were_moved_counts_for_nothing)
{
	self->runs[0][0].where = WHERE_MOVED;
	self->runs[1][1].where = WHERE_FAR;
	EXPECT_EQ(ROUNDS / 2 - 2, ratio_of(&self->group, &self->rows[1],
					   &self->rows[0], WHERE_NEAR).nr);
	EXPECT_EQ(1, moved_runs(&self->group));
}

TEST_F(rows, a_run_that_was_not_made_counts_for_nothing)
{
	self->runs[0][0].ran = false;
	self->runs[1][1] = (struct measured){};
	EXPECT_EQ(ROUNDS / 2 - 2, ratio_of(&self->group, &self->rows[1],
					   &self->rows[0], WHERE_NEAR).nr);
	EXPECT_EQ(0, moved_runs(&self->group));
}

TEST_F(rows, the_fastest_rival_is_what_others_are_measured_by)
{
	EXPECT_EQ(&self->rows[0], rival_of(&self->group, WHERE_NEAR));
	self->rows[0].rival = false;
	EXPECT_EQ(&self->rows[1], rival_of(&self->group, WHERE_NEAR));
	self->rows[1].rival = false;
	EXPECT_EQ(&self->rows[0], rival_of(&self->group, WHERE_NEAR));
}

TEST_F(rows, fewer_than_five_rounds_are_not_compared)
{
	self->runs[0][0].where = WHERE_MOVED;
	EXPECT_EQ(&self->rows[0], rival_of(&self->group, WHERE_NEAR));
	self->runs[0][1].where = WHERE_MOVED;
	EXPECT_EQ(&self->rows[1], rival_of(&self->group, WHERE_NEAR));
	self->runs[1][0].where = WHERE_MOVED;
	self->runs[1][1].where = WHERE_MOVED;
	EXPECT_EQ(NULL, rival_of(&self->group, WHERE_NEAR));
}

/* ---- the command line ------------------------------------------------------------------ */

TEST(parts_of_names_choose)
{
	EXPECT_TRUE(is_wanted(NULL, "OneToOneRaw"));
	EXPECT_TRUE(is_wanted("OneToOne", "OneToOneRaw"));
	EXPECT_TRUE(is_wanted("Matrix,Raw", "OneToOneRaw"));
	EXPECT_FALSE(is_wanted("Matrix,Batch", "OneToOneRaw"));
	EXPECT_FALSE(is_wanted("", "OneToOneRaw"));
	EXPECT_FALSE(is_wanted(",", "OneToOneRaw"));
}

TEST_HARNESS_MAIN
