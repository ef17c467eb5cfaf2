// A JavaScript object that native code keeps alive.
#pragma once

#include <node_api.h>

#include <utility>

namespace rowtap::node {

class Reference {
 public:
  Reference() = default;
  // Empty where there is no memory for it.
  Reference(napi_env env, napi_value object) : env_(env) {
    if (napi_create_reference(env, object, 1, &reference_) != napi_ok) reference_ = nullptr;
  }
  Reference(Reference&& other) noexcept : env_(other.env_), reference_(std::exchange(other.reference_, nullptr)) {}
  Reference& operator=(Reference&& other) noexcept {
    std::swap(env_, other.env_);
    std::swap(reference_, other.reference_);
    return *this;
  }
  // Works while an exception is pending, too, and in finalizers.
  ~Reference() {
    if (reference_ != nullptr) napi_delete_reference(env_, reference_);
  }

  bool is_empty() const { return reference_ == nullptr; }
  // Null where it is empty.
  napi_value value() const {
    napi_value value = nullptr;
    if (reference_ != nullptr) napi_get_reference_value(env_, reference_, &value);
    return value;
  }

 private:
  napi_env env_ = nullptr;
  napi_ref reference_ = nullptr;
};

}  // namespace rowtap::node
