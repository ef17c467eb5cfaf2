// How SQLite is compiled: the one list, for node-gyp, CMake, and the test that compares it with PRAGMA compile_options. The builds include
// this file ahead of every C and C++ source, because sqlite3.h too declares some functions only where an option asks for them.
//
// Apart from the last group the options are those that better-sqlite3 12 is built with, so that an application which moves between the
// two finds the same SQL. Each is explained at https://www.sqlite.org/compile.html where no other page is named.
#ifndef ROWTAP_NATIVE_SQLITE_OPTIONS_H_
#define ROWTAP_NATIVE_SQLITE_OPTIONS_H_

// --- The compiler and the system have these; without a configure script SQLite would not know.

#define HAVE_INT8_T 1
#define HAVE_INT16_T 1
#define HAVE_INT32_T 1
#define HAVE_UINT8_T 1
#define HAVE_UINT16_T 1
#define HAVE_UINT32_T 1
#define HAVE_STDINT_H 1
// The busy handler sleeps for milliseconds; without usleep it would sleep for whole seconds.
#define HAVE_USLEEP 1

// --- How it runs.

// One connection is used by one thread at a time (a worker opens its own), so connections need no mutex, while the library still does.
#define SQLITE_THREADSAFE 2
// Keeps no statistics of memory use: they would cost a global mutex on every allocation.
#define SQLITE_DEFAULT_MEMSTATUS 0
// 16 MB of pages for each connection, in KiB because negative; SQLite's own 2 MB is made for smaller machines.
#define SQLITE_DEFAULT_CACHE_SIZE -16000
// Foreign keys hold unless a program turns them off.
#define SQLITE_DEFAULT_FOREIGN_KEYS 1
// In WAL mode a commit does not wait for the disk: a power cut may cost the last commits, never consistency.
#define SQLITE_DEFAULT_WAL_SYNCHRONOUS 1
// A misspelt "column" in double quotes is an error instead of silently being a string.
#define SQLITE_DQS 0
// LIKE and GLOB never look inside a blob, so that they can use an index on a column that may hold blobs.
#define SQLITE_LIKE_DOESNT_MATCH_BLOBS 1
// A file named "file:..." is that file, as it is for the rest of a Node program.
#define SQLITE_USE_URI 0
// No more than 32 bytes of each bound value stand in SQL expanded for tracing.
#define SQLITE_TRACE_SIZE_LIMIT 32

// --- What it offers.

// Statement#columns() names the table and the column that a result comes from.
#define SQLITE_ENABLE_COLUMN_METADATA 1
// The virtual table dbstat: the pages that each table and index takes.
#define SQLITE_ENABLE_DBSTAT_VTAB 1
// Serializing a database to memory, and opening one from there.
#define SQLITE_ENABLE_DESERIALIZE 1
// Full-text search; FTS3 and FTS4 for the databases that have such tables already, with AND and NOT in their queries.
#define SQLITE_ENABLE_FTS3 1
#define SQLITE_ENABLE_FTS3_PARENTHESIS 1
#define SQLITE_ENABLE_FTS4 1
#define SQLITE_ENABLE_FTS5 1
// Polygons in an R-Tree.
#define SQLITE_ENABLE_GEOPOLY 1
// The JSON functions; since SQLite 3.38 without effect, kept so that the list compares equal.
#define SQLITE_ENABLE_JSON1 1
// sqrt(), ln(), sin() and their like.
#define SQLITE_ENABLE_MATH_FUNCTIONS 1
// median() and percentile().
#define SQLITE_ENABLE_PERCENTILE 1
// Ranges in several dimensions.
#define SQLITE_ENABLE_RTREE 1
// ANALYZE keeps histograms, so that the planner knows about uneven data.
#define SQLITE_ENABLE_STAT4 1
// ORDER BY and LIMIT in UPDATE and DELETE. The amalgamation's parser was generated for them, see deps/fetch-sources.mjs.
#define SQLITE_ENABLE_UPDATE_DELETE_LIMIT 1
// soundex().
#define SQLITE_SOUNDEX 1

// --- What nobody here uses, and which would cost size or a test in a hot loop.

#define SQLITE_OMIT_DEPRECATED 1
#define SQLITE_OMIT_PROGRESS_CALLBACK 1
#define SQLITE_OMIT_SHARED_CACHE 1
#define SQLITE_OMIT_TCL_VARIABLE 1

// --- What rowtap needs.

// Capture: a call for each row before it changes (https://www.sqlite.org/c3ref/preupdate_blobwrite.html). Left out of the build without
// capture, which exists as the base line that the benchmark compares with.
#ifndef ROWTAP_NO_CAPTURE
#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#endif

#endif  // ROWTAP_NATIVE_SQLITE_OPTIONS_H_
