"""data/convert_pg19.py on small folders of PG-19's form."""

import os

import pytest
from made_sources import ONE_BOOK_EACH, converted, make_pg19, names_in, refusal, run_script

SCRIPT = "convert_pg19.py"


def test_books_keep_their_split_and_are_counted(tmp_path):
    source = make_pg19(tmp_path / "pg19", {**ONE_BOOK_EACH, "train/4": "Café, naïve.\n".encode()})
    report = converted(SCRIPT, source, "--out", tmp_path / "out")
    assert names_in(tmp_path / "out") == ["test", "train", "validation"]
    assert (tmp_path / "out/train/4.txt").read_bytes() == "Café, naïve.\n".encode()
    rows = {line.split()[0]: line.split()[1:] for line in report.splitlines() if line.split()}
    assert rows["train"] == ["2", "25", "23", "4"]  # documents, bytes, characters, words
    assert rows["validation"] == ["1", "14", "14", "2"]
    assert "skipped: nothing" in report and "changed: nothing" in report and "noted: nothing" in report


def test_odd_bytes_of_gutenberg_are_changed_and_counted(tmp_path):
    books = {
        **ONE_BOOK_EACH,
        "train/4": b"\xef\xbb\xbfWindows\r\nends, old Mac\rends.\r\n",
        "train/5": b"NUL \x00here, DOS end\x1a",
        "train/6": b"A page\x0cand a\ttab stay.\n",
    }
    report = converted(SCRIPT, make_pg19(tmp_path / "pg19", books), "--out", tmp_path / "out")
    assert (tmp_path / "out/train/4.txt").read_bytes() == b"Windows\nends, old Mac\nends.\n"
    assert (tmp_path / "out/train/5.txt").read_bytes() == b"NUL here, DOS end"
    assert (tmp_path / "out/train/6.txt").read_bytes() == books["train/6"]
    assert "1 without the byte order mark: train/4.txt" in report
    assert "1 with \\n for \\r\\n and \\r: train/4.txt" in report
    assert "1 without NUL and other control characters: train/5.txt" in report


def test_empty_books_and_strange_names_are_skipped_and_counted(tmp_path):
    source = make_pg19(tmp_path / "pg19", {**ONE_BOOK_EACH, "train/4": b"", "train/5": b" \r\n\x00"})
    (source / "train/notes.txt").write_text("no book")
    report = converted(SCRIPT, source, "--out", tmp_path / "out")
    assert names_in(tmp_path / "out/train") == ["1.txt"]
    assert "2 no text: train/4.txt, train/5.txt" in report
    assert "1 no book by its name, which should be ID.txt: train/notes.txt" in report


def test_only_the_first_examples_are_named(tmp_path):
    source = make_pg19(tmp_path / "pg19", {**ONE_BOOK_EACH, **{f"train/{10 + i}": b"" for i in range(5)}})
    assert "  5 no text: train/10.txt, train/11.txt, train/12.txt, …\n" in converted(SCRIPT, source, "--check")


def test_a_book_in_two_splits_stays_in_the_held_out_one(tmp_path):
    source = make_pg19(tmp_path / "pg19", {**ONE_BOOK_EACH, "train/3": b"The third book again.\n"})
    report = converted(SCRIPT, source, "--out", tmp_path / "out")
    assert "1 the id of an earlier document: train/3.txt" in report
    assert names_in(tmp_path / "out/train") == ["1.txt"]
    assert names_in(tmp_path / "out/test") == ["3.txt"]


def test_metadata_tells_which_books_are_missing_and_which_are_unknown(tmp_path):
    source = make_pg19(tmp_path / "pg19", ONE_BOOK_EACH, "1,T,1900,u\n2,T,1900,u\n\n77,T,1900,u\n")
    report = converted(SCRIPT, source, "--check")
    assert "1 in metadata.csv, but not in any folder: 77" in report
    assert "1 kept, but not in metadata.csv: test/3.txt" in report
    (source / "metadata.csv").unlink()
    assert "missing file" in converted(SCRIPT, source, "--check")


def test_broken_metadata_is_refused_with_its_line(tmp_path):
    source = make_pg19(tmp_path / "pg19", ONE_BOOK_EACH, "1,T,1900,u\nA title,1900\n")
    assert "metadata.csv:2: expected id, title, year" in refusal(SCRIPT, source, "--check")


def test_what_is_no_utf8_is_refused_skipped_or_read_otherwise(tmp_path):
    source = make_pg19(tmp_path / "pg19", {**ONE_BOOK_EACH, "train/4": b"Caf\xe9 \x93quoted\x94\n"})
    line = refusal(SCRIPT, source, "--out", tmp_path / "out")
    assert "train/4.txt: no UTF-8: byte 4 is 0xE9" in line and "--on-bad-record skip" in line
    assert names_in(tmp_path) == ["pg19"]
    assert "1 no UTF-8: train/4.txt" in converted(SCRIPT, source, "--check", "--on-bad-record", "skip")
    report = converted(SCRIPT, source, "--out", tmp_path / "out", "--other-encoding", "windows-1252")
    assert (tmp_path / "out/train/4.txt").read_text(encoding="utf-8") == "Café “quoted”\n"
    assert "1 read as windows-1252, being no UTF-8: train/4.txt" in report


def test_utf16_is_named(tmp_path):
    source = make_pg19(tmp_path / "pg19", {**ONE_BOOK_EACH, "train/4": "Book".encode("utf-16")})
    assert "iconv -f UTF-16" in refusal(SCRIPT, source, "--check", "--other-encoding", "latin-1")


def test_check_writes_nothing(tmp_path):
    source = make_pg19(tmp_path / "pg19", ONE_BOOK_EACH)
    converted(SCRIPT, source, "--check")
    assert names_in(tmp_path) == ["pg19"]
    assert names_in(source) == ["metadata.csv", "test", "train", "validation"]


def test_wrong_folders_are_refused(tmp_path):
    assert "no such folder" in refusal(SCRIPT, tmp_path / "nowhere", "--check")
    source = make_pg19(tmp_path / "pg19", ONE_BOOK_EACH)
    (source / "test/3.txt").unlink()
    (source / "test").rmdir()
    assert "has no folder test/" in refusal(SCRIPT, source, "--check")


def test_an_existing_output_is_refused_and_stays(tmp_path):
    source = make_pg19(tmp_path / "pg19", ONE_BOOK_EACH)
    (tmp_path / "out").mkdir()
    assert "is there already" in refusal(SCRIPT, source, "--out", tmp_path / "out")
    assert names_in(tmp_path) == ["out", "pg19"] and names_in(tmp_path / "out") == []


def test_an_existing_output_is_refused_before_anything_is_read(tmp_path):
    assert "is there already" in refusal(SCRIPT, tmp_path / "nowhere", "--out", tmp_path)


def test_a_folder_without_books_for_training_is_refused(tmp_path):
    source = make_pg19(tmp_path / "pg19", {**ONE_BOOK_EACH, "train/1": b""})
    done = run_script(SCRIPT, source, "--out", tmp_path / "out")
    assert done.returncode == 2 and "no document is left for train" in done.stderr
    assert "1 no text: train/1.txt" in done.stdout  # why
    assert names_in(tmp_path) == ["pg19"]


@pytest.mark.parametrize("arguments", [[], ["--check", "--out", "x"]])
def test_one_of_out_and_check_must_be_given(tmp_path, arguments):
    assert "give --out FOLDER to convert, or --check" in refusal(SCRIPT, tmp_path, *arguments)


def test_a_wrong_option_is_one_line(tmp_path):
    assert "--ouput" in refusal(SCRIPT, tmp_path, "--ouput", "x")


def test_the_output_is_as_open_as_other_folders(tmp_path):
    source = make_pg19(tmp_path / "pg19", ONE_BOOK_EACH)
    converted(SCRIPT, source, "--out", tmp_path / "out")
    (tmp_path / "usual").mkdir()
    assert os.stat(tmp_path / "out").st_mode == os.stat(tmp_path / "usual").st_mode
