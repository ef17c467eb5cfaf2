// What is read from inside SQLite is what its public functions say.
#include "capture/self_check.h"

#include "testing/check.h"

int main() {
  const std::string difference = rowtap::capture::SelfCheck();
  rowtap::testing::Check(difference.empty(), difference);
}
