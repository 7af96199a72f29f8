#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "log/error.h"

namespace infini {

/// A value as messages show it: its JSON, without the end if it is long.
std::string shown(const nlohmann::json& value);

/// One JSON object of a file. What it lacks, or has in another type, is a UserError that names file and key. A key with
/// the value null counts as absent, as in transformers.
class JsonObject {
 public:
  /// `where` is what messages begin with: the file. `object` must outlive this. Throws UserError if it is no object.
  JsonObject(const nlohmann::json& object, std::string where);

  bool has(const std::string& key) const;
  /// The value of a key that must be there.
  const nlohmann::json& at(const std::string& key) const;
  JsonObject child(const std::string& key) const { return {at(key), where_ + ": " + key}; }
  /// An element of the list under `key`.
  JsonObject element(const std::string& key, const nlohmann::json& element) const {
    return {element, where_ + ": " + key};
  }

  /// T: int32_t, int64_t, uint64_t, double, bool or std::string. An integer that T cannot hold is refused.
  template <typename T>
  T get(const std::string& key) const;
  template <typename T>
  T get_or(const std::string& key, T fallback) const {
    return has(key) ? get<T>(key) : std::move(fallback);
  }

  /// Throws UserError that names the first key that is not in `known`.
  void allow_only(std::initializer_list<std::string_view> known) const;

  /// Throws UserError: one line, whatever text of the file `what` has in it.
  [[noreturn]] void refuse(std::string what) const;

 private:
  const nlohmann::json& object_;
  std::string where_;
};

}  // namespace infini
