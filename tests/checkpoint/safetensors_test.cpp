#include "checkpoint/safetensors.h"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>

#include "io/temporary_folder.h"
#include "log/error.h"

namespace infini {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::read_text;
using testing::TemporaryFolder;
using testing::write_text;

// Files are built here by hand from the format's description, so that reader and writer cannot share a mistake.
std::string file_of(const std::string& header, const std::string& data) {
  std::string length(8, '\0');
  for (int i = 0; i < 8; ++i) length[i] = static_cast<char>((header.size() >> (8 * i)) & 0xff);
  return length + header + data;
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape, int begin, int end) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":[" +
         std::to_string(begin) + "," + std::to_string(end) + "]}";
}

class Safetensors : public ::testing::Test {
 protected:
  NamedTensors read(const std::string& bytes) {
    write_text(file_, bytes);
    return read_safetensors(file_);
  }
  std::string error_of(const std::string& header, const std::string& data = "") {
    return message_of<UserError>([&] { read(file_of(header, data)); });
  }

  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "model.safetensors";
};

struct DtypeCase {
  const char* name;
  torch::Dtype dtype;
  std::string bytes;  ///< 1 and −2 (for unsigned and bool: 1 and 0), little-endian
  double first, second;
};

class SafetensorsDtype : public Safetensors, public ::testing::WithParamInterface<DtypeCase> {};

TEST_P(SafetensorsDtype, IsReadFromItsBitPatternAndWrittenBack) {
  const DtypeCase& expected = GetParam();
  const std::string header = "{" + entry("x", expected.name, "[2]", 0, static_cast<int>(expected.bytes.size())) + "}";
  const NamedTensors tensors = read(file_of(header, expected.bytes));
  ASSERT_EQ(tensors.size(), 1u);
  const torch::Tensor x = tensors.at("x");
  EXPECT_EQ(x.scalar_type(), expected.dtype);
  EXPECT_EQ(x.sizes(), (torch::IntArrayRef{2}));
  EXPECT_EQ(x.to(torch::kFloat64)[0].item<double>(), expected.first);
  EXPECT_EQ(x.to(torch::kFloat64)[1].item<double>(), expected.second);

  write_safetensors(file_, tensors);
  const std::string written = read_text(file_);
  EXPECT_EQ(written.substr(written.size() - expected.bytes.size()), expected.bytes);
}

using namespace std::string_literals;

INSTANTIATE_TEST_SUITE_P(
    All, SafetensorsDtype,
    ::testing::Values(DtypeCase{"F64", torch::kFloat64, "\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\xc0"s, 1, -2},
                      DtypeCase{"F32", torch::kFloat32, "\0\0\x80\x3f\0\0\0\xc0"s, 1, -2},
                      DtypeCase{"F16", torch::kFloat16, "\0\x3c\0\xc0"s, 1, -2},
                      DtypeCase{"BF16", torch::kBFloat16, "\x80\x3f\0\xc0"s, 1, -2},
                      DtypeCase{"I64", torch::kInt64, "\1\0\0\0\0\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff"s, 1, -2},
                      DtypeCase{"I32", torch::kInt32, "\1\0\0\0\xfe\xff\xff\xff"s, 1, -2},
                      DtypeCase{"I16", torch::kInt16, "\1\0\xfe\xff"s, 1, -2},
                      DtypeCase{"I8", torch::kInt8, "\1\xfe"s, 1, -2},
                      DtypeCase{"U8", torch::kUInt8, "\1\xfe"s, 1, 254},
                      DtypeCase{"BOOL", torch::kBool, "\1\0"s, 1, 0}),
    [](const auto& dtype) { return std::string(dtype.param.name); });

TEST_F(Safetensors, KeepsShapesScalarsAndEmptyTensors) {
  const std::string header = "{\"__metadata__\":{\"format\":\"pt\"}," + entry("matrix", "U8", "[2,3]", 0, 6) + "," +
                             entry("scalar", "U8", "[]", 6, 7) + "," + entry("empty", "F32", "[0,4]", 7, 7) + "}  ";
  const NamedTensors tensors = read(file_of(header, "\1\2\3\4\5\6\7"));
  ASSERT_EQ(tensors.size(), 3u);
  EXPECT_TRUE(tensors.at("matrix").equal(torch::tensor({{1, 2, 3}, {4, 5, 6}}, torch::kUInt8)));
  EXPECT_EQ(tensors.at("scalar").dim(), 0);
  EXPECT_EQ(tensors.at("scalar").item<int>(), 7);
  EXPECT_EQ(tensors.at("empty").sizes(), (torch::IntArrayRef{0, 4}));
}

TEST_F(Safetensors, AreWrittenAsTheFormatSays) {
  const torch::Tensor wide = torch::tensor({1.0f, -2.0f}).reshape({2, 1});
  write_safetensors(file_, {{"byte", torch::tensor({7}, torch::kUInt8)}, {"wide", wide}}, {{"format", "pt"}});
  const std::string bytes = read_text(file_);
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  EXPECT_EQ(length % 8, 0u) << "the data must be aligned";
  const auto header = nlohmann::json::parse(bytes.substr(8, length));
  EXPECT_EQ(header, nlohmann::json::parse(R"({"__metadata__": {"format": "pt"},
      "wide": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
      "byte": {"dtype": "U8", "shape": [1], "data_offsets": [8, 9]}})"));
  EXPECT_EQ(bytes.substr(8 + length), "\0\0\x80\x3f\0\0\0\xc0\7"s);
}

TEST_F(Safetensors, ComeBackWithTheSameBitsFromTransposedAndTrackedTensors) {
  const NamedTensors written = {{"transposed", torch::arange(12).reshape({3, 4}).t()},
                                {"tracked", torch::randn({5, 7}, torch::requires_grad())},
                                {"nan", torch::full({2}, std::nan(""))},
                                {"part", torch::arange(10, torch::kInt16).slice(0, 1, 9, 3)}};
  write_safetensors(file_, written);
  const NamedTensors read = read_safetensors(file_);
  ASSERT_EQ(read.size(), written.size());
  for (const auto& [name, tensor] : written) {
    EXPECT_EQ(read.at(name).scalar_type(), tensor.scalar_type());
    EXPECT_TRUE(read.at(name).is_contiguous());
    EXPECT_TRUE(torch::allclose(read.at(name), tensor.detach(), 0, 0, /*equal_nan=*/true)) << name;
  }
}

TEST_F(Safetensors, TruncatedAnywhereNameTheFileAndBothSizes) {
  const std::string whole = file_of("{" + entry("x", "F32", "[2]", 0, 8) + "}", std::string(8, 'x'));
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::string error = message_of<UserError>([&] { read(whole.substr(0, size)); });
    EXPECT_THAT(error, AllOf(HasSubstr(file_.string()), HasSubstr("truncated"), HasSubstr(std::to_string(size))));
    if (size >= whole.size() - 8) {
      EXPECT_THAT(error, HasSubstr(std::to_string(whole.size())));
    }
  }
  EXPECT_EQ(read(whole).size(), 1u);
}

TEST_F(Safetensors, RefuseDataThatOverlapsHasHolesOrGoesOn) {
  const std::string eight(8, 'x');
  EXPECT_THAT(error_of("{" + entry("a", "U8", "[4]", 0, 4) + "," + entry("b", "U8", "[4]", 2, 6) + "}", "xxxxxx"),
              AllOf(HasSubstr("tensor b"), HasSubstr("overlaps"), HasSubstr(file_.string())));
  EXPECT_THAT(error_of("{" + entry("a", "U8", "[2]", 0, 2) + "," + entry("b", "U8", "[4]", 4, 8) + "}", eight),
              AllOf(HasSubstr("tensor b"), HasSubstr("byte 4"), HasSubstr("ends at 2")));
  EXPECT_THAT(error_of("{" + entry("a", "U8", "[4]", 0, 4) + "}", eight), HasSubstr("bytes after its last tensor"));
  EXPECT_THAT(error_of("{" + entry("a", "U8", "[4]", 4, 8) + "}", eight), HasSubstr("begins at byte 4"));
}

TEST_F(Safetensors, RefuseAShapeThatDoesNotFitItsBytes) {
  EXPECT_THAT(error_of("{" + entry("x", "F32", "[3]", 0, 8) + "}", std::string(8, 'x')),
              AllOf(HasSubstr("tensor x"), HasSubstr("[3]"), HasSubstr("F32"), HasSubstr("12"), HasSubstr("8")));
  EXPECT_THAT(error_of("{" + entry("x", "F32", "[4294967296,4294967296]", 0, 0) + "}"), HasSubstr("impossible shape"));
  EXPECT_THAT(error_of("{" + entry("x", "U8", "[18446744073709551615]", 0, 0) + "}"), HasSubstr("impossible shape"));
  EXPECT_THAT(error_of("{" + entry("x", "U8", "[-1]", 0, 1) + "}", "x"), HasSubstr("has the shape [-1]"));
  EXPECT_THAT(error_of("{" + entry("x", "U8", "[1.5]", 0, 1) + "}", "x"), HasSubstr("has the shape [1.5]"));
  EXPECT_THAT(error_of("{" + entry("x", "U8", "[1]", 1, 0) + "}", "x"), HasSubstr("data_offsets [1,0]"));
}

TEST_F(Safetensors, RefuseHeadersThatAreNoHeaders) {
  EXPECT_THAT(error_of("{" + entry("x", "F8_E4M3", "[1]", 0, 1) + "}", "x"),
              AllOf(HasSubstr("tensor x"), HasSubstr("F8_E4M3"), HasSubstr("BF16")));
  EXPECT_THAT(error_of("{" + entry("x", "U8", "[1]", 0, 1) + "," + entry("x", "U8", "[1]", 1, 2) + "}", "xx"),
              HasSubstr("names x twice"));
  EXPECT_THAT(error_of("{\"x\":5}"), HasSubstr("tensor x needs dtype, shape and data_offsets"));
  EXPECT_THAT(error_of("{\"x\":"), HasSubstr("not valid JSON"));
  EXPECT_THAT(error_of("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(message_of<UserError>([&] { read("GGUF\xff\xff\xff\xff and more"); }),
              HasSubstr("is it a safetensors file?"));
}

TEST_F(Safetensors, NameAFileThatIsNotThere) {
  EXPECT_THAT(message_of<UserError>([&] { read_safetensors(folder_ / "absent.safetensors"); }),
              AllOf(HasSubstr("absent.safetensors"), HasSubstr("No such file")));
  EXPECT_THAT(message_of<UserError>([&] { read_safetensors(folder_.path()); }), HasSubstr("not a file"));
}

TEST_F(Safetensors, AWriteThatFailsNamesFileAndReasonAndKeepsTheOldFile) {
  write_safetensors(file_, {{"old", torch::ones({3})}});
  const std::string before = read_text(file_);
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  const rlimit small{.rlim_cur = 4096, .rlim_max = limit.rlim_max};
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  std::string error;
  try {
    write_safetensors(file_, {{"new", torch::ones({65536})}});
  } catch (const std::runtime_error& failure) {
    error = failure.what();
  }
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, previous);
  EXPECT_EQ(error, "cannot write " + file_.string() + ": File too large");
  EXPECT_EQ(read_text(file_), before);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1)
      << "nothing half-written is left";
}

TEST_F(Safetensors, AFullDiskIsNamed) {
  const std::filesystem::path disk = folder_ / "disk";
  std::filesystem::create_directory(disk);
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=64k") != 0) GTEST_SKIP() << "mounting a small disk needs root";
  std::string error;
  try {
    write_safetensors(disk / "model.safetensors", {{"x", torch::ones({65536})}});
  } catch (const std::runtime_error& failure) {
    error = failure.what();
  }
  const bool empty = std::filesystem::is_empty(disk);
  umount(disk.c_str());
  EXPECT_EQ(error, "cannot write " + (disk / "model.safetensors").string() + ": No space left on device");
  EXPECT_TRUE(empty) << "nothing half-written is left";
}

TEST_F(Safetensors, OfAPublishedModelHoldTheSameNumbersAsItsOriginalFile) {
  const char* const shared = std::getenv("INFINI_SHARED_DATA");
  const std::filesystem::path checkout = INFINI_SOURCE_FOLDER;
  const std::filesystem::path data = shared != nullptr ? std::filesystem::path(shared) : checkout / "../shared/data";
  const std::filesystem::path model = data / "checkpoints/stories260K";
  if (!std::filesystem::exists(model)) GTEST_SKIP() << model << " is not here";
  const torch::Tensor embedding = read_safetensors(model / "hf/model.safetensors").at("model.embed_tokens.weight");
  ASSERT_EQ(embedding.sizes(), (torch::IntArrayRef{512, 64}));
  const std::string original = read_text(model / "stories260K.bin");  // seven int32, then the embedding
  EXPECT_EQ(std::memcmp(embedding.to(torch::kFloat32).data_ptr(), original.data() + 28, 512 * 64 * 4), 0);
}

}  // namespace
}  // namespace infini
