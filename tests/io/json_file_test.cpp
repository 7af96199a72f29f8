#include "io/json_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/json_object.h"
#include "io/temporary_folder.h"
#include "log/error.h"

namespace infini {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;
using testing::TemporaryFolder;
using testing::write_text;

TEST(JsonFile, NamesFileAndLineOfWhateverCannotBeRead) {
  const TemporaryFolder folder;
  const auto refusal = [&](const std::string& text) {
    write_text(folder / "state.json", text);
    return message_of<UserError>([&] { read_json(folder / "state.json"); });
  };
  EXPECT_THAT(refusal("{\n  \"step\": 1e400\n}"), EndsWith("state.json:2: not valid JSON: a number is too large"));
  EXPECT_THAT(refusal("{\n\n  oops\n}"), HasSubstr("state.json:3: not valid JSON: "));
  EXPECT_THAT(refusal("{\"a\": \"caf\xE9\"}"), HasSubstr("state.json:1: not valid JSON: "));
  EXPECT_THAT(refusal("{\"a\": \"\\ud800\"}"), HasSubstr("state.json:1: not valid JSON: "));
  EXPECT_THAT(refusal(std::string(100000, '[')),
              EndsWith("state.json:1: not valid JSON: it is nested more than 500 deep"));
  EXPECT_THAT(refusal("{\"a\": \"" + std::string(5000, 'x')), Not(HasSubstr("xxxx")));
  EXPECT_THAT(refusal(""), HasSubstr("state.json is empty"));
}

TEST(JsonFile, BracketsInsideAStringDoNotNest) {
  const TemporaryFolder folder;
  const std::string brackets = "\"" + std::string(600, '[');
  write_text(folder / "state.json", nlohmann::json{{"a", brackets}}.dump());
  EXPECT_EQ(read_json(folder / "state.json").at("a"), brackets);
}

TEST(JsonObject, NamesFileAndKeyOfWhateverIsNotAsExpected) {
  const nlohmann::json json = nlohmann::json::parse(
      R"({"step": 5, "rate": 1.5, "name": "x", "none": null, "huge": 18446744073709551615, "data": {"at": -1}})");
  const JsonObject object(json, "state.json");
  EXPECT_EQ(object.get<int64_t>("step"), 5);
  EXPECT_EQ(object.get<double>("step"), 5.0);
  EXPECT_EQ(object.get<uint64_t>("huge"), 18446744073709551615u);
  EXPECT_EQ(object.get_or<int64_t>("none", 7), 7);
  const auto refusal = [&](const auto& read) { return message_of<UserError>([&] { read(); }); };
  EXPECT_EQ(refusal([&] { object.get<int64_t>("absent"); }), "state.json: the key absent is missing");
  EXPECT_EQ(refusal([&] { object.get<int64_t>("none"); }), "state.json: the key none is missing");
  EXPECT_EQ(refusal([&] { object.get<int64_t>("rate"); }), "state.json: rate must be an integer, is 1.5");
  EXPECT_EQ(refusal([&] { object.get<int64_t>("huge"); }),
            "state.json: huge must be an integer, is 18446744073709551615");
  EXPECT_EQ(refusal([&] { object.get<bool>("name"); }), "state.json: name must be true or false, is \"x\"");
  EXPECT_EQ(refusal([&] { object.child("data").get<uint64_t>("at"); }),
            "state.json: data: at must be an integer from 0, is -1");
  EXPECT_EQ(refusal([&] { object.child("step"); }), "state.json: step must be a JSON object, is 5");
  EXPECT_EQ(refusal([&] {
              object.allow_only({"step", "rate", "name", "none", "huge"});
            }),
            "state.json: the key data is not supported");
  EXPECT_EQ(refusal([&] { object.refuse("a\nb"); }), "state.json: a b");
}

TEST(JsonObject, CutsALongValueBetweenTwoCharacters) {
  const std::string text = shown(std::string(78, 'x') + "\u00E9\u00E9\u00E9");
  EXPECT_EQ(text, "\"" + std::string(78, 'x') + "\u2026");
}

}  // namespace
}  // namespace infini
