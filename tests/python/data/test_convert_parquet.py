"""data/convert_parquet.py on small Parquet files."""

import subprocess
import sys

import pytest
from made_sources import SCRIPTS, converted, names_in, read_json_lines, refusal

SCRIPT = "convert_parquet.py"


def write_parquet(path, columns, **options):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.table(columns), path, **options)
    return path


def texts_of(folder):
    return sorted(text for _, text in read_json_lines(folder).values())


def test_any_column_can_be_the_text_over_many_row_groups(tmp_path):
    texts = [f"Article {i}: naïve\n" for i in range(500)]
    write_parquet(tmp_path / "a.parquet", {"body": texts, "n": list(range(500))}, row_group_size=70)
    report = converted(SCRIPT, tmp_path / "a.parquet", "--text-column", "body", "--id-column", "n", "--held-out", "0.1",
                       "--out", tmp_path / "out")
    documents = read_json_lines(tmp_path / "out")
    assert {identifier: text for identifier, (_, text) in documents.items()} == {
        str(i): text for i, text in enumerate(texts)}
    assert "skipped: nothing" in report
    assert {split for split, _ in documents.values()} == {"train", "validation", "test"}


def test_equal_texts_without_an_id_are_one(tmp_path):
    write_parquet(tmp_path / "a.parquet", {"text": ["a", "b", "a", None, ""]})
    report = converted(SCRIPT, tmp_path / "a.parquet", "--out", tmp_path / "out")
    assert texts_of(tmp_path / "out") == ["a", "b"]
    assert "1 the id of an earlier document" in report and "a.parquet, row 3" in report
    assert "2 no text" in report and "a.parquet, row 4" in report


def test_files_of_hugging_face_keep_their_split(tmp_path):
    for name, text in (("train-00000-of-00002", "a"), ("train-00001-of-00002", "b"), ("validation-00000-of-00001", "c"),
                       ("test-00000-of-00001", "d")):
        write_parquet(tmp_path / "source" / f"{name}.parquet", {"text": [text]})
    converted(SCRIPT, tmp_path / "source", "--out", tmp_path / "out")
    assert sorted(read_json_lines(tmp_path / "out").values()) == [
        ("test", "d"), ("train", "a"), ("train", "b"), ("validation", "c")]


def test_folders_keep_their_split_and_a_lone_train_is_shared_out(tmp_path):
    many = [f"text {i}" for i in range(100)]
    write_parquet(tmp_path / "source/train/0.parquet", {"text": many})
    converted(SCRIPT, tmp_path / "source", "--out", tmp_path / "alone", "--held-out", "0.2")
    assert {split for split, _ in read_json_lines(tmp_path / "alone").values()} == {"train", "validation", "test"}
    write_parquet(tmp_path / "source/test/0.parquet", {"text": ["held out"]})
    converted(SCRIPT, tmp_path / "source", "--out", tmp_path / "both")
    splits = [split for split, _ in read_json_lines(tmp_path / "both").values()]
    assert splits.count("train") == 100 and splits.count("test") == 1


def test_bytes_and_dictionaries_are_text_too(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    columns = {"bytes": pyarrow.array([b"a\r\n", b"\xe9"]), "words": pyarrow.array(["x", "y"]).dictionary_encode()}
    path = write_parquet(tmp_path / "a.parquet", columns)
    converted(SCRIPT, path, "--text-column", "words", "--out", tmp_path / "words")
    assert texts_of(tmp_path / "words") == ["x", "y"]
    assert "row 2: no UTF-8: byte 1 is 0xE9" in refusal(SCRIPT, path, "--text-column", "bytes", "--check")
    converted(SCRIPT, path, "--text-column", "bytes", "--on-bad-record", "skip", "--out", tmp_path / "bytes")
    assert texts_of(tmp_path / "bytes") == ["a\n"]


def test_wrong_columns_are_refused_with_those_that_there_are(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", {"body": ["a"], "n": [1]})
    line = refusal(SCRIPT, path, "--out", tmp_path / "out")
    assert 'has no column "text"; name one of these with --text-column: body, n' in line
    assert 'column "n" holds int64 and no text' in refusal(SCRIPT, path, "--text-column", "n", "--check")
    assert "with --id-column: body, n" in refusal(SCRIPT, path, "--text-column", "body", "--id-column", "x", "--check")
    assert names_in(tmp_path) == ["a.parquet"]


def test_a_file_that_was_cut_off_is_refused(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", {"text": ["a" * 1000]})
    path.write_bytes(path.read_bytes()[:-20])
    assert f"{path}: no whole Parquet file" in refusal(SCRIPT, path, "--out", tmp_path / "out")
    assert names_in(tmp_path) == ["a.parquet"]


def test_a_damaged_page_is_refused(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", {"text": [f"{i}" * 100 for i in range(1000)]}, compression="zstd")
    content = bytearray(path.read_bytes())
    content[40:200] = bytes(160)
    path.write_bytes(content)
    assert f"{path}: cannot be read behind row 0" in refusal(SCRIPT, path, "--out", tmp_path / "out")


def test_the_missing_package_is_told(tmp_path):
    # -E and -S hide installed packages.
    done = subprocess.run([sys.executable, "-ES", SCRIPTS / SCRIPT, tmp_path, "--check"], capture_output=True,
                          text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "pip install pyarrow" in done.stderr
