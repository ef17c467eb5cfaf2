// The content of a database as a Buffer.
#pragma once

#include <node_api.h>

namespace rowtap::node {

// The method `serialize` of a connection.
napi_value Serialize(napi_env env, napi_callback_info info);

}  // namespace rowtap::node
