#include "io/json_object.h"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace infini {
namespace {

using nlohmann::json;

template <typename T>
bool holds(const json& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value.is_boolean();
  } else if constexpr (std::is_same_v<T, double>) {
    return value.is_number();
  } else if constexpr (std::is_same_v<T, std::string>) {
    return value.is_string();
  } else {
    if (value.is_number_unsigned()) return std::in_range<T>(value.get<uint64_t>());
    return value.is_number_integer() && std::in_range<T>(value.get<int64_t>());
  }
}

template <typename T>
std::string wanted() {
  if constexpr (std::is_same_v<T, bool>) return "true or false";
  if constexpr (std::is_same_v<T, double>) return "a number";
  if constexpr (std::is_same_v<T, std::string>) return "a string";
  return std::is_signed_v<T> ? "an integer" : "an integer from 0";
}

}  // namespace

std::string shown(const json& value) {
  constexpr size_t kMost = 80;
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() <= kMost) return text;
  size_t end = kMost;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // inside a character
  return text.substr(0, end) + "…";
}

JsonObject::JsonObject(const json& object, std::string where) : object_(object), where_(std::move(where)) {
  if (!object_.is_object()) throw UserError(where_ + " must be a JSON object, is " + shown(object_));
}

bool JsonObject::has(const std::string& key) const { return object_.contains(key) && !object_[key].is_null(); }

const json& JsonObject::at(const std::string& key) const {
  if (!has(key)) refuse("the key " + key + " is missing");
  return object_[key];
}

void JsonObject::refuse(std::string what) const {
  std::ranges::replace_if(what, [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  throw UserError(where_ + ": " + what);
}

void JsonObject::allow_only(std::initializer_list<std::string_view> known) const {
  for (const auto& [key, value] : object_.items()) {
    if (std::ranges::find(known, key) == known.end()) refuse("the key " + key + " is not supported");
  }
}

template <typename T>
T JsonObject::get(const std::string& key) const {
  const json& value = at(key);
  if (!holds<T>(value)) refuse(key + " must be " + wanted<T>() + ", is " + shown(value));
  return value.get<T>();
}

template int32_t JsonObject::get(const std::string&) const;
template int64_t JsonObject::get(const std::string&) const;
template uint64_t JsonObject::get(const std::string&) const;
template double JsonObject::get(const std::string&) const;
template bool JsonObject::get(const std::string&) const;
template std::string JsonObject::get(const std::string&) const;

}  // namespace infini
