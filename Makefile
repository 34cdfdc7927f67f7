# SPDX-License-Identifier: GPL-2.0
# gmemfs: see README.md, or "make help".
KERNEL ?= 6.12
SUITE ?=
V ?=

# What gets built for the test host, in this order; each has its own Makefile.
COMPONENTS := $(wildcard module lib ctl vmm pager tests/ctl tests/module tests/fuzz tests/guest tests/guard tests/devices \
	tests/libgmem tests/pager tests/provoke tests/vmm tests/vmms tests/emulator demo bench)
COMPONENTS := $(foreach c,$(COMPONENTS),$(if $(wildcard $(c)/Makefile),$(c)))

# With COVERAGE=yes these count which of their lines run, and have no sanitizers: see
# docs/coverage.md.
COUNTED := lib ctl vmm tests/vmm
COUNT := CFLAGS='-O1 -g --coverage -fprofile-update=atomic -fno-builtin-fork' SANITIZE= \
	 COUNTS=$(OUT)/obj/counts.o
ifeq ($(COVERAGE),yes)
COMPONENTS := tests/gcov $(COMPONENTS)
else
COUNT :=
endif

export KERNEL

.PHONY: help
help: ## what you can do here
	@echo 'usage: make TARGET [VARIABLE=value]...'
	@echo
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | \
		awk -F'|' '{ printf "%-12s %s\n", $$1, $$2 }'
	@echo
	@echo 'variables:'
	@echo '  SUITE=name       for test: only the suite tests/name (name/test: only this test)'
	@echo '  KERNEL=6.12      which kernel the test host runs: 6.12, 7.3, 7.2, 6.12-amd64,'
	@echo '                   debug or kcsan'
	@echo '  GMEMFS_CACHE=DIR where the test host is kept, 3 to 11 GB'
	@echo '                   (default: $$XDG_CACHE_HOME/gmemfs)'

.PHONY: demo
demo: ## the main job: hidden guest memory under an unmodified QEMU
	@demo/run

.PHONY: demo-clones
demo-clones: ## ten guests from one, which share its hidden memory
	@demo/clones

.PHONY: test
test: ## all tests, in throwaway hosts
	@tests/run $(SUITE)

.PHONY: test-debug
test-debug: ## the module's tests on a kernel with KASAN, lockdep and the like
	@KERNEL=debug tests/run $(or $(SUITE),debug module guard devices fuzz)

RACES := debug/reports module/churn module/convert module/fork module/pool module/slots module/uring \
	 guard/convert guard/hostile guard/lend guard/outlived devices/hostile fuzz/ioctls fuzz/model

.PHONY: test-races
test-races: ## tests that do many things at once, on a kernel with KCSAN
	@KERNEL=kcsan tests/run $(or $(SUITE),$(RACES))

.PHONY: coverage
coverage: ## which lines the tests run, in build/coverage
	@tests/coverage

.PHONY: test-short
test-short: ## the few tests that catch most, for another KERNEL
	@tests/run --short

.PHONY: test-kernels
test-kernels: ## the short tests on all kernels of Debian's, and the table of docs/kernels.md
	@tests/kernels

.PHONY: bench
bench: ## benchmarks of gmemfs and other kinds of memory, with plots, in build/bench
	@bench/run

.PHONY: check
check: ## checkpatch, sparse, W=1, cppcheck, shellcheck, codespell
	@tests/check/run

.PHONY: shell
shell: ## a shell in a throwaway host with gmemfs mounted
	@hostvm/run --kernel $(KERNEL) --shell

.PHONY: module
module: ## gmemfs.ko for the running kernel
	$(MAKE) -C module

.PHONY: install
install: ## gmemfs.ko into the running kernel's modules
	$(MAKE) -C module install

.PHONY: deb
deb: ## Debian packages, source and binary, in build/deb
	@packaging/deb

.PHONY: dist
dist: ## the sources as a tarball, with its checksum, in build/dist
	@packaging/dist

.PHONY: clean
clean: ## remove what was built here (not the cache)
	rm -rf build
	$(MAKE) -C module clean

# Called by hostvm/ inside the build root: all components into $(OUT). Each host unpacks them, under
# emulation, so programs have only that debug information which names functions and lines in reports.
.PHONY: products
products: export CFLAGS ?= -O2 -g1
products:
	@test -n "$(OUT)" || { echo 'products: give OUT=DIR and KVER=VERSION'; exit 2; }
	@set -e; $(foreach c,$(COMPONENTS), \
		$(MAKE) --no-print-directory -C $(c) products OUT="$(OUT)" KVER="$(KVER)" \
			$(if $(filter $(c),$(COUNTED)),$(COUNT));)
	@cd $(OUT) && mkdir -p coverage && \
		find obj tests -name '*.gcno' -exec cp --parents -t coverage {} +
