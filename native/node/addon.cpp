// The addon: registers what each file of this folder offers to JavaScript.
#include <napi.h>

#include "capture/self_check.h"
#include "node/backup.h"
#include "node/connection.h"
#include "node/environment.h"
#include "node/errors.h"
#include "node/hub.h"
#include "node/log_replay.h"
#include "node/result_page.h"
#include "node/snapshot_rows.h"
#include "node/source.h"
#include "node/statement.h"
#include "node/wake.h"
#include "sqlite3.h"
#ifdef ROWTAP_TESTING
#include "testing/testing_binding.h"
#endif

namespace rowtap::node {

namespace {

Napi::Value SetSqliteError(const Napi::CallbackInfo& info) {
  if (info.Length() < 1 || !info[0].IsFunction()) {
    Napi::TypeError::New(info.Env(), "Expected setSqliteError(constructor)").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  static_cast<WriterEnvironment*>(info.Data())->SetSqliteError(info[0]);
  return info.Env().Undefined();
}

// Throws and returns false where this SQLite cannot be captured as this addon does it.
bool RequireCapture(Napi::Env env) {
#ifndef ROWTAP_NO_CAPTURE
  // Once in a process, however many workers load the addon.
  static const std::string difference = capture::SelfCheck();
  if (!difference.empty()) {
    const std::string message = "rowtap does not load: its SQLite does not do what capturing needs (" + difference +
                                "). Build the addon from rowtap's own sources, with native/sqlite/options.h";
    Napi::Error error = Napi::Error::New(env, message);
    error.Set("code", "ROWTAP_NO_PREUPDATE_HOOK");
    error.ThrowAsJavaScriptException();
    return false;
  }
#endif
  return true;
}

}  // namespace

Napi::Object InitAddon(Napi::Env env, Napi::Object exports) {
  if (!RequireCapture(env)) return exports;
  const std::shared_ptr<WriterEnvironment> environment = WriterEnvironment::Create(env);
  if (environment == nullptr || !Connection::Init(env, exports, *environment) || !Backup::Init(env, exports, *environment) ||
      !Statement::Init(env, exports, *environment)) {
    ThrowUnlessPending(env, "rowtap's addon could not be initialized: out of memory");
    return exports;
  }
  exports.Set("setSqliteError", Napi::Function::New(env, SetSqliteError, "setSqliteError", environment.get()));
  exports.Set("resultPage", environment->page().Buffer(env));
  exports.Set("resultLayout", DescribeResultLayout(env));
  exports.Set("sqliteVersion", sqlite3_libversion());
  InitWake(env, exports);
  InitHub(env, exports);
  InitSource(env, exports);
  InitLogReplay(env, exports);
  InitSnapshotRows(env, exports);
#ifdef ROWTAP_TESTING
  testing::InitTesting(env, exports);
#endif
  return exports;
}

}  // namespace rowtap::node

// The macro makes a name of what it is given.
using rowtap::node::InitAddon;
NODE_API_MODULE(rowtap, InitAddon)
