#include "node/environment.h"

#include <algorithm>
#include <utility>

#include "node/connection.h"
#include "node/statement.h"

namespace rowtap::node {

// Place 0 stays empty, so that 0 is no statement's id.
WriterEnvironment::WriterEnvironment(napi_env env) : env_(env), wake_(WakeState::Of(env)), statements_(1) {}
WriterEnvironment::~WriterEnvironment() = default;

std::shared_ptr<WriterEnvironment> WriterEnvironment::Create(napi_env env) {
  auto environment = std::make_shared<WriterEnvironment>(env);
  if (!environment->page_.Open(env)) return nullptr;
  // The hook owns one share, so that the pointer which callbacks are given as their data is good for as long as JavaScript runs.
  auto* holder = new std::shared_ptr<WriterEnvironment>(environment);
  if (napi_add_env_cleanup_hook(env, CleanUp, holder) != napi_ok) {
    delete holder;
    return nullptr;
  }
  return environment;
}

void WriterEnvironment::CleanUp(void* holder) {
  std::unique_ptr<std::shared_ptr<WriterEnvironment>> owned(static_cast<std::shared_ptr<WriterEnvironment>*>(holder));
  WriterEnvironment& environment = **owned;
  // Closing takes the connection out of the set.
  const std::vector<Connection*> connections(environment.open_connections_.begin(), environment.open_connections_.end());
  for (Connection* connection : connections) connection->CloseAtExit();
  // One that is left is being used: see Connection::CloseAtExit.
  if (environment.open_connections_.empty()) {
    environment.statements_.clear();
  } else {
    for (StatementPlace& place : environment.statements_) static_cast<void>(place.statement.release());
  }
  environment.page_.Close(environment.env_);
  if (environment.sqlite_error_ != nullptr) napi_delete_reference(environment.env_, environment.sqlite_error_);
  environment.sqlite_error_ = nullptr;
}

std::unique_ptr<RowStaging> WriterEnvironment::TakeStaging() {
  if (stagings_.empty()) return std::make_unique<RowStaging>();
  std::unique_ptr<RowStaging> staging = std::move(stagings_.back());
  stagings_.pop_back();
  return staging;
}

void WriterEnvironment::ReturnStaging(std::unique_ptr<RowStaging> staging) {
  staging->Clear();
  stagings_.push_back(std::move(staging));
}

void WriterEnvironment::SetSqliteError(napi_value constructor) {
  if (sqlite_error_ != nullptr) napi_delete_reference(env_, sqlite_error_);
  sqlite_error_ = nullptr;
  napi_create_reference(env_, constructor, 1, &sqlite_error_);
}

napi_value WriterEnvironment::SqliteError() const {
  napi_value constructor = nullptr;
  if (sqlite_error_ != nullptr) napi_get_reference_value(env_, sqlite_error_, &constructor);
  return constructor;
}

uint32_t WriterEnvironment::AddStatement(std::unique_ptr<Statement> statement) {
  if (statements_.size() - free_places_.size() > next_drop_) DropCollectedStatements();
  uint32_t at;
  if (free_places_.empty()) {
    if (statements_.size() > kPlaceMask) return 0;
    at = static_cast<uint32_t>(statements_.size());
    statements_.emplace_back().id = at;
  } else {
    at = free_places_.back();
    free_places_.pop_back();
  }
  statements_[at].statement = std::move(statement);
  return statements_[at].id;
}

void WriterEnvironment::DropCollectedStatements() {
  for (uint32_t at = 1; at < statements_.size(); at++) {
    StatementPlace& place = statements_[at];
    if (place.statement == nullptr || !place.statement->IsCollected()) continue;
    place.statement.reset();
    place.id = (place.id + kUseStep) & kIdMask;
    free_places_.push_back(at);
  }
  // As many again before the next search, so that it costs each statement the same.
  const size_t kept = statements_.size() - free_places_.size();
  next_drop_ = kept + std::max(kStatementsBeforeDrop, kept);
}

}  // namespace rowtap::node
