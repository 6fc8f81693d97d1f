# The front door: short names for what people do here. The build itself is CMakeLists.txt.
# SPDX-License-Identifier: MIT
.DEFAULT_GOAL := build
.PHONY: build demo test check nightly fuzz fuzz-minimise bench format clean help bootstrap
MAKEFLAGS += --no-print-directory
JOBS ?= 2
export JOBS

build: bootstrap  ## build everything; the programs are in build/bin/
	@tools/build release

demo: build  ## show, with the real programs, what the project does so far
	@tools/demo

test: bootstrap  ## build and run every test: plain, under sanitizers, fuzz targets 5 s each
	@tools/test

check: build  ## layers, style, symbols, format, linters
	@tools/check

nightly: bootstrap check  ## check, and test with SEV_NIGHTLY=1 and fuzz targets 10 minutes each
	@SEV_NIGHTLY=1 SEV_FUZZ_SECONDS=600 tools/test

fuzz: bootstrap  ## fuzz one target: make fuzz T=json SECONDS=60; keeps corpus/json
	@tools/build fuzz fuzz_targets
	@tools/fuzz run "$(T)" "$(or $(SECONDS),60)"

fuzz-minimise: bootstrap  ## put the useful part of corpus/T into tests/fuzz/seeds/T
	@tools/build fuzz fuzz_targets
	@tools/fuzz minimise "$(T)"

bench: build  ## time the project against its goals; table, and lines in build/bench.jsonl
	@tools/bench

format:  ## clang-format every C file in place
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs -r clang-format -i

clean:  ## remove build/; corpora and seeds stay
	rm -rf build

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 22

bootstrap:
	@tools/bootstrap
