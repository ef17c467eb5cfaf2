// The hub, its readers and batches, for JavaScript.
#pragma once

#include <napi.h>

#include <memory>

#include "capture/hub.h"
#include "capture/reader.h"

namespace rowtap::node {

// Registers hubOf and frameLayout.
void InitHub(Napi::Env env, Napi::Object exports);

// The hub behind a NativeHub object; throws a TypeError and returns null for anything else. Null without an
// exception while the thread is being terminated.
std::shared_ptr<capture::Hub> UnwrapHub(Napi::Env env, Napi::Value value);

// The reader behind a NativeReader object; throws a TypeError and returns null for anything else. Null without an
// exception while the thread is being terminated.
std::shared_ptr<capture::Reader> UnwrapReader(Napi::Env env, Napi::Value value);

// The memory of a Uint8Array argument; throws a TypeError and returns false for anything else.
bool UnwrapBytes(Napi::Env env, Napi::Value value, uint8_t*& bytes, size_t& size);

}  // namespace rowtap::node
