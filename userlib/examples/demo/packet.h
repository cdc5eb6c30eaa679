/* SPDX-License-Identifier: MIT */
/*
 * What goes over the socket between replicate and replica, which run on one
 * machine here: to the replica packets, back how many bytes it has.
 */
#ifndef PACKET_H
#define PACKET_H

#include <stdint.h>

#include "stage.h"

#define PACKET_MAX	(STAGE_BATCH * LINE_TEXT)

/**
 * struct packet - what stands before some bytes of the file
 * @offset: of the first of them
 * @length: how many, up to PACKET_MAX; 0: that was all
 */
struct packet {
	uint64_t offset;
	uint64_t length;
};

#endif /* PACKET_H */
