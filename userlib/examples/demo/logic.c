// SPDX-License-Identifier: MIT
/*
 * logic RING - count lines, words and bytes as wc does in the C locale, and the ten
 * most frequent words.
 *
 * Prints the line of stage_end(), then LINES WORDS BYTES, then COUNT WORD ten
 * times.
 */
#include <ctype.h>
#include <err.h>
#include <inttypes.h>
#include <stdlib.h>

#include "stage.h"

#define WORD_MAX	63	/* longer ones are counted, not ranked */
#define TOP		10
#define FIRST_BUCKETS	4096	/* a power of two */

/**
 * struct entry - a word that was seen
 * @next: in its bucket
 * @count: how often
 * @hash: of the word
 * @length: of the word
 * @word: no NUL
 */
struct entry {
	struct entry *next;
	uint64_t count;
	uint32_t hash;
	uint32_t length;
	char word[];
};

/**
 * struct words - all of them
 * @buckets: array of @size, a power of two
 * @used: how many entries there are
 */
struct words {
	struct entry **buckets;
	size_t size;
	size_t used;
};

static void *allocate(size_t n, size_t size)
{
	void *memory = calloc(n, size);

	if (!memory)
		err(1, NULL);
	return memory;
}

static struct entry **bucket(const struct words *words, uint32_t hash)
{
	return &words->buckets[hash & (words->size - 1)];
}

static void push(struct words *words, struct entry *entry)
{
	struct entry **head = bucket(words, entry->hash);

	entry->next = *head;
	*head = entry;
}

static void grow(struct words *words)
{
	struct words larger = {
		.size = words->size ? 2 * words->size : FIRST_BUCKETS,
		.used = words->used,
	};
	size_t i;

	larger.buckets = allocate(larger.size, sizeof(struct entry *));
	for (i = 0; i < words->size; i++) {
		struct entry *entry, *next;

		for (entry = words->buckets[i]; entry; entry = next) {
			next = entry->next;
			push(&larger, entry);
		}
	}
	free(words->buckets);
	*words = larger;
}

/* FNV-1a */
static uint32_t hash_of(const char *word, size_t length)
{
	uint32_t hash = 2166136261u;

	while (length--)
		hash = (hash ^ (unsigned char)*word++) * 16777619u;
	return hash;
}

static void words_add(struct words *words, const char *word, size_t length)
{
	uint32_t hash = hash_of(word, length);
	struct entry *entry;

	if (words->used == words->size)
		grow(words);
	for (entry = *bucket(words, hash); entry; entry = entry->next) {
		if (entry->hash == hash && entry->length == length &&
		    !memcmp(entry->word, word, length)) {
			entry->count++;
			return;
		}
	}
	entry = allocate(1, sizeof(*entry) + length);
	entry->count = 1;
	entry->hash = hash;
	entry->length = length;
	memcpy(entry->word, word, length);
	push(words, entry);
	words->used++;
}

/**
 * struct counts - what was counted
 * @word: the word that is being read
 * @length: bytes of it, which may be more than were kept
 * @is_word: it has a printable byte; without one, wc takes it for no word
 */
struct counts {
	uint64_t lines;
	uint64_t all_words;
	uint64_t bytes;
	struct words words;
	char word[WORD_MAX];
	size_t length;
	bool is_word;
};

static void end_word(struct counts *counts)
{
	if (counts->is_word) {
		counts->all_words++;
		if (counts->length <= WORD_MAX)
			words_add(&counts->words, counts->word, counts->length);
	}
	counts->length = 0;
	counts->is_word = false;
}

static void count_byte(struct counts *counts, unsigned char byte)
{
	if (isspace(byte)) {
		end_word(counts);
		counts->lines += byte == '\n';
		return;
	}
	if (isgraph(byte))
		counts->is_word = true;
	if (counts->length < WORD_MAX)
		counts->word[counts->length] = byte;
	counts->length++;
}

/* A word may go on in the next event if the line does. */
static void count_line(struct counts *counts, const char *text, uint32_t length,
		       uint32_t flags)
{
	uint32_t i;

	for (i = 0; i < length; i++)
		count_byte(counts, text[i]);
	counts->bytes += length;
	if (!(flags & LINE_CONTINUES))
		end_word(counts);
}

/* More often first; equally often, by the alphabet. */
static bool before(const struct entry *a, const struct entry *b)
{
	size_t shorter = a->length < b->length ? a->length : b->length;
	int order = memcmp(a->word, b->word, shorter);

	if (a->count != b->count)
		return a->count > b->count;
	return order ? order < 0 : a->length < b->length;
}

static void insert(const struct entry *top[], const struct entry *entry)
{
	const struct entry *worse;
	size_t i;

	for (i = 0; i < TOP; i++) {
		if (top[i] && !before(entry, top[i]))
			continue;
		worse = top[i];
		top[i] = entry;
		entry = worse;
		if (!entry)
			break;
	}
}

static void print_top(const struct words *words)
{
	const struct entry *top[TOP] = { NULL };
	const struct entry *entry;
	size_t i, j;

	for (i = 0; i < words->size; i++) {
		for (entry = words->buckets[i]; entry; entry = entry->next)
			insert(top, entry);
	}
	for (i = 0; i < TOP && top[i]; i++) {
		printf("%" PRIu64 " ", top[i]->count);
		for (j = 0; j < top[i]->length; j++)
			putchar(isgraph((unsigned char)top[i]->word[j]) ?
				top[i]->word[j] : '?');
		putchar('\n');
	}
}

int main(int argc, char **argv)
{
	static struct counts counts;
	struct disruptor_range range;
	struct stage stage;
	uint64_t seq;

	if (argc != 2)
		errx(2, "usage: logic RING");
	stage_attach(&stage, argv[1], "logic");

	while (stage_wait(&stage, &range)) {
		for (seq = range.lo; seq != range.hi; seq++)
			count_line(&counts, stage_line(&stage, seq)->text,
				   stage_length(&stage, seq),
				   stage_line(&stage, seq)->flags);
		stage_release(&stage, &range);
	}
	stage_end(&stage);
	printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", counts.lines,
	       counts.all_words, counts.bytes);
	print_top(&counts.words);
	return fflush(stdout) ? 1 : 0;
}
