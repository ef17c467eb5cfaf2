// A call of SQLite's library, other than stepping a statement, that may read, begin a transaction or run SQL on a captured connection.
#pragma once

#include "capture/capture.h"

namespace rowtap::capture {

// For as long as the call takes: tells the capture that a transaction may begin, and when it has ended, to publish what it has committed.
class LibraryCall {
 public:
  // `borrowed_capture` is null for a connection that is not captured.
  explicit LibraryCall(Capture* borrowed_capture) noexcept : borrowed_capture_(borrowed_capture) {
    if (borrowed_capture_ == nullptr) return;
    borrowed_capture_->EnterStatement();
    outer_ = borrowed_capture_->SetRunning({});
  }
  ~LibraryCall() {
    if (borrowed_capture_ == nullptr) return;
    borrowed_capture_->SetRunning(outer_);
    borrowed_capture_->EndUnnamed();
  }
  LibraryCall(const LibraryCall&) = delete;
  LibraryCall& operator=(const LibraryCall&) = delete;

 private:
  Capture* const borrowed_capture_;
  Capture::Running outer_;
};

}  // namespace rowtap::capture
