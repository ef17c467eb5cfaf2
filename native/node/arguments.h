// The receiver and the arguments of one call from JavaScript.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <vector>

namespace rowtap::node {

class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) {
    // Node-API fills all that it is given room for: asked for few, it answers sooner.
    count_ = kFew;
    napi_get_cb_info(env, info, &count_, inline_, &receiver_, &data_);
    if (count_ <= kFew) return;
    if (count_ > kInline) many_.resize(count_);
    napi_get_cb_info(env, info, &count_, many_.empty() ? inline_ : many_.data(), nullptr, nullptr);
  }
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  size_t count() const { return count_; }
  // `at` is below count().
  napi_value operator[](size_t at) const { return values()[at]; }
  const napi_value* values() const { return many_.empty() ? inline_ : many_.data(); }
  napi_value receiver() const { return receiver_; }
  // What the function was defined with.
  void* data() const { return data_; }

 private:
  static constexpr size_t kFew = 4;
  static constexpr size_t kInline = 16;
  napi_value inline_[kInline];
  std::vector<napi_value> many_;
  size_t count_;
  napi_value receiver_ = nullptr;
  void* data_ = nullptr;
};

// False where the value is of another type.
inline bool HasType(napi_env env, napi_value value, napi_valuetype expected) {
  napi_valuetype type;
  return napi_typeof(env, value, &type) == napi_ok && type == expected;
}

}  // namespace rowtap::node
