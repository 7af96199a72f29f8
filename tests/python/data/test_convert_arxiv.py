"""data/convert_arxiv.py on small files of RedPajama's form."""

import gzip
import json
import os
import subprocess
import sys

import pytest
from made_sources import SCRIPTS, converted, json_lines, names_in, paper, read_json_lines, refusal, write_json_lines

SCRIPT = "convert_arxiv.py"


def zstd_compressed(content):
    return pytest.importorskip("zstandard").ZstdCompressor().compress(content)


def many_papers(count=300):
    return [paper(f"1304.{i:04}", f"\\section{{Paper {i}}}\n") for i in range(count)]


def test_plain_gzip_and_zstd_give_the_same(tmp_path):
    rows = many_papers()
    content = json_lines(rows)
    half = len(json_lines(rows[:150]))
    forms = {
        "plain.jsonl": content,
        "one.jsonl.gz": gzip.compress(content),
        "two.jsonl.gz": gzip.compress(content[:half]) + gzip.compress(content[half:]) + b"\0" * 512,
    }
    for name, form in forms.items():
        (tmp_path / name).write_bytes(form)
        converted(SCRIPT, tmp_path / name, "--out", tmp_path / f"out-{name}")
    documents = read_json_lines(tmp_path / "out-plain.jsonl")
    assert {identifier: text for identifier, (_, text) in documents.items()} == {
        row["meta"]["arxiv_id"]: row["text"] for row in rows}
    for name in forms:
        assert read_json_lines(tmp_path / f"out-{name}") == documents


def test_zstd_of_several_frames_is_read(tmp_path):
    rows = many_papers(20)
    to_be_skipped = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"
    (tmp_path / "papers.jsonl.zst").write_bytes(
        to_be_skipped + zstd_compressed(json_lines(rows[:10])) + zstd_compressed(json_lines(rows[10:])))
    converted(SCRIPT, tmp_path / "papers.jsonl.zst", "--out", tmp_path / "out")
    assert len(read_json_lines(tmp_path / "out")) == 20


def test_the_split_depends_on_the_id_alone(tmp_path):
    rows = many_papers(2000)
    write_json_lines(tmp_path / "a.jsonl", rows)
    write_json_lines(tmp_path / "b.jsonl", rows[:-1000:-1])
    converted(SCRIPT, tmp_path / "a.jsonl", "--out", tmp_path / "a", "--held-out", "0.1")
    converted(SCRIPT, tmp_path / "b.jsonl", "--out", tmp_path / "b", "--held-out", "0.1")
    all_of_them, some = read_json_lines(tmp_path / "a"), read_json_lines(tmp_path / "b")
    assert some.items() < all_of_them.items()
    count = {split: sum(s == split for s, _ in all_of_them.values()) for split in ("validation", "test")}
    assert 150 < count["validation"] < 250 and 150 < count["test"] < 250  # 200 ± 3.7 standard deviations


def test_a_larger_share_takes_from_train_alone(tmp_path):
    write_json_lines(tmp_path / "a.jsonl", many_papers(2000))
    for share in ("0.02", "0.1"):
        converted(SCRIPT, tmp_path / "a.jsonl", "--out", tmp_path / share, "--held-out", share)
    small, large = read_json_lines(tmp_path / "0.02"), read_json_lines(tmp_path / "0.1")
    for identifier, (split, _) in small.items():
        assert split == "train" or large[identifier][0] == split


def test_a_source_with_splits_keeps_them(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    write_json_lines(source / "train.jsonl", [paper("1304.0001", "a"), paper("1304.0003", "leaked")])
    write_json_lines(source / "valid.jsonl.gz", [paper("1304.0002", "b")])
    write_json_lines(source / "test-00000.jsonl", [paper("1304.0003", "c")])
    converted(SCRIPT, source, "--out", tmp_path / "out")
    assert read_json_lines(tmp_path / "out") == {
        "1304.0001": ("train", "a"), "1304.0002": ("validation", "b"), "1304.0003": ("test", "c")}


def test_a_file_without_a_split_among_those_with_one_is_refused(tmp_path):
    for name in ("train", "test", "other"):
        write_json_lines(tmp_path / f"{name}.jsonl", [paper("1304.0001", "a")])
    line = refusal(SCRIPT, *sorted(tmp_path.glob("*.jsonl")), "--check")
    assert "other.jsonl names no split" in line


def test_duplicates_and_empty_texts_are_skipped_and_counted(tmp_path):
    rows = [paper("1304.0001", "a"), paper("1304.0001v2", "a again"), paper("math.AG/0309136", "b"),
            paper("math/0309136", "b again"), paper("1304.0002", ""), paper("1304.0003", "\r\n\x00 ")]
    write_json_lines(tmp_path / "x.jsonl", rows)
    report = converted(SCRIPT, tmp_path / "x.jsonl", "--out", tmp_path / "out")
    assert {i: text for i, (_, text) in read_json_lines(tmp_path / "out").items()} == {
        "1304.0001": "a", "math/0309136": "b"}
    assert "2 the id of an earlier document" in report and "x.jsonl:2" in report
    assert "2 no text" in report and "x.jsonl:5" in report


def test_line_ends_and_nul_are_cleaned(tmp_path):
    write_json_lines(tmp_path / "x.jsonl", [paper("1304.0001", "a\r\nb\u0000c\u2028d")])
    converted(SCRIPT, tmp_path / "x.jsonl", "--out", tmp_path / "out")
    assert (tmp_path / "out/train.jsonl").read_bytes().count(b"\n") == 1
    row = json.loads((tmp_path / "out/train.jsonl").read_bytes())
    assert row["text"] == "a\nbc\u2028d"
    assert row["meta"]["yymm"] == "1304"


CATEGORY_ROWS = [
    paper("1304.0001", "in meta", categories="hep-th math.AG"),
    paper("1304.0002", "in meta, as a list", categories=["math.NT"]),
    paper("1304.0003", "mathematical physics is an archive of its own", categories="math-ph"),
    paper("1304.0004v1", "in the snapshot"),
    paper("1304.0005", "in the snapshot, another"),
    paper("math.DG/0309136", "by its id"),
    paper("alg-geom9703001", "by its old id"),
    paper("hep-th/9703123", "by its id, another"),
    paper("1304.0006", "unknown"),
    {"text": "no meta"},
]
SNAPSHOT = [{"id": "1304.0004", "categories": "math.PR"}, {"id": "1304.0005", "categories": "cs.LG stat.ML"}]


def texts_of(folder):
    return sorted(text for _, text in read_json_lines(folder).values())


def test_categories_come_from_meta_from_the_snapshot_or_from_an_old_id(tmp_path):
    write_json_lines(tmp_path / "x.jsonl", CATEGORY_ROWS)
    write_json_lines(tmp_path / "snapshot.json.gz", SNAPSHOT)
    options = ["--categories", "math", "--metadata", tmp_path / "snapshot.json.gz"]
    report = converted(SCRIPT, tmp_path / "x.jsonl", "--out", tmp_path / "drop", *options)
    wanted = ["by its id", "by its old id", "in meta", "in meta, as a list", "in the snapshot"]
    assert texts_of(tmp_path / "drop") == wanted
    assert "3 in no category of math" in report
    assert "1 without a known category" in report and "1 without an arxiv_id" in report
    report = converted(SCRIPT, tmp_path / "x.jsonl", "--out", tmp_path / "keep", *options, "--without-metadata", "keep")
    assert texts_of(tmp_path / "keep") == sorted([*wanted, "no meta", "unknown"])
    assert "1 kept, though without a known category" in report and "1 kept, though without an arxiv_id" in report


def test_one_class_of_an_archive_can_be_wanted(tmp_path):
    write_json_lines(tmp_path / "x.jsonl", CATEGORY_ROWS)
    converted(SCRIPT, tmp_path / "x.jsonl", "--out", tmp_path / "out", "--categories", "math.NT,hep-th")
    assert texts_of(tmp_path / "out") == ["by its id, another", "in meta", "in meta, as a list"]


def test_without_categories_only_the_id_matters(tmp_path):
    write_json_lines(tmp_path / "x.jsonl", CATEGORY_ROWS)
    report = converted(SCRIPT, tmp_path / "x.jsonl", "--out", tmp_path / "out")
    assert len(read_json_lines(tmp_path / "out")) == 9
    assert "1 without an arxiv_id" in report


def test_metadata_without_categories_is_refused(tmp_path):
    assert "--categories" in refusal(SCRIPT, tmp_path, "--check", "--metadata", tmp_path / "snapshot.json")


def test_a_wrong_snapshot_is_refused_with_its_line(tmp_path):
    write_json_lines(tmp_path / "x.jsonl", CATEGORY_ROWS)
    write_json_lines(tmp_path / "snapshot.json", [SNAPSHOT[0], {"title": "no id"}])
    line = refusal(SCRIPT, tmp_path / "x.jsonl", "--check", "--categories", "math", "--metadata",
                   tmp_path / "snapshot.json")
    assert "snapshot.json:2: expected" in line


@pytest.mark.parametrize("line, problem", [
    (b'{"text": "cut of', "no JSON"),
    (b'["text"]', 'no JSON object with a "text"'),
    (b'{"meta": {}}', 'no JSON object with a "text"'),
    (b'{"text": 3}', '"text" is no string'),
    (b'{"text": "\xe9"}', "no UTF-8: byte 11 is 0xE9"),
    (b'{"text": "\\ud800", "meta": {"arxiv_id": "1"}}', "half a character"),
    (b"[" * 100000, "no JSON"),
])
def test_broken_lines_are_refused_or_skipped(tmp_path, line, problem):
    good = json_lines([paper("1304.0001", "a")])
    (tmp_path / "x.jsonl").write_bytes(good + b"\n" + line + b"\n" + json_lines([paper("1304.0002", "b")]))
    told = refusal(SCRIPT, tmp_path / "x.jsonl", "--out", tmp_path / "out")
    assert f"x.jsonl:3: {problem}" in told
    assert names_in(tmp_path) == ["x.jsonl"]
    report = converted(SCRIPT, tmp_path / "x.jsonl", "--out", tmp_path / "out", "--on-bad-record", "skip")
    assert f"1 {problem.split(':')[0]}" in report and "x.jsonl:3" in report
    assert len(read_json_lines(tmp_path / "out")) == 2


@pytest.mark.parametrize("ending, compress", [(".gz", gzip.compress), (".zst", zstd_compressed)])
def test_a_compressed_file_that_was_cut_off_is_refused(tmp_path, ending, compress):
    path = tmp_path / f"x.jsonl{ending}"
    whole = compress(json_lines([paper(f"1304.{i:04}", os.urandom(500).hex()) for i in range(300)]))  # several blocks
    path.write_bytes(whole[:-5])
    assert f"{path}: the compressed file ends too early" in refusal(SCRIPT, path, "--out", tmp_path / "out")
    assert names_in(tmp_path) == [path.name]
    assert "1 the compressed file ends too early" in converted(SCRIPT, path, "--check", "--on-bad-record", "skip")
    path.write_bytes(whole[:4] + b"\xff" * 56 + whole[60:])  # the format is still recognised
    assert f"{path}: the compressed file is damaged" in refusal(SCRIPT, path, "--check")


def test_a_name_that_promises_compression_is_held_to_it(tmp_path):
    (tmp_path / "x.jsonl.gz").write_bytes(b"<html>404</html>")
    assert "its first bytes say that it is not" in refusal(SCRIPT, tmp_path / "x.jsonl.gz", "--check")


def test_zstd_without_its_package_is_told(tmp_path):
    (tmp_path / "x.jsonl.zst").write_bytes(b"\x28\xb5\x2f\xfd rest")
    # -E and -S hide installed packages.
    done = subprocess.run([sys.executable, "-ES", SCRIPTS / SCRIPT, tmp_path / "x.jsonl.zst", "--check"],
                          capture_output=True, text=True)
    if sys.version_info >= (3, 14):
        pytest.skip("this Python reads zstd itself")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "pip install zstandard" in done.stderr


def test_sources_that_are_missing_or_of_another_kind_are_refused(tmp_path):
    assert "no such file or folder" in refusal(SCRIPT, tmp_path / "nowhere", "--check")
    (tmp_path / "x.csv").write_text("a")
    assert "ends in .jsonl" in refusal(SCRIPT, tmp_path / "x.csv", "--check")
    assert "no folder with one" in refusal(SCRIPT, tmp_path, "--check")


@pytest.mark.parametrize("share", ["0", "0.5", "many"])
def test_an_impossible_share_is_refused(tmp_path, share):
    assert "--held-out" in refusal(SCRIPT, tmp_path, "--check", "--held-out", share)


