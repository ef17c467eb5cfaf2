// What the writer keeps for one JavaScript environment: the main thread, or one worker.
#pragma once

#include <node_api.h>

#include <memory>
#include <unordered_set>
#include <vector>

#include "node/result_page.h"
#include "node/wake.h"

namespace rowtap::node {

class Connection;
class Statement;

// Lives from the addon's load until the environment's cleanup hook, which closes what is still open. Finalizers run after that hook, so
// connections and statements hold it by shared_ptr. Used on its environment's thread only.
class WriterEnvironment : public std::enable_shared_from_this<WriterEnvironment> {
 public:
  static std::shared_ptr<WriterEnvironment> Create(napi_env env);
  explicit WriterEnvironment(napi_env env);
  ~WriterEnvironment();
  WriterEnvironment(const WriterEnvironment&) = delete;
  WriterEnvironment& operator=(const WriterEnvironment&) = delete;

  napi_env env() const { return env_; }
  ResultPage& page() { return page_; }
  // As the function FlushWake, which has to find the state first.
  void FlushWake() { wake_->Flush(env_); }

  // Rows are gathered here between two calls into SQLite. A run that is begun inside another one's step takes a staging of its own.
  std::unique_ptr<RowStaging> TakeStaging();
  void ReturnStaging(std::unique_ptr<RowStaging> staging);

  void SetSqliteError(napi_value constructor);
  // The registered constructor, or null before it has been.
  napi_value SqliteError() const;

  // JavaScript names a statement by a number, because unwrapping an object takes longer than many a query. A number that is none, or that
  // of a statement which is gone, finds nothing.
  //
  // The table owns the statements. Those whose JavaScript objects have been collected are dropped from time to time when one is added, and
  // not by finalizers: Node runs these between two turns of the event loop only, and a loop that prepares and forgets would fill the memory
  // within one turn. Returns 0 where there are too many.
  uint32_t AddStatement(std::unique_ptr<Statement> statement);
  Statement* FindStatement(uint32_t id) const {
    const uint32_t at = id & kPlaceMask;
    return at < statements_.size() && statements_[at].id == id ? statements_[at].statement.get() : nullptr;
  }

  std::unordered_set<Connection*>& open_connections() { return open_connections_; }
  // Null before the first one, and when it is no more.
  Connection* last_called() const { return last_called_; }
  void set_last_called(Connection* connection) { last_called_ = connection; }

 private:
  // Ids are small integers of V8's: 20 bits for the place, 10 that count how often it has been used.
  static constexpr uint32_t kPlaceMask = (1u << 20) - 1;
  static constexpr uint32_t kUseStep = 1u << 20;
  static constexpr uint32_t kIdMask = (1u << 30) - 1;

  static constexpr size_t kStatementsBeforeDrop = 500;

  struct StatementPlace {
    uint32_t id = 0;
    std::unique_ptr<Statement> statement;
  };

  static void CleanUp(void* holder);
  void DropCollectedStatements();

  napi_env const env_;
  const std::shared_ptr<WakeState> wake_;
  ResultPage page_;
  std::vector<std::unique_ptr<RowStaging>> stagings_;
  napi_ref sqlite_error_ = nullptr;
  std::vector<StatementPlace> statements_;
  std::vector<uint32_t> free_places_;
  size_t next_drop_ = kStatementsBeforeDrop;
  std::unordered_set<Connection*> open_connections_;
  Connection* last_called_ = nullptr;
};

}  // namespace rowtap::node
