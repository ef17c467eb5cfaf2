// The open sources of the process, for JavaScript.
#pragma once

#include <napi.h>

#include <memory>

#include "capture/open_source.h"

namespace rowtap::node {

// Registers openSource, findSource and allSources.
void InitSource(Napi::Env env, Napi::Object exports);

// The source behind a NativeSource object; throws a TypeError and returns null for anything else. Null without an
// exception while the thread is being terminated.
std::shared_ptr<capture::OpenSource> UnwrapSource(Napi::Env env, Napi::Value value);

}  // namespace rowtap::node
