# SPDX-License-Identifier: GPL-2.0-only
# See `make help`.

KDIR ?= /lib/modules/$(shell uname -r)/build
# Not `make kernelrelease`, which is another number in Debian's headers.
KREL = $(shell sed -n 's/^.define UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h)

# Every kernel's objects have a directory of their own, made of links to the
# sources: kernels before 6.13 write objects beside the source.
modules:
	@mkdir -p build/modules/$(KREL)
	@cp -rsf --remove-destination $(CURDIR)/Kbuild $(CURDIR)/kmod $(CURDIR)/uapi build/modules/$(KREL)/
	@flock build/modules/$(KREL) $(MAKE) --no-print-directory -C $(KDIR) M=$(CURDIR)/build/modules/$(KREL) modules

.PHONY: modules
