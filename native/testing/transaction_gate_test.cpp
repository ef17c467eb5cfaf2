// The gate's promise: while it is held no transaction is open, whatever the threads do.
#include "capture/transaction_gate.h"

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "testing/check.h"

namespace {

using rowtap::capture::TransactionGate;
using namespace rowtap::testing;

constexpr int kWriters = 3;
constexpr int kHolders = 2;
constexpr int kRounds = 20000;

}  // namespace

int main() {
  Seed();
  TransactionGate gate;
  std::atomic<int> open{0};
  std::atomic<int> held{0};
  std::atomic<int> writing{kWriters};
  std::atomic<int> holds{0};
  std::vector<std::thread> threads;
  for (int writer = 0; writer < kWriters; writer++) {
    threads.emplace_back([&] {
      // On a busy machine the others may not have had the processor by then.
      for (int round = 0; round < kRounds || holds == 0; round++) {
        gate.Enter();
        open++;
        Check(held == 0, "no transaction begins while the gate is held");
        if (round % 64 == 0) std::this_thread::yield();
        open--;
        gate.Leave();
      }
      writing--;
    });
  }
  for (int holder = 0; holder < kHolders; holder++) {
    threads.emplace_back([&, holder] {
      while (writing > 0) {
        if (!gate.TryHold(std::chrono::microseconds(holder * 2000))) continue;
        Check(held++ == 0, "one holds it at a time");
        Check(open == 0, "it is held only while no transaction is open");
        holds++;
        held--;
        gate.Release();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Check(gate.TryHold(std::chrono::microseconds(0)), "an empty gate can be held");
  Check(!gate.TryHold(std::chrono::microseconds(0)), "by one");
  gate.Release();
  gate.Enter();
  Check(TransactionGate::IsThreadInside(), "who has entered is inside");
  Check(!gate.TryHold(std::chrono::hours(1)), "who is inside does not wait for himself");
  gate.Leave();
}
