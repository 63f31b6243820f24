# Everyday commands; .ci/run calls the same ones.
#
#   make demo        install what is missing, build, run the examples on two workers
#   make test        the whole everyday test suite
#   make test-full   also LAMMPS against its native build, HPCC, faults, fuzz, and all of MPICH's tests
#   make lint        formatting, clippy, documentation
#   make bench       side by side with Open MPI and native code, as ratios
#   make lammps      build LAMMPS for Wasm and natively, compare their answers
#   make faults      break network and processes of a cluster under all collectives (root)
#   make fuzz        call every MPI function with random arguments, for an hour of CPU,
#                    on a build with the address sanitizer, and then on this one
#   make hpcc        build the HPC Challenge for Wasm, check its results

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

# A target folder outside the clone survives it: set CARGO_TARGET_DIR to use one.
export CARGO_TARGET_DIR ?= $(CURDIR)/target

# The LLVM tier is on wherever LLVM 22 is installed; looked for at each use, because
# the first `make demo` installs it.
export LLVM_SYS_221_PREFIX := /usr/lib/llvm-22
FEATURES = $(if $(shell ls -d $(LLVM_SYS_221_PREFIX) 2>/dev/null),--features llvm)

CARGO_FLAGS = --release --locked $(FEATURES)
FAABRIC := $(CARGO_TARGET_DIR)/release/faabric
export FAABRIC
OUT := $(CARGO_TARGET_DIR)/guest

.PHONY: setup build sdk demo test test-full lint bench lammps hpcc faults fuzz mpich-tests clean

setup:
	@scripts/setup

build: setup
	cargo build $(CARGO_FLAGS)

# The guest SDK is built once and cached (~/.cache/faabric, or FAABRIC_CACHE).
sdk: build
	@$(FAABRIC) cc --print-sysroot > /dev/null

demo: sdk
	@mkdir -p $(OUT)
	$(FAABRIC) cc -O3 -o $(OUT)/heat.wasm examples/heat.c -lm
	$(FAABRIC) c++ -O3 -o $(OUT)/pi.wasm examples/pi.cpp
	$(FAABRIC) run -n 4 --workers 2 $(OUT)/pi.wasm
	$(FAABRIC) run -n 4 --workers 2 $(OUT)/heat.wasm 512 1000

test: sdk
	cargo nextest run --workspace $(CARGO_FLAGS) $(NEXTEST_FLAGS)
	scripts/fuzz-abi --seconds 20 --seed 1

test-full: test lammps hpcc faults fuzz mpich-tests

lint: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets $(CARGO_FLAGS) -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --workspace --no-deps --quiet $(CARGO_FLAGS)
	scripts/check-docs

bench: sdk
	@scripts/setup --bench
	bench/run

lammps: sdk
	@scripts/setup --bench
	scripts/compare-lammps

hpcc: sdk
	@scripts/setup --bench
	scripts/hpcc

faults: sdk
	@scripts/setup --bench
	scripts/faults

# The sanitizer sees Rust's part and the C of its dependencies, not what LLVM compiles to:
# guests run by Cranelift. It is an option of the compiler's that only nightly builds admit to.
# It leaves stacks alone (-asan-stack=0): a trap leaves a guest's without unwinding, and the
# sanitizer, which does not know that stack, would take what lay there for being there still.
# It also leaves signal stacks alone: wasmer gives each thread one of its own, and the sanitizer
# would unmap that in place of the one it made, under whatever is mapped there next.
# Of freed memory it keeps less than its default of a quarter of a gigabyte. It says in the end
# what nobody holds any more; that nothing else piles up shows on the ordinary build.
SANITIZED := $(CARGO_TARGET_DIR)/sanitized
HOST = $(shell rustc -vV | sed -n 's/host: //p')
FUZZ_SECONDS ?= 3600
fuzz: sdk
	RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$(SANITIZED) \
	RUSTFLAGS="-Zsanitizer=address -Cforce-frame-pointers=yes -Cllvm-args=-asan-stack=0" \
	CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true \
	CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true cargo build --release --locked --target $(HOST)
	ASAN_OPTIONS=use_sigaltstack=0:quarantine_size_mb=32 FAABRIC=$(SANITIZED)/$(HOST)/release/faabric \
	scripts/fuzz-abi --cpu-seconds $(FUZZ_SECONDS) --jobs 8
	scripts/fuzz-abi --cpu-seconds $$(($(FUZZ_SECONDS) / 6)) --jobs 4

mpich-tests: sdk
	@scripts/setup --bench
	scripts/mpich-tests --peer mpich --limit 20
	scripts/mpich-tests
	scripts/mpich-tests --workers 2

clean:
	cargo clean
