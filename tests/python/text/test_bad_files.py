"""A tokenizer.json that is damaged or hostile: one line that names the file, exit code 2, in bounded time and memory."""

import json
import resource
import subprocess

import pytest
from conftest import PROGRAM
from families import PATTERNS, byte_level, split

FOUR_GIGABYTES = 4 << 30


@pytest.fixture(scope="module")
def good():
    return json.loads(byte_level(split(PATTERNS["llama3"])).to_str())


def refused(program, tmp_path, content):
    path = tmp_path / "tokenizer.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    text = tmp_path / "text"
    text.write_text("a" * 60 + "b")
    result = subprocess.run(
        [PROGRAM, "tokenize", "--tokenizer", path, "--file", text, "--out", tmp_path / "ids"],
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (FOUR_GIGABYTES, FOUR_GIGABYTES)),
    )
    assert result.returncode == 2, result.stderr
    assert result.stderr.count("\n") == 1 and "tokenizer.json" in result.stderr
    assert not (tmp_path / "ids").exists()
    return result.stderr


def test_a_truncated_file(program, tmp_path, good):
    text = json.dumps(good)
    for share in (0.1, 0.5, 0.999):
        assert "not valid JSON" in refused(program, tmp_path, text[: int(len(text) * share)])


def test_a_file_that_is_a_link_to_itself(program, tmp_path):
    path = tmp_path / "tokenizer.json"
    path.symlink_to(path)
    code, error = program.run("--tokenizer", tmp_path, "--file", __file__, "--out", tmp_path / "ids")
    assert code == 2 and error.count("\n") == 1


def test_deep_nesting(program, tmp_path):
    assert "500 deep" in refused(program, tmp_path, "[" * 3_000_000)
    assert "500 deep" in refused(program, tmp_path, '{"a":' * 1_000_000 + "1" + "}" * 1_000_000)


def test_ten_million_merges(program, tmp_path, good):
    merges = ",".join([json.dumps(good["model"]["merges"][0])] * 10_000_000)
    good = json.loads(json.dumps(good))
    good["model"]["merges"] = "MERGES"
    text = json.dumps(good).replace('"MERGES"', f'[{merges},["no","token"]]')
    assert '["no","token"]' in refused(program, tmp_path, text)


def test_duplicate_ids_and_unknown_tokens(program, tmp_path, good):
    bad = json.loads(json.dumps(good))
    first, second = list(bad["model"]["vocab"])[:2]
    bad["model"]["vocab"][second] = bad["model"]["vocab"][first]
    assert "two tokens have the id" in refused(program, tmp_path, bad)
    bad = json.loads(json.dumps(good))
    bad["model"]["merges"].append(["e", "not there"])
    assert "not there" in refused(program, tmp_path, bad)
    bad = json.loads(json.dumps(good))
    bad["model"]["vocab"]["far"] = 2**31 - 1
    assert "2147483647" in refused(program, tmp_path, bad)


def test_a_pattern_that_backtracks_for_ever(program, tmp_path, good):
    bad = json.loads(json.dumps(good))
    bad["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "(a+)+$"
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(bad))
    text = tmp_path / "text"
    text.write_text("a" * 60 + "b")
    code, error = program.run("--tokenizer", path, "--file", text, "--out", tmp_path / "ids")
    assert code == 2 and "takes too long" in error and error.count("\n") == 1


def test_what_is_not_understood_is_named(program, tmp_path, good):
    for part, value in (
        ("normalizer", {"type": "Lowercase"}),
        ("pre_tokenizer", {"type": "Whitespace"}),
        ("decoder", {"type": "WordPiece", "prefix": "##", "cleanup": True}),
        ("post_processor", {"type": "RobertaProcessing"}),
        ("model", {"type": "WordPiece", "vocab": {}}),
    ):
        assert value["type"] in refused(program, tmp_path, {**good, part: value})
