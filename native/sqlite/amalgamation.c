// SQLite itself, compiled as a part of this file so that a handful of questions can be answered from its structures. deps/sqlite3 holds
// the unmodified source; options.h says with which options and why. The structures are in no header, so the answers are parts of this file
// too: a file in internals/ for each subject. None of them is compiled by itself.
#include "options.h"

#include "sqlite3.c"

#include "internals.h"

// The others may ask what main's file is.
#include "sqlite/internals/file.c"

#include "sqlite/internals/changes.c"
#include "sqlite/internals/commits.c"
#include "sqlite/internals/content.c"
#include "sqlite/internals/rows.c"
#include "sqlite/internals/statements.c"
#include "sqlite/internals/tables.c"
#include "sqlite/internals/transactions.c"
