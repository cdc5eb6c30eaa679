# SPDX-License-Identifier: MIT
# Tests as shell functions, results in TAP.  Sourced, by any POSIX shell.
# shellcheck shell=sh

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
number=0
failed=0

plan()
{
	echo "TAP version 13"
	echo "1..$1"
}

# try NAME COMMAND... - in a shell of its own; what it printed shows if it fails.
try()
{
	number=$((number + 1))
	name=$1
	shift
	rm -f "$work"/*	# what a test awaits is its own
	if ("$@") >"$work/log" 2>&1; then
		echo "ok $number $name"
	else
		echo "not ok $number $name"
		sed 's/^/# /' "$work/log"
		failed=$((failed + 1))
	fi
}

# skip NAME REASON
skip()
{
	number=$((number + 1))
	echo "ok $number # SKIP $1: $2"
}

# Ten seconds for a command to come true.
await()
{
	tries=100
	until "$@"; do
		tries=$((tries - 1))
		[ $tries != 0 ] || return 1
		sleep 0.1
	done
}

finish()
{
	exit $((failed > 0))
}
