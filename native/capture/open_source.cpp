#include "capture/open_source.h"

#include <algorithm>
#include <utility>

namespace rowtap::capture {

namespace {

// Never destroyed: threads may still end sources while the process exits.
struct Registry {
  std::mutex mutex;
  std::vector<std::shared_ptr<OpenSource>> sources;
};

Registry& TheRegistry() {
  static auto* registry = new Registry();
  return *registry;
}

}  // namespace

std::shared_ptr<OpenSource> OpenSource::Open(Definition definition, std::shared_ptr<Hub> hub) {
  Registry& registry = TheRegistry();
  auto source = std::make_shared<OpenSource>(std::move(definition), std::move(hub));
  const std::lock_guard lock(registry.mutex);
  const std::string& name = source->definition().name;
  if (std::ranges::any_of(registry.sources, [&](const auto& each) { return each->definition().name == name; })) return nullptr;
  registry.sources.push_back(source);
  return source;
}

std::shared_ptr<OpenSource> OpenSource::Find(const std::string& name) {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  const auto found = std::ranges::find_if(registry.sources, [&](const auto& each) { return each->definition().name == name; });
  return found == registry.sources.end() ? nullptr : *found;
}

std::vector<std::shared_ptr<OpenSource>> OpenSource::All() {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  return registry.sources;
}

void OpenSource::RemoveUser() noexcept {
  if (--users_ == 0) End(std::nullopt);
}

void OpenSource::End(std::optional<std::string> failure) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (!is_open_) return;
    failure_ = std::move(failure);
    is_open_ = false;
    for (const Attached& attached : attached_) {
      if (const auto reader = attached.reader.lock()) reader->End();
    }
  }
  std::shared_ptr<OpenSource> removed;
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  const auto found = std::ranges::find_if(registry.sources, [this](const auto& each) { return each.get() == this; });
  if (found == registry.sources.end()) return;
  // Whoever has called this holds it as well.
  removed = std::move(*found);
  registry.sources.erase(found);
}

std::optional<std::string> OpenSource::failure() {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void OpenSource::Attach(const std::shared_ptr<Reader>& reader, std::string consumer) {
  const std::lock_guard lock(mutex_);
  std::erase_if(attached_, [](const Attached& each) {
    const auto held = each.reader.lock();
    return held == nullptr || held->state() == ReaderState::kClosed;
  });
  attached_.push_back({std::move(consumer), reader});
  if (!is_open_) reader->End();
}

std::vector<OpenSource::Subscription> OpenSource::subscriptions() {
  const std::lock_guard lock(mutex_);
  std::vector<Subscription> open;
  for (const Attached& attached : attached_) {
    auto reader = attached.reader.lock();
    if (reader != nullptr && reader->state() != ReaderState::kClosed) open.push_back({attached.consumer, std::move(reader)});
  }
  return open;
}

}  // namespace rowtap::capture
