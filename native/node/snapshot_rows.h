// The rows of a table as of an open read transaction, for JavaScript.
#pragma once

#include <napi.h>

namespace rowtap::node {

// Registers openSnapshotRows.
void InitSnapshotRows(Napi::Env env, Napi::Object exports);

}  // namespace rowtap::node
