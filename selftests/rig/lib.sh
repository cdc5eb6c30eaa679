# SPDX-License-Identifier: GPL-2.0-only
# What the rig's scripts share.  Sourced, by bash with -euo pipefail.
# shellcheck shell=bash disable=SC2034,SC2154 # used by them; set by them

rig=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$rig/../.." && pwd)
cache=$top/.cache
build=$top/build
kernel=${DISRUPTOR_KERNEL:-6.1}

export LC_ALL=C

die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

say()
{
	echo "${0##*/}: $*" >&2
}

# Of the kernel in the directory $1: see fetch-kernel.
slowness()
{
	local times

	times=$(cat "$1/slowness" 2>/dev/null) || :
	echo "${times:-1}"
}

arch_of()
{
	cat "$1/arch" 2>/dev/null || echo amd64
}

# The command line as a file for sh: any byte of an argument survives.
shell_quote()
{
	local arg

	for arg in "$@"; do
		printf "'%s' " "${arg//\'/\'\\\'\'}"
	done
}

# What compilers and checkers have to say in the log $1 of a build.  Compilers of
# another patch level are what stable releases bring.
warnings()
{
	grep -iE 'warning:|error:|objtool:' "$1" |
		grep -vE '^warning: the compiler differs|^readelf: Warning' || :
}

# In words for `tap`: what gave no verdict, and its exit status (1).
broken()
{
	printf '%s\n' "# rig: begin $1" "# rig: end ${2-1}"
}

# What guests are made of and what runs them, besides kernel, module and programs.
guest_files=("$rig"/{boot,init,as-user,lib.sh,tap})

# kept_device_tests NAME LOGDIR - the device tests on $kernel, which is in $dir, with
# $module and $programs.  A few at a time, whose results are kept together.
kept_device_tests()
{
	local names name files

	while read -r -a names; do
		files=("$dir/vmlinuz" "$module" "${guest_files[@]}" "$rig/guest-tests")
		[[ ! -e $dir/cmdline ]] || files+=("$dir/cmdline")
		for name in "${names[@]}"; do
			files+=("$top/selftests/device/$name.c" "$programs/$name")
			[[ ! -e $programs/$name.32 ]] || files+=("$programs/$name.32")
		done
		"$rig/kept" "$1: ${names[*]}" "$2/device-${names[0]}.out" \
			"${files[@]}" -- "$rig/check-device" --kernel "$kernel" --log "$2/${names[0]}" "${names[@]}" \
			</dev/null
	done < <(basename -s .c "$top"/selftests/device/*.c | xargs -n 6)
}
