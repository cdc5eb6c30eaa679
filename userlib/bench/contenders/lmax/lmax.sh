#!/bin/sh
# SPDX-License-Identifier: MIT
# The contender: what hands requests on is small; Lmax.java has the flags of the others.
exec /usr/lib/jvm/default-java/bin/java -Xmx32m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
	-cp "/usr/share/java/disruptor.jar:$(dirname "$0")/lmax.jar" Lmax
