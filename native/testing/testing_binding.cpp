#include "testing/testing_binding.h"

#include <string>

#include "node/connection.h"
#include "sqlite3.h"
#include "testing/allocation_faults.h"
#include "testing/crash_report.h"
#include "testing/fault_vfs.h"

namespace rowtap::testing {
namespace {

void ThrowTypeError(Napi::Env env, const std::string& message) {
  Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
}

void ThrowSqlite(Napi::Env env, int code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("resultCode", Napi::Number::New(env, code));
  error.ThrowAsJavaScriptException();
}

void InstallFaultVfsMethod(const Napi::CallbackInfo& info) {
  const int code = InstallFaultVfs();
  if (code != SQLITE_OK) ThrowSqlite(info.Env(), code, sqlite3_errstr(code));
}

// False: thrown.
bool ParseNames(Napi::Env env, const Napi::Value& file, const Napi::Value& operation, Fault* fault) {
  if (!ParseFileKind(file.As<Napi::String>(), &fault->file.emplace())) {
    ThrowTypeError(env, "no such kind of file");
    return false;
  }
  if (!ParseFileOperation(operation.As<Napi::String>(), &fault->operation.emplace())) {
    ThrowTypeError(env, "no such operation");
    return false;
  }
  return true;
}

// The first three arguments, which say where it strikes. False: thrown.
bool ParseFault(const Napi::CallbackInfo& info, Fault* fault) {
  fault->passes_left = info[2].As<Napi::Number>().Int64Value();
  return ParseNames(info.Env(), info[0], info[1], fault);
}

// fail(file, operation, passes, code, isPersistent, effect)
void Fail(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() != 6 || !info[0].IsString() || !info[1].IsString() || !info[2].IsNumber() || !info[3].IsNumber() ||
      !info[4].IsBoolean() || !info[5].IsNumber()) {
    return ThrowTypeError(env, "fail(file, operation, passes, code, isPersistent, effect)");
  }
  Fault fault{};
  if (!ParseFault(info, &fault)) return;
  if (!CanFail(*fault.operation)) return ThrowTypeError(env, "SQLite would not notice that it failed");
  fault.code = info[3].As<Napi::Number>().Int32Value();
  fault.is_persistent = info[4].As<Napi::Boolean>();
  fault.effect = static_cast<Effect>(info[5].As<Napi::Number>().Int32Value());
  AddFault(fault);
}

// kill(file, operation, passes, effect)
void KillAt(const Napi::CallbackInfo& info) {
  if (info.Length() != 4 || !info[0].IsString() || !info[1].IsString() || !info[2].IsNumber() || !info[3].IsNumber()) {
    return ThrowTypeError(info.Env(), "kill(file, operation, passes, effect)");
  }
  Fault fault{};
  if (!ParseFault(info, &fault)) return;
  fault.effect = static_cast<Effect>(info[3].As<Napi::Number>().Int32Value());
  fault.outcome = Outcome::kKill;
  AddFault(fault);
}

// startLosing(isEverythingLost, sectorBytes, seed)
void StartLosingMethod(const Napi::CallbackInfo& info) {
  const int64_t sector_bytes = info[1].IsNumber() ? info[1].As<Napi::Number>().Int64Value() : 0;
  if (info.Length() != 3 || !info[0].IsBoolean() || (sector_bytes != 512 && sector_bytes != 4096) || !info[2].IsNumber()) {
    return ThrowTypeError(info.Env(), "startLosing(isEverythingLost, 512 or 4096, seed)");
  }
  const Loss loss = info[0].As<Napi::Boolean>() ? Loss::kAll : Loss::kSome;
  StartLosing(loss, static_cast<int>(sector_bytes), static_cast<uint64_t>(info[2].As<Napi::Number>().Int64Value()));
}

// cutPowerAt(passes, effect): at any operation by which a file on the disk changes; cutPowerAt(passes, effect, file, operation): at such a
// one.
void CutPowerAt(const Napi::CallbackInfo& info) {
  const bool is_named = info.Length() == 4 && info[2].IsString() && info[3].IsString();
  if ((info.Length() != 2 && !is_named) || !info[0].IsNumber() || !info[1].IsNumber()) {
    return ThrowTypeError(info.Env(), "cutPowerAt(passes, effect) or cutPowerAt(passes, effect, file, operation)");
  }
  Fault fault{};
  if (is_named && !ParseNames(info.Env(), info[2], info[3], &fault)) return;
  fault.passes_left = info[0].As<Napi::Number>().Int64Value();
  fault.effect = static_cast<Effect>(info[1].As<Napi::Number>().Int32Value());
  fault.outcome = Outcome::kPowerCut;
  AddFault(fault);
}

void CutPowerMethod(const Napi::CallbackInfo&) {
  CutPower();
}

void Clear(const Napi::CallbackInfo&) {
  ClearFaults();
}

Napi::Value Counts(const Napi::CallbackInfo& info) {
  Napi::Object counts = Napi::Object::New(info.Env());
  for (const auto& [name, count] : CountOperations()) counts.Set(name, Napi::Number::New(info.Env(), static_cast<double>(count)));
  return counts;
}

// failAllocation(passes, isPersistent)
void FailAllocationMethod(const Napi::CallbackInfo& info) {
  if (info.Length() != 2 || !info[0].IsNumber() || !info[1].IsBoolean()) {
    return ThrowTypeError(info.Env(), "failAllocation(passes, isPersistent)");
  }
  FailAllocation(info[0].As<Napi::Number>().Int64Value(), info[1].As<Napi::Boolean>());
}

void ClearAllocations(const Napi::CallbackInfo&) {
  ClearAllocationFaults();
}

Napi::Value Allocations(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const AllocationCounts counts = CountAllocations();
  Napi::Object result = Napi::Object::New(env);
  result.Set("asked", Napi::Number::New(env, static_cast<double>(counts.asked)));
  result.Set("refused", Napi::Number::New(env, static_cast<double>(counts.refused)));
  result.Set("held", Napi::Number::New(env, static_cast<double>(counts.held)));
  return result;
}

// allocateSingly(connection): without the memory that a connection keeps ready for small things, so that each of them is allocated.
void AllocateSingly(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() != 1) return ThrowTypeError(env, "allocateSingly(connection)");
  node::Connection* connection = node::Connection::Unwrap(env, info[0]);
  if (connection == nullptr) return;
  sqlite3* db = connection->borrowed_db();
  if (db == nullptr) return ThrowTypeError(env, "the connection is closed");
  const int code = sqlite3_db_config(db, SQLITE_DBCONFIG_LOOKASIDE, nullptr, 0, 0);
  if (code != SQLITE_OK) ThrowSqlite(env, code, sqlite3_errstr(code));
}

// blobWrite(connection, table, column, rowid, bytes): overwrites the start of a blob in place.
void BlobWrite(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() != 5 || !info[1].IsString() || !info[2].IsString() || !info[3].IsNumber() || !info[4].IsBuffer()) {
    return ThrowTypeError(env, "blobWrite(connection, table, column, rowid, bytes)");
  }
  node::Connection* connection = node::Connection::Unwrap(env, info[0]);
  if (connection == nullptr) return;
  sqlite3* db = connection->borrowed_db();
  if (db == nullptr) return ThrowTypeError(env, "the connection is closed");
  const std::string table = info[1].As<Napi::String>();
  const std::string column = info[2].As<Napi::String>();
  const auto bytes = info[4].As<Napi::Buffer<uint8_t>>();
  sqlite3_blob* blob = nullptr;
  int code = sqlite3_blob_open(db, "main", table.c_str(), column.c_str(), info[3].As<Napi::Number>().Int64Value(), 1, &blob);
  if (code == SQLITE_OK) code = sqlite3_blob_write(blob, bytes.Data(), static_cast<int>(bytes.Length()), 0);
  const std::string message = code == SQLITE_OK ? "" : sqlite3_errmsg(db);
  // Closing may be what commits.
  const int close_code = sqlite3_blob_close(blob);
  if (code != SQLITE_OK) return ThrowSqlite(env, code, message);
  if (close_code != SQLITE_OK) ThrowSqlite(env, close_code, sqlite3_errmsg(db));
}

}  // namespace

void InitTesting(Napi::Env env, Napi::Object exports) {
  InstallCrashReport();
  Napi::Object testing = Napi::Object::New(env);
  testing.Set("installFaultVfs", Napi::Function::New(env, InstallFaultVfsMethod));
  testing.Set("fail", Napi::Function::New(env, Fail));
  testing.Set("kill", Napi::Function::New(env, KillAt));
  testing.Set("startLosing", Napi::Function::New(env, StartLosingMethod));
  testing.Set("cutPowerAt", Napi::Function::New(env, CutPowerAt));
  testing.Set("cutPower", Napi::Function::New(env, CutPowerMethod));
  testing.Set("clear", Napi::Function::New(env, Clear));
  testing.Set("counts", Napi::Function::New(env, Counts));
  testing.Set("failAllocation", Napi::Function::New(env, FailAllocationMethod));
  testing.Set("clearAllocations", Napi::Function::New(env, ClearAllocations));
  testing.Set("allocations", Napi::Function::New(env, Allocations));
  testing.Set("allocateSingly", Napi::Function::New(env, AllocateSingly));
  testing.Set("blobWrite", Napi::Function::New(env, BlobWrite));
  exports.Set("testing", testing);
}

}  // namespace rowtap::testing
