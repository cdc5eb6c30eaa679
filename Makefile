# SPDX-License-Identifier: GPL-2.0-only
# See `make help`.  The kernel's build system reads Kbuild instead.

VERSION	:= $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
KDIR	?= /lib/modules/$(shell uname -r)/build
PREFIX	?= /usr/local
UDEVDIR	?= $(PREFIX)/lib/udev/rules.d
LOADDIR	?= $(PREFIX)/lib/modules-load.d
INSTALL	?= install

rig	:= selftests/rig
# So that the library's makefile has the same version and paths.
userlib	:= $(MAKE) -C userlib VERSION=$(VERSION) PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)

all: library benches modules

help:
	@echo 'make                  the library, the benches, and the module for KDIR'
	@echo '                      ($(KDIR))'
	@echo 'make modules          the module alone, into build/modules/'
	@echo 'make library          the library alone, into userlib/build/'
	@echo 'make demo             watch processes pass a file through a ring [INPUT=file]'
	@echo 'make check            the tests, on Debian 12 and its kernel; installs what it needs'
	@echo '                      [SUITES="library device ..."]'
	@echo 'make check-fresh      demo and check of the last commit in a Debian that has'
	@echo '                      nothing installed (as root)'
	@echo 'make check-kernels    the module and its tests on more kernels of Debian'
	@echo '                      [KERNELS="6.1 6.12 newest arm64"] (as root)'
	@echo 'make check-static     what every checker of sources has to say: nothing'
	@echo 'make check-crash      a thousand deaths, and a report'
	@echo 'make check-fuzz       fuzz the library and the module [FUZZ_SECONDS=45 SEED=]'
	@echo 'make check-sanitizers the tests in kernels that find bugs by themselves, and with'
	@echo '                      memory that fails [SANITIZERS="debug kcsan"]'
	@echo 'make check-coverage   what of the module and the library the tests reach'
	@echo 'make soak             an hour of rings and deaths, and a report [SOAK_MINUTES=60]'
	@echo 'make bench            ours beside others and the limits, in a few minutes'
	@echo '                      [BENCH="--only OneToOne --rounds 20 ..."]'
	@echo 'make bench-record     the whole of it, to be kept in userlib/bench/results/ [RECORD=name]'
	@echo 'make bench-device     the module at full speed, in a kernel that is a program'
	@echo 'make install          library, headers, benches, manuals, udev rule [PREFIX= DESTDIR=]'
	@echo 'make dkms-install     the module, for every kernel to come, loaded at boot'
	@echo 'make uninstall, make dkms-uninstall, make clean'

library:
	+$(userlib)

benches: library
	$(MAKE) -C userlib/bench

# Not `make kernelrelease`, which is another number in Debian's headers.
release	= $(shell sed -n 's/^.define UTS_RELEASE "\(.*\)"/\1/p' $(utsrelease) 2>/dev/null)
utsrelease = $(KDIR)/include/generated/utsrelease.h
objects	= $(CURDIR)/build/modules/$(release)

# Every kernel's objects have a directory of their own, made of links to the
# sources: kernels before 6.13 write objects beside the source.  Two makes at
# once, as when tests are run by hand, take turns.
modules:
	@test -e $(utsrelease) || { \
		echo "No kernel headers at $(KDIR): set KDIR=, or apt-get install linux-headers-..."; \
		exit 1; }
	@mkdir -p $(objects)
	@flock $(objects) sh -e -c '\
		cp -rsf $(addprefix $(CURDIR)/,$(sources)) $(objects)/; \
		$(MAKE) --no-print-directory -C $(KDIR) M=$(objects) modules'

check:
	@$(rig)/check $(SUITES)

check-kernels:
	@KERNELS='$(KERNELS)' $(rig)/check kernels

check-static:
	@$(rig)/check static

# Kill at every point of the protocol, and a thousand times at random.
check-crash:
	@$(rig)/check-crash

# Hostile calls, pages and maps; what is found is kept in build/check/fuzz.
check-fuzz:
	@$(rig)/check fuzz

# KASAN, lockdep, kmemleak and others, KCSAN, faults at every site; planted bugs, too.
check-sanitizers:
	@SANITIZERS='$(SANITIZERS)' $(rig)/check sanitizers

# The report is in build/check/coverage.
check-coverage:
	@$(rig)/check coverage

# The report is in build/soak; the one that is kept, selftests/soak.md.
soak:
	@SOAK_MINUTES='$(SOAK_MINUTES)' $(rig)/soak

check-fresh:
	@$(rig)/fresh

demo:
	@userlib/examples/demo/run

# Who passes events how fast, in a few minutes, and what waiting costs: see
# userlib/bench/README.md.
bench:
	@userlib/bench/run $(BENCH)

# Likewise, as long as it takes for figures to be kept: userlib/bench/results/.
bench-record:
	@userlib/bench/record $(RECORD)

# The module's ring at this machine's own speed, without loading the module here.
bench-device:
	@userlib/bench/run-device $(BENCH)

install: library benches
	+$(userlib) install
	$(MAKE) -C userlib/bench PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) install
	$(INSTALL) -d $(DESTDIR)$(UDEVDIR)
	$(INSTALL) -m 644 kmod/60-disruptor.rules $(DESTDIR)$(UDEVDIR)
	$(if $(DESTDIR),,-! command -v udevadm >/dev/null || udevadm control --reload)

uninstall:
	+$(userlib) uninstall
	$(MAKE) -C userlib/bench PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) uninstall
	rm -f $(DESTDIR)$(UDEVDIR)/60-disruptor.rules

# What a module is built from, and where DKMS keeps it.
sources	:= Kbuild dkms.conf kmod uapi
DKMS	?= dkms
DKMSSRC	?= /usr/src
dkmsdir	:= $(DKMSSRC)/disruptor-$(VERSION)

dkms-install: dkms-uninstall
	$(INSTALL) -d $(dkmsdir)
	cp -r $(sources) $(dkmsdir)
	$(DKMS) add disruptor/$(VERSION)
	$(DKMS) build disruptor/$(VERSION)
	$(DKMS) install disruptor/$(VERSION)
	$(INSTALL) -d $(DESTDIR)$(LOADDIR)
	$(INSTALL) -m 644 kmod/disruptor.conf $(DESTDIR)$(LOADDIR)

dkms-uninstall:
	test -z "$$($(DKMS) status disruptor/$(VERSION))" || \
		$(DKMS) remove disruptor/$(VERSION) --all
	rm -rf $(dkmsdir)
	rm -f $(DESTDIR)$(LOADDIR)/disruptor.conf

clean:
	$(MAKE) -C userlib clean
	$(MAKE) -C userlib/examples clean
	$(MAKE) -C userlib/bench clean
	rm -rf build selftests/library/build selftests/bench/build

.PHONY: all help library benches modules check check-kernels check-static check-crash check-fuzz \
	check-sanitizers check-coverage check-fresh soak demo \
	bench bench-device bench-record install uninstall \
	dkms-install dkms-uninstall clean
