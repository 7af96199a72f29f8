#include "data/document_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "data/byte_reader.h"
#include "data/record_reader.h"
#include "io/temporary_folder.h"
#include "log/error.h"
#include "text/utf8.h"

namespace infini {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TemporaryFolder;
using ::testing::UnorderedElementsAre;
using testing::write_text;

std::string gzipped(const std::string& text) {
  const TemporaryFolder folder;
  gzFile file = gzopen((folder / "x.gz").c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  return testing::read_text(folder / "x.gz");
}

/// Text files as they are, in one piece.
size_t uncut(std::string_view text, bool is_whole) { return is_whole ? text.size() : 0; }

/// With a checksum, as the command `zstd` does it.
std::string zstd_compressed(const std::string& text) {
  const std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string compressed(ZSTD_compressBound(text.size()), '\0');
  compressed.resize(ZSTD_compress2(context.get(), compressed.data(), compressed.size(), text.data(), text.size()));
  return compressed;
}

/// Texts of a split; broken records as "!PROBLEM".
std::vector<std::string> read_split(const DocumentSource& source, size_t split = 0) {
  std::vector<std::string> texts;
  RecordReader reader(source.splits.at(split), uncut);
  for (Record record; reader.next(record);) {
    const DocumentText document = document_text(record, "text");
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
    RecordReader reader(source.splits[0], uncut);
    reader.skip(skipped);
    size_t at = static_cast<size_t>(skipped);
    for (Record record; reader.next(record); ++at) {
      EXPECT_EQ(document_text(record, "text").text, all.at(at)[0] == '!' ? "" : all[at]);
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
  RecordReader reader(source.splits[0], uncut);
  std::string last;
  int64_t good = 0;
  for (Record record; reader.next(record); last = document_text(record, "text").problem) good += record.problem.empty();
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
              HasSubstr("is not compressed with gzip"));
}

TEST(DocumentSource, ReadsFoldersInsideCapitalLettersGzipAndZstd) {
  const TemporaryFolder folder;
  write_text(folder / "train/a/deep/1.txt", "one");
  write_text(folder / "train/B.TXT", "two");
  write_text(folder / "train/c.txt.gz", gzipped("three"));
  write_text(folder / "train/d.txt.zst", zstd_compressed("four"));
  write_text(folder / "train/e.jsonl.zst", zstd_compressed("{\"text\": \"five\"}\n"));
  EXPECT_THAT(read_split(find_documents(folder.path())), UnorderedElementsAre("one", "two", "three", "four", "five"));
}

TEST(DocumentSource, ReadsAllFramesOfALargeZstdFile) {
  const TemporaryFolder folder;
  std::string text;
  for (int64_t i = 0; i < 400000; ++i) text += std::to_string(i * 7919 % 10007) + (i % 9 == 0 ? "\n" : " ");
  const size_t half = text.size() / 2;
  const std::string frames = zstd_compressed(text.substr(0, half)) + zstd_compressed(text.substr(half));
  const auto read_as = [&](const std::string& bytes) {
    write_text(folder / "train/a.txt.zst", bytes);
    return read_split(find_documents(folder.path())).at(0);
  };
  EXPECT_TRUE(read_as(frames) == text);
  EXPECT_THAT(read_as(frames.substr(0, frames.size() - 5)).substr(0, 200), HasSubstr("the file is truncated"));
  std::string damaged = frames;
  damaged[200] = static_cast<char>(damaged[200] ^ 0x55);
  EXPECT_THAT(read_as(damaged).substr(0, 200), HasSubstr("the compressed data are damaged"));
}

TEST(ByteReader, GivesWhatZstdHoldsBackAtTheEndOfTheFile) {
  const TemporaryFolder folder;
  const std::string run(100'000, 'x');
  std::string frame(ZSTD_compressBound(run.size()), '\0');  // without a checksum, which would be read last
  frame.resize(ZSTD_compress(frame.data(), frame.size(), run.data(), run.size(), 3));
  write_text(folder / "a.zst", frame);
  ByteReader reader(folder / "a.zst");
  std::string all, problem;
  char bytes[1000];
  while (const size_t count = reader.read(bytes, sizeof bytes, problem)) all.append(bytes, count);
  EXPECT_EQ(problem, "");
  EXPECT_TRUE(all == run);
}

TEST(DocumentSource, TakesValValidAndDevForValidation) {
  for (const std::string name : {"val", "valid", "dev", "Validation"}) {
    const TemporaryFolder folder;
    write_text(folder / "train.txt", "one");
    write_text(folder / name / "a.txt", "two");
    const DocumentSource source = find_documents(folder.path());
    ASSERT_EQ(source.splits.size(), 2u) << name;
    EXPECT_EQ(source.splits[1].name, "validation");
    EXPECT_THAT(read_split(source, 1), ElementsAre("two"));
  }
}

TEST(DocumentSource, TellsEveryFileThatIsLeftOutAndWhy) {
  const TemporaryFolder folder;
  write_text(folder / "train/a.txt", "one");
  write_text(folder / "train/notes.md", "no document");
  write_text(folder / "train/pointer.txt", "version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n");
  write_text(folder / "validation.json", "[]");
  write_text(folder / "extra/b.txt", "two");
  std::filesystem::create_symlink("nowhere", folder / "test.txt");
  std::filesystem::create_directory_symlink("../train", folder / "train/again");
  ::testing::internal::CaptureStderr();
  const DocumentSource source = find_documents(folder.path());
  const std::string told = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(read_split(source), ElementsAre("one"));
  EXPECT_THAT(told, HasSubstr("train/notes.md: its name does not end in .txt"));
  EXPECT_THAT(told, HasSubstr("train/pointer.txt: a pointer of git-lfs in the file's place; fetch the file with"));
  EXPECT_THAT(told, HasSubstr("validation.json: JSON as a whole; make it .jsonl"));
  EXPECT_THAT(told, HasSubstr("extra: its name is none of train, validation and test"));
  EXPECT_THAT(told, HasSubstr("test.txt: a link that leads nowhere"));
  EXPECT_THAT(told, HasSubstr("train/again: a link to a folder"));
}

TEST(DocumentSource, TellsABoundedNumberOfFilesThatAreLeftOut) {
  const TemporaryFolder folder;
  write_text(folder / "train/a.txt", "one");
  for (int i = 0; i < 30; ++i) write_text(folder / ("train/" + std::to_string(i) + ".pdf"), "x");
  ::testing::internal::CaptureStderr();
  find_documents(folder.path());
  const std::string told = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 10 + 1 + 1);  // and the progress of the checksums
  EXPECT_THAT(told, HasSubstr("left out 20 more files"));
}

TEST(DocumentSource, RefusesASplitThatIsAFileWithoutAnEnding) {
  const TemporaryFolder folder;
  write_text(folder / "train", "text");
  EXPECT_THAT(message_of<UserError>([&] { find_documents(folder.path()); }),
              AllOf(HasSubstr("cannot read " + (folder / "train").string()), HasSubstr("call it train.txt")));
}

TEST(DocumentSource, SharesOutACompressedTextLikeAPlainOne) {
  const TemporaryFolder folder;
  std::string text;
  for (int line = 0; line < 1000; ++line) text += "line " + std::to_string(line) + "\n";
  write_text(folder / "book.txt", text);
  write_text(folder / "book.txt.gz", gzipped(text));
  const DocumentSource plain = find_documents(folder / "book.txt"), compressed = find_documents(folder / "book.txt.gz");
  ASSERT_EQ(compressed.splits.size(), 3u);
  for (size_t split = 0; split < 3; ++split) EXPECT_EQ(read_split(compressed, split), read_split(plain, split));
}

TEST(DocumentSource, DropsAByteOrderMark) {
  const TemporaryFolder folder;
  write_text(folder / "train/a.txt", "\xEF\xBB\xBFtext");
  write_text(folder / "train/b.jsonl", "\xEF\xBB\xBF{\"text\": \"line\"}\n");
  EXPECT_THAT(read_split(find_documents(folder.path())), ElementsAre("text", "line"));
}

TEST(BrokenRecords, NameUtf16AsSuch) {
  const TemporaryFolder folder;
  write_text(folder / "train/a.txt", std::string("\xFF\xFEt\0e\0", 6));
  write_text(folder / "train/b.jsonl", std::string("\xFE\xFF\0{", 4));
  EXPECT_THAT(read_split(find_documents(folder.path())),
              ElementsAre(HasSubstr("a.txt: the file is UTF-16"), HasSubstr("b.jsonl:1: the file is UTF-16")));
}

TEST(BrokenRecords, HaveANumberThatIsTooLarge) {
  const TemporaryFolder folder;
  write_text(folder / "train.jsonl", "{\"text\": \"ok\"}\n{\"text\": \"ok\", \"m\": 1e400}\n");
  EXPECT_THAT(
      read_split(find_documents(folder.path())),
      ElementsAre("ok", HasSubstr("train.jsonl:2: not valid JSON at byte 25 of the line: a number is too large")));
}

TEST(RecordReader, GivesALongTextInPiecesThatJoin) {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 300000; ++i) text += "word" + std::to_string(i) + (i % 10 == 0 ? "\n" : " ");
  text[3'000'000] = '\xFF';
  write_text(folder / "train/a.txt.gz", gzipped(text));
  const DocumentSource source = find_documents(folder.path());
  const auto at_most_1000 = [](std::string_view pending, bool is_whole) {
    return pending.size() > 1000 ? size_t{1000} : is_whole ? pending.size() : 0;
  };
  RecordReader reader(source.splits[0], at_most_1000);
  std::string joined;
  size_t pieces = 0;
  bool ended = false;
  for (Record record; reader.next(record); ++pieces) {
    EXPECT_EQ(record.begins, pieces == 0);
    EXPECT_EQ(record.offset, static_cast<int64_t>(joined.size()));
    EXPECT_EQ(record.in_a_word, pieces > 0 && !is_space(joined.back()));
    ended = record.ends;
    joined += record.content;
    const std::string problem = document_text(record, "text").problem;
    if (record.offset != 3'000'000) {
      EXPECT_EQ(problem, "");
    } else {
      const auto line = 1 + std::count(text.begin(), text.begin() + 3'000'000, '\n');
      EXPECT_THAT(problem, HasSubstr("a.txt.gz:" + std::to_string(line) + ": invalid UTF-8: 0xFF is byte 3000001"));
    }
  }
  EXPECT_EQ(joined, text);
  EXPECT_GT(pieces, 1000u);
  EXPECT_TRUE(ended);
}

TEST(DocumentSource, HasAFingerprintOfNamesSizesAndContent) {
  const TemporaryFolder folder;
  write_text(folder / "train/a.txt", std::string(200000, 'a'));
  const nlohmann::json before = find_documents(folder.path()).fingerprint;
  EXPECT_EQ(find_documents(folder.path()).fingerprint, before);
  std::string text(200000, 'a');
  text[100000] = 'b';
  write_text(folder / "train/a.txt", text);
  const nlohmann::json changed = find_documents(folder.path()).fingerprint;
  EXPECT_NE(changed, before);
  std::filesystem::rename(folder / "train/a.txt", folder / "train/b.txt");
  EXPECT_NE(find_documents(folder.path()).fingerprint, changed);
}

}  // namespace
}  // namespace infini
