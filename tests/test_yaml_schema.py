"""YAML values are those of version 1.2's core schema, and what is written reads back the same."""

import pytest
import yaml
from command_line import run, said
from hypothesis import given
from hypothesis import strategies as st

from airseg import yaml_schema


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # The examples of YAML 1.2.2, chapters 10.2 and 10.3.
        ("[null, Null, ~, true, True, FALSE]", [None, None, None, True, True, False]),
        ("[0, 0o7, 0x3A, -19, +12]", [0, 7, 58, -19, 12]),
        ("[0., -0.0, .5, +12e03, -2E+05, 1e3]", [0.0, -0.0, 0.5, 12000.0, -2e5, 1000.0]),
        ("[.inf, -.Inf, +.INF]", [float("inf"), -float("inf"), float("inf")]),
        # What version 1.1 takes for something else is text.
        ("[no, No, on, off, y, N, YES]", ["no", "No", "on", "off", "y", "N", "YES"]),
        ("[12:30, 1:30:00, 0b101, 1_000]", ["12:30", "1:30:00", "0b101", "1_000"]),
        ("[2024-06-21, 2024-06-21 15:00:00]", ["2024-06-21", "2024-06-21 15:00:00"]),
        ("{=: 1, no: 2}", {"=": 1, "no": 2}),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("\ufeffa: 1", {"a": 1}),
    ],
)
def test_values_are_those_of_version_1_2(text, value):
    assert yaml_schema.load(text) == value


@pytest.mark.parametrize("number", ["010", "007", "-01", "+00", "08", "0123456789"])
def test_numbers_that_begin_with_a_zero_are_refused_with_their_line(number):
    with pytest.raises(yaml.MarkedYAMLError, match="begins with a zero") as caught:
        yaml_schema.load(f"a: 1\nb: [2, {number}]")
    assert caught.value.problem_mark.line == 1


TEXTS = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]))  # no line ends and the like
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_what_is_written_reads_back_the_same(value):
    assert yaml_schema.load(yaml_schema.dump({"value": value})) == {"value": value}


@pytest.mark.parametrize("text", ["1e3", "08", "0o7", "no", "12:30", "2024-06-21", "~", "=", ".5"])
def test_texts_that_look_like_something_else_are_written_in_quotes(text):
    written = yaml_schema.dump([text])
    assert yaml_schema.load(written) == [text]
    assert yaml.safe_load(written) == [text]  # and an older reader sees the same


def bomb(levels=9, each=9):
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * each)}]" for n in range(1, levels + 1)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [bomb(), bomb(40, 2), "a: &a [*a]", "a: &a {b: *a}", "[" * 20_000, "a: " + "9" * 5000],
    ids=["aliases", "doubled", "list of itself", "map of itself", "deep", "long number"],
)
@pytest.mark.parametrize("command", ["plan", "labels"])
def test_bombs_are_one_line(tmp_path, capsys, text, command):
    path = tmp_path / "bomb.yaml"
    path.write_text(text)
    code, _, err = run(capsys, command, "check", path)
    assert code == 2
    assert "bomb.yaml" in said(err)
    assert "not valid YAML" in said(err)


def complaint(tmp_path, capsys, text):
    """Return the one line that is said of a plan."""
    path = tmp_path / "p.yaml"
    path.write_text(text)
    code, _, err = run(capsys, "plan", "check", path)
    assert code == 2
    return said(err)


PLAN = "description: x\nstart: {position: [0, 0, -3]}\nwaypoints:\n  - {position: [20, 0, -3]}\n"


@pytest.mark.parametrize(
    "line", ["time_of_day: 2024-06-21 15:00:00", "depth: no", "speed_mps: 1e1", "laps: 0x2"]
)
def test_plans_say_what_people_mean(tmp_path, capsys, line):
    path = tmp_path / "p.yaml"
    path.write_text(PLAN + line + "\n")
    assert run(capsys, "plan", "check", path)[0] == 0


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("speed_mps: 010", "p.yaml:5: not valid YAML: the number 010 begins with a zero"),
        ("duration_s: 12:30", "p.yaml:5: duration_s: "),
        ("time_of_day: 2024-06-21", "p.yaml:5: time_of_day: '2024-06-21' is not a time like"),
        ("laps: 1_0.5", "p.yaml:5: laps: "),
    ],
)
def test_what_they_may_not_mean_is_told_with_its_line(tmp_path, capsys, line, told):
    assert told in complaint(tmp_path, capsys, PLAN + line + "\n")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_documents_may_begin_with_a_byte_order_mark(tmp_path, capsys, encoding):
    path = tmp_path / "p.yaml"
    mark = b"\xff\xfe" if encoding == "utf-16-le" else b""
    path.write_bytes(mark + PLAN.replace("\n", "\r\n").encode(encoding))
    assert run(capsys, "plan", "check", path)[0] == 0


def test_a_label_map_s_ids_are_decimal(tmp_path, capsys):
    path = tmp_path / "m.yaml"
    path.write_text("format: 1\nname: m\nrules:\n  - {class: house, ids: 010}\n")
    code, _, err = run(capsys, "labels", "check", path)
    assert code == 2
    assert "m.yaml:4: not valid YAML: the number 010" in said(err)


@pytest.mark.parametrize("text", ["a: 0" + "1" * 5000, "a: " + "1" * 5000, "a: 0o" + "1" * 5000])
def test_numbers_without_end_are_told_in_one_line(tmp_path, capsys, text):
    (tmp_path / "map.yaml").write_text(text)
    code, _, err = run(capsys, "labels", "check", str(tmp_path / "map.yaml"))
    assert code == 2
    assert "more than 300 digits" in said(err)


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\u2029"])
def test_line_ends_of_version_1_1_are_refused(tmp_path, capsys, end):
    """To version 1.2 (chapter 5.4) they are none: what stands behind them is still a comment."""
    path = tmp_path / "p.yaml"
    path.write_text(f"{PLAN}# as before{end}speed_mps: 3\n", encoding="utf-8")
    code, _, err = run(capsys, "plan", "check", path)
    assert code == 2
    assert f"line 5 holds U+{ord(end):04X}" in said(err)
    assert yaml_schema.load(yaml_schema.dump({"a": f"x{end}y"})) == {"a": f"x{end}y"}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("depth: !!bool 12", "p.yaml:5: not valid YAML: '12' is no bool"),
        ("laps: !!int x", "p.yaml:5: not valid YAML: 'x' is no int"),
        ("speed_mps: !!float ten", "p.yaml:5: not valid YAML: 'ten' is no float"),
        ("split: !!null train", "p.yaml:5: not valid YAML: 'train' is no null"),
        ("time_of_day: !!timestamp x", "p.yaml:5: not valid YAML: could not determine"),
        ("environment: !!binary '*'", "p.yaml:5: not valid YAML: could not determine"),
        ("<<: {laps: 2}\n<<: {laps: 3}", "p.yaml:6: not valid YAML: the key '<<' stands twice"),
    ],
)
def test_values_that_are_not_what_their_tag_says_are_told(tmp_path, capsys, line, told):
    assert told in complaint(tmp_path, capsys, PLAN + line + "\n")


@pytest.mark.parametrize("text", ["010", "1_0", "-007", "0_1", "1_0.5"])
def test_texts_are_no_numbers_where_versions_of_yaml_differ_on_them(tmp_path, capsys, text):
    path = tmp_path / "p.yaml"
    for line in (f"speed_mps: '{text}'", f"look_at: ['{text}', 3]"):
        path.write_text(f"{PLAN}{line}\n")
        code, _, err = run(capsys, "plan", "check", path)
        assert code == 2
        assert f"expected a number, found the text '{text}'" in said(err)


@pytest.mark.parametrize("key", ["[x]", "function-y", "a[b", "\\e[31m"])
def test_unknown_keys_are_told_whatever_they_look_like(tmp_path, capsys, key):
    path = tmp_path / "p.yaml"
    path.write_text(f'{PLAN}"{key}": 3\n')
    code, _, err = run(capsys, "plan", "check", path)
    assert code == 2
    assert "unknown field" in said(err)
    assert "p.yaml:5: " in said(err)
