#include "data/prepare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>

#include "data/data_folder.h"
#include "data/prepared_data.h"
#include "log/error.h"
#include "log/standard_error.h"
#include "text/lossy_model.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace infini {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;
using testing::prepare_options;
using testing::random_text;
using testing::read_text;
using testing::TemporaryFolder;
using testing::texts_of;
using testing::write_books;
using testing::write_text;

/// Name and content of every file below a folder.
std::map<std::string, std::string> files_of(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files[entry.path().lexically_relative(folder)] = read_text(entry.path());
  }
  return files;
}

std::vector<std::string> some_books(int count, int64_t length = 300) {
  std::vector<std::string> texts;
  for (int i = 0; i < count; ++i) texts.push_back(random_text(length + 13 * i, static_cast<uint64_t>(i)));
  return texts;
}

TEST(Prepare, CountsDocumentsTokensBytesAndWordsOfEachSplit) {
  const TemporaryFolder folder;
  write_books(folder / "source", {"Call me Ishmael.\n", "Caf\xC3\xA9 noir"}, "train");
  write_books(folder / "source", {"one two"}, "validation");
  const DatasetDescription description = prepare(prepare_options(folder / "source", folder / "out"));
  ASSERT_EQ(description.splits.size(), 2u);
  EXPECT_EQ(description.splits[0].documents, 2);
  EXPECT_EQ(description.splits[0].bytes, 17 + 10);
  EXPECT_EQ(description.splits[0].words, 3 + 2);
  EXPECT_EQ(description.splits[0].tokens, 17 + 10 + 2);
  const TokenDataset train(folder / "out/train");
  EXPECT_THAT(texts_of(train), ElementsAre("Call me Ishmael.\n", "Caf\xC3\xA9 noir"));
  EXPECT_EQ(train.words(0), 3);
  EXPECT_EQ(train.words(1), 2);
  EXPECT_THAT(texts_of(TokenDataset(folder / "out/validation")), ElementsAre("one two"));
  EXPECT_EQ(load_tokenizer(folder / "out")->vocab_size(), 256);
}

TEST(Prepare, GivesTheSameFilesWithAnyNumberOfThreads) {
  const TemporaryFolder folder;
  write_books(folder / "source", some_books(40));
  PrepareOptions one = prepare_options(folder / "source", folder / "one");
  one.threads = 1;
  one.shard_tokens = 2000;
  PrepareOptions many = one;
  many.out = folder / "many";
  many.threads = 7;
  prepare(one);
  prepare(many);
  EXPECT_EQ(files_of(one.out), files_of(many.out));
}

TEST(Prepare, BoundsItsShardsAndKeepsDocumentsWhole) {
  const TemporaryFolder folder;
  write_books(folder / "source", {random_text(40, 0), random_text(58, 1), random_text(500, 2), random_text(99, 3)});
  PrepareOptions options = prepare_options(folder / "source", folder / "out");
  options.shard_tokens = 100;
  EXPECT_EQ(prepare(options).splits[0].shards, 3);  // 41 + 59, 501, 100
  EXPECT_EQ(Shard(shard_file(folder / "out/train", 0)).header().tokens, 100u);
  EXPECT_EQ(Shard(shard_file(folder / "out/train", 1)).header().tokens, 501u);
  EXPECT_EQ(Shard(shard_file(folder / "out/train", 2)).header().tokens, 100u);
}

TEST(Prepare, DoesNothingOnAFinishedFolderButChecksIt) {
  const TemporaryFolder folder;
  write_books(folder / "source", some_books(3));
  const PrepareOptions options = prepare_options(folder / "source", folder / "out");
  prepare(options);
  const auto before = files_of(options.out);
  const auto written = std::filesystem::last_write_time(shard_file(options.out / "train", 0));
  EXPECT_EQ(prepare(options).splits[0].documents, 3);
  EXPECT_EQ(files_of(options.out), before);
  EXPECT_EQ(std::filesystem::last_write_time(shard_file(options.out / "train", 0)), written);

  std::string damaged = before.at("train/shard-00000.bin");
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  write_text(shard_file(options.out / "train", 0), damaged);
  EXPECT_THAT(message_of<UserError>([&] { prepare(options); }), HasSubstr("shard-00000.bin is damaged"));
}

TEST(Prepare, RefusesAFinishedFolderOfOtherOptionsOrSource) {
  const TemporaryFolder folder;
  write_books(folder / "source", some_books(3));
  PrepareOptions options = prepare_options(folder / "source", folder / "out");
  prepare(options);
  options.shard_tokens = 77;
  EXPECT_THAT(message_of<UserError>([&] { prepare(options); }), HasSubstr("shard_tokens was 67108864, now it is 77"));
  options = prepare_options(folder / "source", folder / "out");
  write_text(folder / "source/train/00.txt", "changed");
  EXPECT_THAT(message_of<UserError>([&] { prepare(options); }), HasSubstr("source was"));
}

TEST(Prepare, LeavesFoldersOfOthersAlone) {
  const TemporaryFolder folder;
  write_books(folder / "source", some_books(1));
  write_text(folder / "home/letter.txt", "dear");
  EXPECT_THAT(message_of<UserError>([&] { prepare(prepare_options(folder / "source", folder / "home")); }),
              HasSubstr("letter.txt"));
  EXPECT_EQ(files_of(folder / "home").size(), 1u);
  EXPECT_THAT(message_of<UserError>([&] { prepare(prepare_options(folder / "source", folder / "home/letter.txt")); }),
              HasSubstr("cannot make the folder"));
}

TEST(Prepare, GoesOnBehindWholeShardsWithTheSameResult) {
  const TemporaryFolder folder;
  std::string lines;
  for (int i = 0; i < 60; ++i) {
    if (i % 7 == 3) lines += "broken line\n";
    if (i % 5 == 0) lines += "\n";
    lines += "{\"text\": \"" + random_text(50 + 3 * i, static_cast<uint64_t>(i)) + "\"}\n";
  }
  write_text(folder / "source/train.jsonl", lines + "broken at the end\n");
  PrepareOptions options = prepare_options(folder / "source", folder / "undisturbed");
  options.shard_tokens = 700;
  options.on_bad_record = OnBadRecord::skip;
  const DatasetDescription undisturbed = prepare(options);
  const auto expected = files_of(options.out);
  ASSERT_GT(undisturbed.splits[0].shards, 8);
  EXPECT_EQ(undisturbed.splits[0].skipped, 10);

  // What is on the disk after a kill: some first shards, half a file beside its place, no dataset.json.
  const nlohmann::json made_from = nlohmann::json::parse(expected.at("dataset.json")).at("made_from");
  for (int64_t whole = 0; whole <= undisturbed.splits[0].shards; ++whole) {
    options.out = folder / ("killed-" + std::to_string(whole));
    write_text(options.out / "half_done.json", made_from.dump());
    for (int64_t shard = 0; shard < whole; ++shard) {
      const std::string name = shard_file("train", shard);
      write_text(options.out / name, expected.at(name));
    }
    const std::filesystem::path next = shard_file(options.out / "train", whole);
    write_text(next.parent_path() / ("." + next.filename().string() + ".partial"), "half a sh");
    EXPECT_THAT(message_of<UserError>([&] { TokenDataset(options.out / "train"); }), HasSubstr("only half prepared"));
    EXPECT_EQ(prepare(options).splits[0].skipped, 10);
    auto files = files_of(options.out);
    files.erase(std::filesystem::path(shard_file("train", whole)).parent_path() /
                ("." + next.filename().string() + ".partial"));  // stays only where no further shard was to be written
    EXPECT_EQ(files, expected) << whole;
  }
}

TEST(Prepare, KilledAtRandomMomentsEndsWithTheSameFiles) {
  const TemporaryFolder folder;
  write_books(folder / "source", some_books(60, 20000));
  PrepareOptions options = prepare_options(folder / "source", folder / "undisturbed");
  options.shard_tokens = 50000;
  prepare(options);
  const auto expected = files_of(options.out);

  options.out = folder / "killed";
  bool killed_in_between = false;
  for (int attempt = 0; attempt < 200; ++attempt) {
    const pid_t child = fork();
    if (child == 0) {
      prepare(options);
      _exit(0);
    }
    usleep(static_cast<useconds_t>(500 + 900 * attempt));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) break;
    killed_in_between = killed_in_between || std::filesystem::exists(shard_file(options.out / "train", 0));
  }
  EXPECT_TRUE(killed_in_between) << "no kill came between two shards";
  prepare(options);
  EXPECT_EQ(files_of(options.out), expected);
}

TEST(Prepare, RefusesToGoOnWithOtherOptionsUnlessNothingWouldBeLost) {
  const TemporaryFolder folder;
  write_books(folder / "source", some_books(10));
  write_text(folder / "source/train/99.txt", "bad \xFF");
  PrepareOptions options = prepare_options(folder / "source", folder / "out");
  options.shard_tokens = 700;
  EXPECT_THROW(prepare(options), UserError);  // at the last file; shards before it are whole
  ASSERT_TRUE(std::filesystem::exists(shard_file(options.out / "train", 2)));

  PrepareOptions other = options;
  other.shard_tokens = 800;
  EXPECT_THAT(message_of<UserError>([&] { prepare(other); }),
              AllOf(HasSubstr("half prepared"), HasSubstr("shard_tokens was 700, now it is 800")));
  // What happens to broken records does not change the whole shards.
  options.on_bad_record = OnBadRecord::skip;
  EXPECT_EQ(prepare(options).splits[0].documents, 10);

  other.out = folder / "begun";
  write_text(folder / "source/train/00.txt", "bad \xFF");
  EXPECT_THROW(prepare(other), UserError);  // before any shard
  write_text(folder / "source/train/00.txt", "mended");
  std::filesystem::remove(folder / "source/train/99.txt");
  EXPECT_EQ(prepare(other).splits[0].documents, 10);
}

TEST(Prepare, StopsAtTheFirstBrokenRecordOrSkipsAndCountsThem) {
  const TemporaryFolder folder;
  write_text(folder / "source/train.jsonl",
             "{\"text\": \"one\"}\nnot JSON\n{\"text\": \"two\"}\n{\"texts\": \"three\"}\n{\"text\": \"four\"}\n");
  PrepareOptions options = prepare_options(folder / "source", folder / "out");
  EXPECT_THAT(message_of<BrokenRecord>([&] { prepare(options); }), HasSubstr("train.jsonl:2: not valid JSON"));
  EXPECT_FALSE(std::filesystem::exists(folder / "out/dataset.json"));
  options.on_bad_record = OnBadRecord::skip;
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(prepare(options).splits[0].skipped, 2);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("train.jsonl:2:"), HasSubstr("train.jsonl:4:"), HasSubstr("2 of 5 records")));
  EXPECT_THAT(texts_of(TokenDataset(folder / "out/train")), ElementsAre("one", "two", "four"));
}

TEST(Prepare, NeedsADocumentForTraining) {
  const TemporaryFolder folder;
  write_text(folder / "source/train.jsonl", "nothing\n");
  PrepareOptions options = prepare_options(folder / "source", folder / "out");
  options.on_bad_record = OnBadRecord::skip;
  EXPECT_THAT(message_of<UserError>([&] { prepare(options); }), HasSubstr("no document for training"));
}

TEST(Prepare, TrainsATokenizerOnTheTrainSplitAndSavesIt) {
  const TemporaryFolder folder;
  write_books(folder / "source", some_books(20, 1000));
  write_books(folder / "source", {"a sealed test text"}, "test");
  PrepareOptions options = prepare_options(folder / "source", folder / "out");
  options.tokenizer = "sentencepiece";
  options.vocab_size = 400;
  const DatasetDescription description = prepare(options);
  EXPECT_EQ(description.vocab_size, 400);
  const auto tokenizer = load_tokenizer(folder / "out");
  const TokenDataset train(folder / "out/train");
  EXPECT_EQ(train.vocab_size(), 400);
  std::vector<int64_t> tokens(static_cast<size_t>(train.length(3)));
  train.read(3, 0, train.length(3), tokens.data());
  EXPECT_EQ(tokens[0], tokenizer->document_start());
  EXPECT_EQ(tokens.back(), tokenizer->eos());
  EXPECT_EQ(tokenizer->decode({tokens.begin() + 1, tokens.end() - 1}), some_books(20, 1000)[3]);
  EXPECT_EQ(train.bytes(3), 1039);

  PrepareOptions given = prepare_options(folder / "source", folder / "given");
  given.tokenizer = folder / "out/tokenizer.model";
  prepare(given);
  EXPECT_EQ(read_text(folder / "given/train/shard-00000.bin"), read_text(folder / "out/train/shard-00000.bin"));
}

TEST(Prepare, SaysHowMuchOfASplitTheTokenizerCannotExpress) {
  const TemporaryFolder folder;
  write_text(folder / "lossy.model", testing::lossy_model());
  write_books(folder / "source", {"the wise men read"});
  write_books(folder / "source", {"the \xD1\x87\xD1\x82\xD0\xBE"}, "test");
  PrepareOptions options = prepare_options(folder / "source", folder / "out");
  options.tokenizer = folder / "lossy.model";
  const std::string lines = into_a_pipe([&] { prepare(options); });
  EXPECT_THAT(lines, AllOf(HasSubstr("test: "), HasSubstr("% of the tokens (1) stand for text that the tokenizer "),
                           HasSubstr("falls back to bytes"), Not(HasSubstr("train: 0"))));
}

TEST(Prepare, RefusesSentencepieceDataWhoseDocumentsHaveNoEnd) {
  const TemporaryFolder folder;
  write_text(folder / "dataset.json",
             R"({"version": 1, "tokenizer": {"kind": "sentencepiece", "vocab_size": 400, "document_start": 1},
                 "splits": {}, "made_from": {}})");
  EXPECT_THAT(message_of<UserError>([&] { read_dataset_description(folder.path()); }),
              HasSubstr("is of version 1, expected 2; prepare the data again"));
}

TEST(Prepare, KeepsWholeShardsWhenTheDiskIsFullAndGoesOnLater) {
  const TemporaryFolder folder;
  write_books(folder / "source", some_books(30, 20000));
  PrepareOptions options = prepare_options(folder / "source", folder / "elsewhere");
  options.shard_tokens = 100000;
  prepare(options);
  const auto expected = files_of(options.out);

  const std::filesystem::path disk = folder / "disk";
  std::filesystem::create_directories(disk);
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=300k") != 0) GTEST_SKIP() << "only root can mount a small disk";
  options.out = disk / "out";
  std::string message;
  try {
    prepare(options);
  } catch (const std::runtime_error& error) {
    message = error.what();
  }
  const auto kept = files_of(options.out);
  mount("tmpfs", disk.c_str(), "tmpfs", MS_REMOUNT, "size=3m");
  prepare(options);
  const auto resumed = files_of(options.out);
  umount(disk.c_str());
  EXPECT_THAT(message, AllOf(HasSubstr("shard-00003.bin"), HasSubstr("No space left"), HasSubstr("make room")));
  EXPECT_TRUE(kept.contains("train/shard-00002.bin"));
  EXPECT_FALSE(kept.contains("train/shard-00003.bin"));
  EXPECT_FALSE(kept.contains("dataset.json"));
  EXPECT_EQ(resumed, expected);
}

TEST(Prepare, FindsAnEditInTheMiddleOfAFile) {
  const TemporaryFolder folder;
  std::string text = random_text(340000, 1);
  write_text(folder / "book.txt", text);
  const PrepareOptions options = prepare_options(folder / "book.txt", folder / "out");
  prepare(options);
  const auto written = std::filesystem::last_write_time(folder / "book.txt");
  text.replace(150000, 20000, random_text(20000, 2));
  write_text(folder / "book.txt", text);
  std::filesystem::last_write_time(folder / "book.txt", written);
  EXPECT_THAT(message_of<UserError>([&] { prepare(options); }), HasSubstr("prepared from something else: source was"));
}

TEST(Prepare, GivesALongDocumentAShardOfItsOwnAsIfItHadBeenHeldInMemory) {
  const TemporaryFolder folder;
  const std::vector<std::string> texts = {random_text(300, 1), random_text(5'000'000, 2), random_text(200, 3),
                                          random_text(3'000'000, 4) + "\xFF", random_text(50, 5)};
  write_books(folder / "source", texts);
  PrepareOptions options = prepare_options(folder / "source", folder / "out");
  options.shard_tokens = 1000;
  options.on_bad_record = OnBadRecord::skip;
  const DatasetDescription description = prepare(options);
  const TokenDataset train(folder / "out/train");
  EXPECT_THAT(texts_of(train), ElementsAre(texts[0], texts[1], texts[2], texts[4]));
  EXPECT_EQ(description.splits[0].skipped, 1);
  EXPECT_EQ(train.words(1), count_words(texts[1]));
  train.verify();
  EXPECT_EQ(Shard(shard_file(folder / "out/train", 1)).header().tokens, 5'000'001u);
  EXPECT_FALSE(std::filesystem::exists(folder / "out/train/.shard-00002.bin.partial"));

  // Begun again behind any whole shard, it ends with the same files.
  const auto expected = files_of(options.out);
  for (int64_t whole = 0; whole < description.splits[0].shards; ++whole) {
    options.out = folder / ("killed-" + std::to_string(whole));
    write_text(options.out / "half_done.json",
               nlohmann::json::parse(expected.at("dataset.json")).at("made_from").dump());
    for (int64_t shard = 0; shard < whole; ++shard) {
      const std::string name = shard_file("train", shard);
      write_text(options.out / name, expected.at(name));
    }
    prepare(options);
    EXPECT_EQ(files_of(options.out), expected) << whole;
  }
}

TEST(Prepare, HoldsOnlyPiecesOfALongDocument) {
  const TemporaryFolder folder;
  {
    std::ofstream book(folder / "train.txt");
    const std::string line = random_text(999, 1) + "\n";
    for (int i = 0; i < 300'000; ++i) book << line;  // 300 MB
  }
  const auto peak_kibibytes = [] {
    struct rusage usage {};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const pid_t child = fork();
  if (child == 0) {
    const int64_t before = peak_kibibytes();
    PrepareOptions options = prepare_options(folder.path(), folder / "out");
    options.threads = 1;
    options.shard_tokens = 1 << 20;
    prepare(options);
    const int64_t mebibytes = (peak_kibibytes() - before) >> 10;
    _exit(static_cast<int>(std::min<int64_t>(mebibytes, 255)));
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(TokenDataset(folder / "out/train").length(0), 300'000'001);
  EXPECT_LT(WEXITSTATUS(status), 100) << "MiB, of which the tokenizer, zlib and blocks in flight take their share";
}

TEST(Prepare, TakesTheTextUnderTheKeyThatIsNamed) {
  const TemporaryFolder folder;
  write_text(folder / "source/train.jsonl", "{\"body\": \"one\", \"text\": \"title\"}\n");
  PrepareOptions options = prepare_options(folder / "source", folder / "out");
  options.text_key = "body";
  prepare(options);
  EXPECT_THAT(texts_of(TokenDataset(folder / "out/train")), ElementsAre("one"));
  options.text_key = "text";
  EXPECT_THAT(message_of<UserError>([&] { prepare(options); }), HasSubstr("text_key was \"body\", now it is \"text\""));
  options.out = folder / "other";
  options.text_key = "content";
  EXPECT_THAT(message_of<BrokenRecord>([&] { prepare(options); }), HasSubstr("is no object with a \"content\""));
}

TEST(Prepare, SaysThatItsOwnNotesAreDamaged) {
  const TemporaryFolder folder;
  write_books(folder / "source", some_books(1));
  const PrepareOptions options = prepare_options(folder / "source", folder / "out");
  for (const std::string notes : {"[]", "5", "{\"source\": 1e400}", "{"}) {
    write_text(folder / "out/half_done.json", notes);
    EXPECT_THAT(message_of<UserError>([&] { prepare(options); }), HasSubstr("half_done.json")) << notes;
  }
}

TEST(Prepare, RefusesWrongOptions) {
  const TemporaryFolder folder;
  write_books(folder / "source", some_books(1));
  const auto message = [&](auto change) {
    PrepareOptions options = prepare_options(folder / "source", folder / "out");
    change(options);
    return message_of<UserError>([&] { prepare(options); });
  };
  EXPECT_THAT(message([](PrepareOptions& o) { o.tokenizer = "words"; }), HasSubstr("'words', expected bytes"));
  EXPECT_THAT(message([](PrepareOptions& o) { o.tokenizer = "absent.model"; }), HasSubstr("absent.model"));
  EXPECT_THAT(message([](PrepareOptions& o) { o.vocab_size = 300; }), HasSubstr("vocab_size is for"));
  EXPECT_THAT(message([](PrepareOptions& o) { o.threads = -1; }), HasSubstr("threads must"));
  EXPECT_THAT(message([](PrepareOptions& o) { o.shard_tokens = 0; }), HasSubstr("shard_tokens must"));
  EXPECT_THAT(message([&](PrepareOptions& o) { o.source = folder / "absent"; }), HasSubstr("absent"));
}

TEST(Prepare, TellsTwoProcessesApart) {
  const TemporaryFolder folder;
  write_books(folder / "source", some_books(1));
  const PrepareOptions options = prepare_options(folder / "source", folder / "out");
  const DataFolder held(options.out, nlohmann::json::object());
  EXPECT_THAT(message_of<UserError>([&] { prepare(options); }), HasSubstr("another process"));
}

TEST(Prepare, ReadsTheBooksOfPg19) {
  const char* const shared = std::getenv("INFINI_SHARED_DATA");
  const std::filesystem::path checkout = INFINI_SOURCE_FOLDER;
  const std::filesystem::path data = shared != nullptr ? std::filesystem::path(shared) : checkout / "../shared/data";
  const std::filesystem::path books = data / "pg19-mini";
  if (!std::filesystem::exists(books)) GTEST_SKIP() << "no " << books << "; set INFINI_SHARED_DATA";
  const TemporaryFolder folder;
  PrepareOptions options = prepare_options(books, folder / "out");
  options.shard_tokens = 1 << 20;
  const DatasetDescription description = prepare(options);
  EXPECT_EQ(description.splits.size(), 3u);
  const TokenDataset test(folder / "out/test");
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(books / "test")) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<std::string> expected;
  for (const auto& file : files) expected.push_back(read_text(file));
  EXPECT_EQ(texts_of(test), expected);
}

}  // namespace
}  // namespace infini
