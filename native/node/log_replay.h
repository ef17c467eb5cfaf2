// capture::LogReplay for JavaScript.
#pragma once

#include <napi.h>

namespace rowtap::node {

// Registers openLogReplay.
void InitLogReplay(Napi::Env env, Napi::Object exports);

}  // namespace rowtap::node
