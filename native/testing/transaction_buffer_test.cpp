// The buffer against a plain vector: random frames, rewinds, moves out and a limit so low that it spills.
#include "capture/transaction_buffer.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "capture/frame.h"
#include "testing/check.h"

namespace {

using rowtap::capture::BatchPtr;
using rowtap::capture::PageStore;
using rowtap::capture::TransactionBuffer;
using rowtap::testing::Check;

struct Expectation {
  BatchPtr batch;
  std::vector<uint8_t> bytes;
};

void CheckSame(const Expectation& expected, std::mt19937& random) {
  Check(expected.batch->size == expected.bytes.size(), "a batch is as large as what was appended");
  std::vector<uint8_t> read(expected.bytes.size());
  Check(expected.batch->Read(0, read.data(), read.size()), "a batch can be read");
  Check(read == expected.bytes, "a batch holds what was appended");
  if (read.empty()) return;
  const size_t from = random() % read.size();
  const size_t count = random() % (read.size() - from) + 1;
  Check(expected.batch->Read(from, read.data(), count), "a part of a batch can be read");
  Check(std::equal(read.begin(), read.begin() + static_cast<ptrdiff_t>(count), expected.bytes.begin() + static_cast<ptrdiff_t>(from)),
        "a part of a batch holds what was appended there");
}

}  // namespace

int main() {
  std::mt19937 random(rowtap::testing::Seed());
  const auto store = std::make_shared<PageStore>();
  store->SetMaxMemory(2 * rowtap::capture::kPageSize);
  TransactionBuffer buffer(store);
  std::vector<uint8_t> bytes;
  std::vector<TransactionBuffer::Mark> marks;
  std::vector<Expectation> held;

  for (int round = 0; round < 20000; round++) {
    const uint32_t dice = random() % 100;
    if (dice < 80) {
      // Mostly rows, now and then a value of several pages.
      const uint64_t most = dice < 3 ? 3 * rowtap::capture::kPageSize : 2000;
      const uint64_t size = rowtap::capture::FrameSize(random() % most, 0);
      uint8_t* frame = buffer.BeginFrame(size);
      Check(frame != nullptr, "there is memory for a frame");
      const auto fill = static_cast<uint8_t>(random());
      for (uint64_t i = 0; i < size; i++) frame[i] = static_cast<uint8_t>(fill + i * 7);
      bytes.insert(bytes.end(), frame, frame + size);
      Check(buffer.EndFrame(), "a frame can be appended");
    } else if (dice < 88) {
      marks.push_back(buffer.mark());
    } else if (dice < 97) {
      if (marks.empty()) continue;
      const size_t to = marks.size() - 1 - random() % std::min<size_t>(marks.size(), 4);
      Check(buffer.RewindTo(marks[to]), "the buffer can be rewound");
      bytes.resize(marks[to].size);
      marks.resize(to + 1);
    } else if (dice < 98) {
      buffer.Clear();
      bytes.clear();
      marks.clear();
    } else {
      if (bytes.empty()) continue;
      held.push_back({buffer.Detach(), bytes});
      buffer.Clear();
      bytes.clear();
      marks.clear();
      CheckSame(held.back(), random);
      // Those that are still held must not change while others come and go.
      if (held.size() > 8) {
        const size_t at = random() % held.size();
        CheckSame(held[at], random);
        held.erase(held.begin() + static_cast<ptrdiff_t>(at));
      }
    }
    Check(buffer.mark().size == bytes.size(), "the mark is where the frames end");
  }
  for (const Expectation& expected : held) CheckSame(expected, random);
  Check(store->spilled_bytes() > 0, "the limit was low enough to spill");
}
