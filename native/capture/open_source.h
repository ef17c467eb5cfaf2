// The change sources of the process, as all its threads see them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "capture/hub.h"
#include "capture/reader.h"

namespace rowtap::capture {

// A source of one file, under a name that no other open source of the process has. Thread-safe.
//
// It is open from Open until End, which comes with the last of the databases that use it, in whatever thread, or when somebody closes it or
// finds that it can't go on. What was published before is still handed over to every reader; then each learns of the end.
class OpenSource {
 public:
  struct Definition {
    std::string name;
    std::string path;
    std::string options;  // lib's, as JSON; the same for whoever finds it
    int64_t opened_at_ms;
  };
  // One that reads it.
  struct Subscription {
    std::string consumer;  // empty: without a name
    std::shared_ptr<Reader> reader;
  };

  // With one user, the database that it is opened through. Null where the name is taken. Throws std::bad_alloc.
  static std::shared_ptr<OpenSource> Open(Definition definition, std::shared_ptr<Hub> hub);
  // Null where no open source has the name.
  static std::shared_ptr<OpenSource> Find(const std::string& name);
  // In the order in which they were opened.
  static std::vector<std::shared_ptr<OpenSource>> All();

  // For Open.
  OpenSource(Definition definition, std::shared_ptr<Hub> hub) : definition_(std::move(definition)), hub_(std::move(hub)) {}

  const Definition& definition() const noexcept { return definition_; }
  const std::shared_ptr<Hub>& hub() const noexcept { return hub_; }

  // A database uses it, one of them less does.
  void AddUser() noexcept { users_++; }
  void RemoveUser() noexcept;

  // Twice is fine: the first failure stays. `failure`: lib's, of a source that can't go on.
  void End(std::optional<std::string> failure) noexcept;
  bool is_open() const noexcept { return is_open_; }
  std::optional<std::string> failure();

  // The reader ends with the source, at once where that has ended already. Throws std::bad_alloc.
  void Attach(const std::shared_ptr<Reader>& reader, std::string consumer);
  // Of readers that are not closed.
  std::vector<Subscription> subscriptions();

  // Into some reader's stream a gap was put, beside those that the hub has published.
  void CountGap() noexcept { gaps_++; }
  uint64_t gaps() const noexcept { return gaps_; }

 private:
  struct Attached {
    std::string consumer;
    std::weak_ptr<Reader> reader;
  };

  const Definition definition_;
  const std::shared_ptr<Hub> hub_;
  std::atomic<int> users_{1};
  std::atomic<uint64_t> gaps_{0};
  std::atomic<bool> is_open_{true};
  std::mutex mutex_;
  std::optional<std::string> failure_;
  std::vector<Attached> attached_;
};

}  // namespace rowtap::capture
