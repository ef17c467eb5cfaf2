// What the test build of the addon offers on top: `exports.testing`.
#pragma once

#include <napi.h>

namespace rowtap::testing {

void InitTesting(Napi::Env env, Napi::Object exports);

}  // namespace rowtap::testing
