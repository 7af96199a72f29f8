#include "data/document_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <nlohmann/json.hpp>

#include "data/record_reader.h"
#include "log/error.h"
#include "io/temporary_folder.h"
#include "text/utf8.h"

namespace infini {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TemporaryFolder;
using testing::write_text;

std::string gzipped(const std::string& text) {
  const TemporaryFolder folder;
  gzFile file = gzopen((folder / "x.gz").c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  return testing::read_text(folder / "x.gz");
}

/// Texts of a split; broken records as "!PROBLEM".
std::vector<std::string> read_split(const DocumentSource& source, size_t split = 0) {
  std::vector<std::string> texts;
  RecordReader reader(source.splits.at(split));
  for (Record record; reader.next(record);) {
    const DocumentText document = document_text(record);
    texts.push_back(document.problem.empty() ? document.text : "!" + document.problem);
  }
  EXPECT_EQ(reader.bytes_read(), source.splits[split].bytes);
  return texts;
}

TEST(DocumentSource, IsAFolderOfTextFilesForEachSplit) {
  const TemporaryFolder folder;
  write_text(folder / "train/b.txt", "second\n");
  write_text(folder / "train/a.txt", "first");
  write_text(folder / "train/README.md", "no document");
  write_text(folder / "test/c.txt", "third");
  const DocumentSource source = find_documents(folder.path());
  ASSERT_EQ(source.splits.size(), 2u);
  EXPECT_EQ(source.splits[0].name, "train");
  EXPECT_EQ(source.splits[1].name, "test");
  EXPECT_THAT(read_split(source), ElementsAre("first", "second\n"));
  EXPECT_THAT(read_split(source, 1), ElementsAre("third"));
}

TEST(DocumentSource, IsAFileOfJsonLinesForEachSplit) {
  const TemporaryFolder folder;
  write_text(folder / "train.jsonl",
             "{\"text\": \"one\\ntwo \\u00e9\", \"meta\": {\"text\": 1}}\r\n\n{\"text\":\"three\"}");
  write_text(folder / "validation.jsonl.gz", gzipped("{\"id\": 7, \"text\": \"four\"}\n"));
  const DocumentSource source = find_documents(folder.path());
  EXPECT_THAT(read_split(source), ElementsAre("one\ntwo \xC3\xA9", "three"));
  EXPECT_THAT(read_split(source, 1), ElementsAre("four"));
}

TEST(DocumentSource, ReadsLongLinesOverBlocks) {
  const TemporaryFolder folder;
  const std::string longest(3 << 20, 'x');
  std::string lines;
  for (const std::string& text : {std::string("a"), longest, std::string("b")}) {
    lines += nlohmann::json{{"text", text}}.dump() + "\n";
  }
  write_text(folder / "train.jsonl.gz", gzipped(lines));
  EXPECT_THAT(read_split(find_documents(folder.path())), ElementsAre("a", longest, "b"));
}

TEST(DocumentSource, SharesOutOneTextFileAtLineEnds) {
  const TemporaryFolder folder;
  std::string text;
  for (int line = 0; line < 1000; ++line) text += "line " + std::to_string(line) + " caf\xC3\xA9\n";
  write_text(folder / "book.txt", text);
  const DocumentSource source = find_documents(folder / "book.txt");
  ASSERT_EQ(source.splits.size(), 3u);
  const std::string train = read_split(source, 0).at(0), validation = read_split(source, 1).at(0),
                    test = read_split(source, 2).at(0);
  EXPECT_EQ(train + validation + test, text);
  EXPECT_THAT(train, EndsWith("\n"));
  EXPECT_THAT(validation, EndsWith("\n"));
  EXPECT_NEAR(static_cast<double>(train.size()) / static_cast<double>(text.size()), 0.90, 0.01);
  EXPECT_NEAR(static_cast<double>(test.size()) / static_cast<double>(text.size()), 0.05, 0.01);
}

TEST(DocumentSource, NeverSplitsACharacterOfOneTextFile) {
  const TemporaryFolder folder;
  for (size_t characters = 1; characters < 60; ++characters) {
    std::string text;
    for (size_t i = 0; i < characters; ++i) text += i % 3 == 0 ? "x" : "\xF0\x9F\x98\x80";
    write_text(folder / "line.txt", text);
    const DocumentSource source = find_documents(folder / "line.txt");
    std::string joined;
    for (size_t split = 0; split < source.splits.size(); ++split) {
      const std::string part = read_split(source, split).at(0);
      EXPECT_EQ(invalid_utf8_offset(part), std::nullopt);
      joined += part;
    }
    EXPECT_EQ(joined, text);
  }
}

TEST(DocumentSource, SharesOutOneFileOfJsonLinesByLines) {
  const TemporaryFolder folder;
  std::string lines;
  for (int i = 0; i < 45; ++i) lines += "{\"text\": \"" + std::to_string(i) + "\"}\n";
  write_text(folder / "all.jsonl", lines);
  const DocumentSource source = find_documents(folder / "all.jsonl");
  EXPECT_THAT(read_split(source, 1), ElementsAre("18", "38"));
  EXPECT_THAT(read_split(source, 2), ElementsAre("19", "39"));
  const std::vector<std::string> train = read_split(source, 0);
  EXPECT_EQ(train.size(), 41u);
  EXPECT_EQ(train[18], "20");
}

TEST(DocumentSource, GoesOnBehindSkippedRecords) {
  const TemporaryFolder folder;
  write_text(folder / "train/a.jsonl", "{\"text\":\"0\"}\n\nbroken\n{\"text\":\"2\"}\n");
  write_text(folder / "train/b.txt", "3");
  write_text(folder / "train/c.jsonl", "{\"text\":\"4\"}\n{\"text\":\"5\"}\n");
  const DocumentSource source = find_documents(folder.path());
  const std::vector<std::string> all = read_split(source);
  ASSERT_EQ(all.size(), 6u);
  for (int64_t skipped = 0; skipped <= 7; ++skipped) {
    RecordReader reader(source.splits[0]);
    reader.skip(skipped);
    size_t at = static_cast<size_t>(skipped);
    for (Record record; reader.next(record); ++at) {
      EXPECT_EQ(document_text(record).text, all.at(at)[0] == '!' ? "" : all[at]);
    }
    EXPECT_EQ(at, std::max<size_t>(6, static_cast<size_t>(skipped)));
  }
}

TEST(BrokenRecords, AreNamedWithFileLineAndByte) {
  const TemporaryFolder folder;
  write_text(folder / "train.jsonl",
             "{\"text\": \"good\"}\n"
             "\n"
             "{\"text\": \"cut\n"
             "{\"text\": \"caf\xE9\"}\n"
             "{\"title\": \"no text\"}\n"
             "{\"text\": 5}\n"
             "[\"text\"]\n"
             "{\"text\": \"\"}\n"
             "{\"text\": \"\\ud800\"}\n"
             "{\"text\": \"good\"} trailing\n");
  const std::vector<std::string> texts = read_split(find_documents(folder.path()));
  ASSERT_EQ(texts.size(), 9u);
  EXPECT_EQ(texts[0], "good");
  EXPECT_THAT(texts[1],
              AllOf(HasSubstr("train.jsonl:3: not valid JSON at byte 14"), HasSubstr("missing closing quote")));
  EXPECT_THAT(texts[2], HasSubstr("train.jsonl:4: invalid UTF-8: 0xE9 is byte 14 of the line"));
  EXPECT_THAT(texts[3], HasSubstr("train.jsonl:5: the JSON is no object with a \"text\""));
  EXPECT_THAT(texts[4], HasSubstr("train.jsonl:6: \"text\" is no string but number"));
  EXPECT_THAT(texts[5], HasSubstr("train.jsonl:7: the JSON is no object"));
  EXPECT_THAT(texts[6], HasSubstr("train.jsonl:8: \"text\" is empty"));
  EXPECT_THAT(texts[7], HasSubstr("train.jsonl:9: not valid JSON"));
  EXPECT_THAT(texts[8], HasSubstr("train.jsonl:10: not valid JSON at byte 20"));
}

TEST(BrokenRecords, OfTextFilesAreNamedWithFileLineAndByte) {
  const TemporaryFolder folder;
  write_text(folder / "train/a.txt",
             "one\ntwo\nca\xFF"
             "fe\n");
  write_text(folder / "train/b.txt", "");
  write_text(folder / "train/c.jsonl", "\n\n");
  const std::vector<std::string> texts = read_split(find_documents(folder.path()));
  ASSERT_EQ(texts.size(), 3u);
  EXPECT_THAT(texts[0], HasSubstr("a.txt:3: invalid UTF-8: 0xFF is byte 11 of the file"));
  EXPECT_THAT(texts[1], HasSubstr("b.txt: the file is empty"));
  EXPECT_THAT(texts[2], HasSubstr("c.jsonl: the file is empty"));
}

TEST(BrokenRecords, InTheLaterPartOfOneFileCountBytesFromItsBeginning) {
  const TemporaryFolder folder;
  std::string text;
  while (text.size() < 10000) text += "0123456789012345678\n";
  text[9990] = '\xFF';
  write_text(folder / "one.txt", text);
  EXPECT_THAT(read_split(find_documents(folder / "one.txt"), 2),
              ElementsAre(HasSubstr("one.txt: invalid UTF-8: 0xFF is byte 9991 of the file")));
}

TEST(BrokenRecords, ATruncatedGzipKeepsTheLinesBeforeItsEnd) {
  const TemporaryFolder folder;
  std::string lines;
  for (int i = 0; i < 2000; ++i) lines += "{\"text\": \"" + std::to_string(i * 7919 % 10007) + "\"}\n";
  const std::string whole = gzipped(lines);
  write_text(folder / "train.jsonl.gz", whole.substr(0, whole.size() / 2));
  std::vector<std::string> texts;
  const DocumentSource source = find_documents(folder.path());
  RecordReader reader(source.splits[0]);
  std::string last;
  int64_t good = 0;
  for (Record record; reader.next(record); last = document_text(record).problem) good += record.problem.empty();
  EXPECT_GT(good, 500);
  EXPECT_LT(good, 1500);
  EXPECT_THAT(last, AllOf(HasSubstr("train.jsonl.gz:" + std::to_string(good + 1)), HasSubstr("truncated")));
}

TEST(BrokenRecords, DamageInASecondGzipMemberIsNotItsEnd) {
  const TemporaryFolder folder;
  const std::string first = gzipped("{\"text\": \"one\"}\n"), second = gzipped("{\"text\": \"two\"}\n");
  write_text(folder / "train.jsonl.gz", first + second + std::string(512, '\0'));
  EXPECT_THAT(read_split(find_documents(folder.path())), ElementsAre("one", "two"));
  std::string damaged = second;
  damaged[0] = 'x';
  write_text(folder / "train.jsonl.gz", first + damaged);
  const std::vector<std::string> texts = read_split(find_documents(folder.path()));
  ASSERT_EQ(texts.size(), 2u);
  EXPECT_EQ(texts[0], "one");
  EXPECT_THAT(texts[1], HasSubstr("train.jsonl.gz:2: the compressed data are damaged"));
}

TEST(BrokenRecords, DamagedGzipIsNoEndlessLoop) {
  const TemporaryFolder folder;
  std::string damaged = gzipped("{\"text\": \"" + std::string(1000, 'x') + "\"}\n");
  for (size_t i = 12; i < 20; ++i) damaged[i] = '\x55';
  write_text(folder / "train.jsonl.gz", damaged);
  const std::vector<std::string> texts = read_split(find_documents(folder.path()));
  ASSERT_EQ(texts.size(), 1u);
  EXPECT_THAT(texts[0], HasSubstr("train.jsonl.gz:1: the compressed data"));
}

TEST(DocumentSource, SaysWhatItExpects) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of<UserError>([&] { find_documents(folder / "absent"); }), HasSubstr("absent"));
  EXPECT_THAT(message_of<UserError>([&] { find_documents(folder.path()); }), HasSubstr("expected a folder with train"));
  std::filesystem::create_directories(folder / "train");
  EXPECT_THAT(message_of<UserError>([&] { find_documents(folder.path()); }), HasSubstr("no .txt"));
  write_text(folder / "train/a.txt", "text");
  write_text(folder / "train.jsonl", "{}");
  EXPECT_THAT(message_of<UserError>([&] { find_documents(folder.path()); }), HasSubstr("both train and train.jsonl"));
  write_text(folder / "book.pdf", "x");
  EXPECT_THAT(message_of<UserError>([&] { find_documents(folder / "book.pdf"); }), HasSubstr("book.pdf"));
  write_text(folder / "plain.jsonl.gz", "{\"text\": \"not compressed\"}\n");
  EXPECT_THAT(message_of<UserError>([&] { read_split(find_documents(folder / "plain.jsonl.gz")); }),
              HasSubstr("is not gzip'd"));
}

TEST(DocumentSource, HasAFingerprintOfNamesSizesAndContent) {
  const TemporaryFolder folder;
  write_text(folder / "train/a.txt", std::string(200000, 'a'));
  const nlohmann::json before = find_documents(folder.path()).fingerprint;
  EXPECT_EQ(find_documents(folder.path()).fingerprint, before);
  write_text(folder / "train/a.txt", std::string(199999, 'a') + "b");
  const nlohmann::json changed = find_documents(folder.path()).fingerprint;
  EXPECT_NE(changed, before);
  std::filesystem::rename(folder / "train/a.txt", folder / "train/b.txt");
  EXPECT_NE(find_documents(folder.path()).fingerprint, changed);
}

}  // namespace
}  // namespace infini
