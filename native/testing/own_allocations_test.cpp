// Every allocation of our own fails in turn, while statements run and while the log is read: whatever is refused, no change is lost without
// a word.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capture/record.h"
#include "capture/table_scan.h"
#include "testing/captured_database.h"
#include "testing/fault_vfs.h"

namespace {

// What the program's allocator is told. One thread runs.
struct Allocator {
  bool is_armed = false;
  bool strikes_on = false;
  int64_t passes_left = 0;
  int64_t asked = 0;
  int64_t refused = 0;

  bool Refuses() noexcept {
    if (!is_armed) return false;
    asked++;
    const int64_t left = passes_left--;
    if (left > 0 || (left < 0 && !strikes_on)) return false;
    refused++;
    return true;
  }
};
Allocator allocator;

}  // namespace

// The standard library's other forms come here.
void* operator new(std::size_t size) {
  void* memory = allocator.Refuses() ? nullptr : std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace {

using namespace rowtap::testing;
using rowtap::capture::FrameOp;
using rowtap::capture::LogReplay;
using rowtap::capture::ReaderState;

// SQLite's allocations are none of the standard library's, and are not counted.
class Armed {
 public:
  Armed() { allocator.is_armed = true; }
  ~Armed() { allocator.is_armed = false; }
  Armed(const Armed&) = delete;
  Armed& operator=(const Armed&) = delete;
};

struct Script {
  const char* name;
  std::vector<std::string> steps;
};

const std::vector<Script> kScripts = {
    {"rows",
     {"INSERT INTO t VALUES (10, 'ten'), (11, 'eleven')", "UPDATE t SET id = id + 100, a = 'moved' WHERE id = 10", "BEGIN",
      "DELETE FROM t WHERE id < 3", "INSERT OR FAIL INTO t VALUES (20, 1), (21, 2), (11, 3)",
      "INSERT OR REPLACE INTO t VALUES (11, 4), (22, 5)", "COMMIT", "DELETE FROM t"}},
    {"savepoints",
     {"BEGIN", "INSERT INTO t VALUES (10, 1)", "SAVEPOINT a", "UPDATE t SET a = 2", "SAVEPOINT b", "INSERT INTO t VALUES (11, 3), (12, 3)",
      "INSERT INTO t VALUES (13, 3), (1, 3)", "ROLLBACK TO a", "INSERT INTO t VALUES (14, 4)", "RELEASE a", "COMMIT", "SAVEPOINT c",
      "DELETE FROM t WHERE id = 1", "RELEASE c", "BEGIN", "DELETE FROM t", "ROLLBACK"}},
    {"schema",
     {"CREATE TABLE u AS SELECT id, a FROM t", "INSERT INTO u VALUES (9, 'nine')", "BEGIN", "INSERT INTO t VALUES (10, 1)",
      "ALTER TABLE t ADD COLUMN b", "UPDATE t SET b = a", "CREATE TABLE v (x)", "INSERT INTO v SELECT id FROM u", "DROP TABLE u",
      "COMMIT"}},
    {"large",
     {"INSERT INTO t SELECT value, zeroblob(20000) FROM json_each('[20,21,22,23,24,25,26,27,28,29]')", "BEGIN",
      "UPDATE t SET a = zeroblob(100000) WHERE id > 26", "SAVEPOINT s", "UPDATE t SET a = zeroblob(30000)", "ROLLBACK TO s",
      "INSERT INTO t VALUES (40, zeroblob(70000))", "COMMIT", "DELETE FROM t WHERE id > 2"}},
};

using Rows = std::vector<std::vector<std::string>>;

// A record's values as texts. A row stored before a column was added lacks it: NULLs at the end do not count.
std::vector<std::string> ValuesOf(std::string_view record) {
  std::vector<std::string> values;
  rowtap::capture::RecordFields fields({reinterpret_cast<const uint8_t*>(record.data()), record.size()});
  for (rowtap::capture::RecordField field; fields.Next(field);) {
    using Kind = rowtap::capture::RecordField::Kind;
    if (field.kind == Kind::kNull) values.emplace_back();
    if (field.kind == Kind::kInteger) values.push_back(std::to_string(field.integer));
    if (field.kind == Kind::kText || field.kind == Kind::kBlob) {
      values.emplace_back(reinterpret_cast<const char*>(field.bytes.data()), field.bytes.size());
    }
  }
  while (!values.empty() && values.back().empty()) values.pop_back();
  return values;
}

// What the stream alone says that each table holds.
class Mirror {
 public:
  explicit Mirror(rowtap::capture::Hub& hub) : borrowed_hub_(hub) {}

  void Apply(const std::vector<SeenTransaction>& transactions) {
    for (const SeenTransaction& transaction : transactions) {
      for (size_t i = 0; i < transaction.frames.size(); i++) Apply(transaction.frames[i], transaction.after[i]);
    }
  }

  Rows RowsOf(const std::string& table) {
    Rows rows;
    for (const auto& [rowid, record] : tables_[table]) {
      rows.push_back(ValuesOf(record));
      if (table == "t") rows.back().insert(rows.back().begin(), std::to_string(rowid));
    }
    std::sort(rows.begin(), rows.end());
    return rows;
  }

 private:
  void Apply(const rowtap::capture::FrameHeader& frame, const std::string& after) {
    const auto op = static_cast<FrameOp>(frame.op);
    if (op == FrameOp::kGap) return;
    if (op == FrameOp::kSchema) {
      if (after.starts_with("{\"change\":\"drop\"")) tables_.erase(NameIn(after, "\"table\":\""));
      return;
    }
    auto& rows = tables_[NameIn(borrowed_hub_.Describe(frame.table_id), "\"name\":\"")];
    if (op != FrameOp::kInsert) Check(rows.erase(frame.rowid_before) == 1, "what is changed was there");
    // The rows that come with a table bear no rowid, unless it is a column.
    if (op != FrameOp::kDelete) rows[frame.rowid_after != 0 ? frame.rowid_after : -++unnamed_] = after;
  }

  static std::string NameIn(const std::string& json, const char* before) {
    const size_t from = json.find(before) + std::strlen(before);
    return json.substr(from, json.find('"', from) - from);
  }

  rowtap::capture::Hub& borrowed_hub_;
  std::map<std::string, std::map<int64_t, std::string>> tables_;
  int64_t unnamed_ = 0;
};

Rows RowsOf(CapturedConnection& db, const std::string& table) {
  Rows rows;
  rowtap::capture::TableScan scan;
  if (scan.Open(db.db(), db.hub(), table) != SQLITE_OK) return rows;
  while (scan.Next() == SQLITE_ROW) {
    rows.push_back(ValuesOf({reinterpret_cast<const char*>(scan.record().data()), scan.record().size()}));
    if (table == "t") rows.back().insert(rows.back().begin(), std::to_string(scan.rowid()));
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

void CheckEqual(CapturedConnection& db, Mirror& mirror) {
  for (const std::string table : {"t", "u", "v"}) {
    Check(RowsOf(db, table) == mirror.RowsOf(table), "the stream gave what the table holds: " + table);
  }
}

struct Situation {
  const char* name;
  bool is_listened_to;
  bool keeps_log;
  uint64_t max_memory;
};
constexpr uint64_t kEnoughMemory = uint64_t{64} * 1024 * 1024;
constexpr Situation kSituations[] = {
    {"listening", true, false, kEnoughMemory},
    {"spilling", true, false, rowtap::capture::kPageSize},
    {"nobody", false, false, kEnoughMemory},
    {"logging", true, true, kEnoughMemory},
    {"logging and spilling", false, true, rowtap::capture::kPageSize},
};

// What the log alone says is what the tables hold; false where it says that something is lost.
bool CheckLog(CapturedConnection& db, const std::string& path, int64_t begun_lsn) {
  LogStream log(db, path, begun_lsn);
  const std::vector<SeenTransaction> logged = log.Take(uint64_t{1} << 20);
  Check(log.status() == LogReplay::Status::kEnd, "the log can be read to its end");
  for (const SeenTransaction& transaction : logged) {
    if (transaction.frames[0].op == static_cast<uint8_t>(FrameOp::kGap)) return false;
  }
  Mirror mirror(db.hub());
  mirror.Apply(logged);
  CheckEqual(db, mirror);
  return true;
}

struct Tally {
  int64_t refused = 0;
  int64_t lost = 0;
};

// Runs the script with that fault and goes on as an application would.
void RunOnce(const TemporaryFolder& folder, const Script& script, const Situation& situation, Tally& tally) {
  const std::string path = folder.File("test.db");
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
  CapturedConnection db(path);
  db.MustRun("PRAGMA journal_mode = WAL");
  db.hub().store()->SetMaxMemory(situation.max_memory);
  if (situation.keeps_log) MakeLog(db);
  db.MustRun("CREATE TABLE t (id INTEGER PRIMARY KEY, a)");
  const int64_t begun_lsn = db.hub().lsn();
  std::optional<StreamReader> stream;
  if (situation.is_listened_to) stream.emplace(db.hub());
  Mirror mirror(db.hub());

  std::vector<std::string> steps = {"INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three')"};
  steps.insert(steps.end(), script.steps.begin(), script.steps.end());
  for (const std::string& step : steps) {
    const bool was_in_transaction = sqlite3_get_autocommit(db.db()) == 0;
    int code;
    {
      const Armed armed;
      code = db.Run(step);
    }
    if (code == SQLITE_NOMEM) tally.refused++;
    Check(code != SQLITE_CONSTRAINT_COMMITHOOK, "a refused commit is told in SQLite's words: " + step);
    Check(code == SQLITE_OK || code == SQLITE_NOMEM || (code & 0xff) == SQLITE_CONSTRAINT || code == SQLITE_ERROR,
          "a statement is done, or refused for want of memory: " + step);
    const bool ends_transaction = step == "COMMIT" || step == "ROLLBACK" || step.starts_with("RELEASE");
    if (code == SQLITE_OK && was_in_transaction && !ends_transaction) {
      Check(sqlite3_get_autocommit(db.db()) == 0, "a statement that is done leaves its transaction open: " + step);
    }
  }
  if (sqlite3_get_autocommit(db.db()) == 0) db.MustRun("COMMIT");
  db.MustRun("INSERT INTO t (id) VALUES (1000)");

  const bool is_lost = stream.has_value() && stream->state() == ReaderState::kLost;
  if (stream.has_value()) {
    const std::vector<SeenTransaction> seen = stream->Take();
    mirror.Apply(seen);
    if (is_lost) {
      tally.lost++;
    } else {
      Check(stream->state() == ReaderState::kOpen, "a reader goes on, or says why not");
      CheckEqual(db, mirror);
    }
  }
  if (situation.keeps_log && !CheckLog(db, path, begun_lsn)) tally.lost++;
  // Somebody who comes later sees what comes later.
  StreamReader later(db.hub());
  db.MustRun("INSERT INTO t (id) VALUES (1001)");
  const auto seen = later.Take();
  Check(seen.size() == 1 && seen[0].frames.size() == 1 && seen[0].frames[0].rowid_after == 1001, "the next commit is published, alone");
  Check(later.state() == ReaderState::kOpen, "a new reader goes on");
}

// Until a run comes to its end before it comes to the point: how many allocations there are also depends on where SQLite's tables lie.
void TryAll(const Script& script, const Situation& situation) {
  const TemporaryFolder folder;
  Tally none;
  allocator = {};
  allocator.passes_left = INT64_MAX;
  RunOnce(folder, script, situation, none);
  Check(none.refused == 0 && none.lost == 0, "nothing is refused where memory is enough");
  Tally tally;
  int64_t points = 0;
  for (const bool strikes_on : {false, true}) {
    int64_t point = 0;
    do {
      std::snprintf(context, sizeof context, "%s, %s, allocation %lld %s", script.name, situation.name, static_cast<long long>(point),
                    strikes_on ? "and all after it" : "once");
      allocator = {};
      allocator.passes_left = point++;
      allocator.strikes_on = strikes_on;
      RunOnce(folder, script, situation, tally);
      if (allocator.refused > 0) points++;
    } while (allocator.refused > 0);
  }
  *context = 0;
  Check(points > 0, "there are allocations to be refused");
  std::printf("%s, %s: %lld points, %lld statements refused, %lld times the reader was told\n", script.name, situation.name,
              static_cast<long long>(points), static_cast<long long>(tally.refused), static_cast<long long>(tally.lost));
}

// Until a reading comes to its end before it comes to the point.
void TryReading(const Script& script) {
  const TemporaryFolder folder;
  const std::string path = folder.File("test.db");
  CapturedConnection db(path);
  db.MustRun("PRAGMA journal_mode = WAL");
  MakeLog(db);
  db.MustRun("CREATE TABLE t (id INTEGER PRIMARY KEY, a)");
  const int64_t begun_lsn = db.hub().lsn();
  for (const std::string& step : script.steps) db.Run(step);
  const std::vector<SeenTransaction> all = LogStream(db, path, begun_lsn).Take(kEnoughMemory);
  int64_t points = 0;
  for (int64_t point = 0; true; point++) {
    std::snprintf(context, sizeof context, "%s, reading the log, allocation %lld", script.name, static_cast<long long>(point));
    LogStream log(db, path, begun_lsn);
    std::vector<SeenTransaction> seen;
    bool is_refused = false;
    do {
      allocator = {};
      allocator.passes_left = point;
      try {
        const Armed armed;
        log.Fill(30000);
      } catch (const std::bad_alloc&) {
        is_refused = true;
      }
      for (SeenTransaction& transaction : log.TakeFed()) seen.push_back(std::move(transaction));
    } while (!is_refused && log.status() == LogReplay::Status::kMore);
    Check(seen.size() <= all.size() && std::equal(seen.begin(), seen.end(), all.begin()), "what was read before is whole and in order");
    if (!is_refused) {
      Check(log.status() == LogReplay::Status::kEnd && seen == all, "all is read where nothing is refused");
      break;
    }
    points++;
  }
  *context = 0;
  Check(points > 0, "there are allocations to be refused");
  std::printf("%s, reading the log: %lld points\n", script.name, static_cast<long long>(points));
}

}  // namespace

int main() {
  Check(InstallFaultVfs() == SQLITE_OK, "the file system can be installed");
  for (const Script& script : kScripts) {
    for (const Situation& situation : kSituations) TryAll(script, situation);
    TryReading(script);
  }
}
