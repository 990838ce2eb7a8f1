"""Tables as strangers have them: each is read right, or refused with the row and the remedy."""

import re

import numpy as np
import pandas as pd
import pytest

from nnrun.errors import InputError
from nnrun.launch.terminal import show_tables
from nnrun.problem.column_encoder import Encoder
from nnrun.problem.problem import Problem, Task
from nnrun.problem.table import Table
from nnrun.problem.table_file import read_file
from nnrun.report.tables import table_pairs

N = 24
KINDS = ["ja", "nein"] * (N // 2)


@pytest.fixture
def table(tmp_path):
    """Write text or bytes to a file and make a table of it, to learn ``kind``."""

    def make(content: str | bytes, name: str = "t.csv", **keys) -> Table:
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(data)
        return Table(path=str(tmp_path / name), **{"label": "kind", **keys})

    return make


def text(separator: str = ",", **columns) -> str:
    """Text of a table with a column of numbers and two classes, and more or other columns."""
    every = {"x": range(N), "kind": KINDS, **columns}
    rows = zip(*([v[i % len(v)] for i in range(N)] for v in map(list, every.values())), strict=True)
    lines = [every, *rows]
    return "".join(separator.join(map(str, line)) + "\n" for line in lines)


def values(problem: Problem, name: str) -> np.ndarray:
    """One input's values, sorted."""
    both = np.concatenate([problem.pool.inputs, problem.held_out.inputs])
    return np.sort(both[:, problem.inputs.index(name)])


def raw_values(problem: Problem, name: str) -> list[float]:
    """One column's numbers before they were standardised, sorted."""
    column = next(c for c in problem.encoder.columns if c.name == name)
    return np.round(values(problem, name) * column.spread + column.mean, 9).tolist()


PLAIN = text()


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.replace("ja\n", "ja \n"),
        PLAIN.replace("nein\n", "nein\u00a0\n"),
        PLAIN.replace("ja\n", "\tja\n"),
        PLAIN.replace("x,kind", "x , kind\u00a0"),
        PLAIN.replace("ja\n", "\u200bja\ufeff\n"),
        "\ufeff" + PLAIN,
        "\ufeff" + PLAIN.replace("x,kind", '"x","kind"'),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("ja", '"ja"'),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", " | "),
        "sep=;\n" + PLAIN.replace(",", ";"),
        "# made by hand\n# in two lines, or three\n" + PLAIN,
        "\n\n" + PLAIN,
        PLAIN.replace("\n", ",\n"),
        PLAIN.replace("\n", ",,\n"),
        PLAIN.replace("\n5,", "\n\n , \n5,"),
        PLAIN.encode("utf-16"),
        PLAIN.replace("5,", "5.0,"),
        PLAIN.replace("\n5,", "\n+5,").replace("\n6,", "\n6e0,").replace("\n7,", "\n7.,"),
        PLAIN.replace("\n5,", "\n٥,"),
    ],
)
def test_the_same_table_is_read_however_it_is_written(table, content):
    plain, problem = table(PLAIN, "plain.csv").problem(), table(content).problem()
    assert (problem.inputs, problem.outputs) == (("x",), ("nein",))
    for ours, theirs in zip(
        (*problem.pool, *problem.held_out), (*plain.pool, *plain.held_out), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_trailing_spaces_do_not_change_what_is_learned(table):
    # of the same data to the bit the same networks come: the cache knows them by the digest
    spaced = PLAIN.replace("ja\n", "ja \n", 5)
    assert table(spaced).problem().digest == table(PLAIN, "p.csv").problem().digest


READ = {
    "codes": ({"zip": ["007", "100", "042"]}, {}, "zip (3 categories: 007 8, 042 8, 100 8)"),
    "a country NA": ({"land": ["NA", "EU"]}, {}, "land (2 categories: EU 12, NA 12)"),
    "a material None": (
        {"wall": ["None", "brick", "stone"]}, {}, "wall (3 categories: None 8, brick 8, stone 8)",
    ),
    "words that mean missing": (
        {"wall": ["None", "brick"]},
        {"missing_words": ("None",), "missing": "impute"},
        "missing: wall (12 rows: 'None')",
    ),
    "gaps among numbers": (
        {"z": ["NA", "1.5", "", "?", "-", "2", "nan", "N/A"]},
        {"missing": "impute"},
        "missing: z (18 rows: 3 empty, 3 'NA', 3 '?', 3 '-', 3 'nan', 3 'N/A')",
    ),
    "a number that means missing": (
        {"z": ["-999", "1.5", "-999.0"]}, {"missing": "impute", "missing_words": (-999,)},
        "missing: z (16 rows: 8 '-999', 8 '-999.0')",
    ),
    "gaps among yes and no": (
        {"z": ["true", "NA", "FALSE"]}, {"missing": "impute"}, "z (true or false)",
    ),
    "yes and no": ({"z": ["yes", "no"]}, {}, "z (2 categories: no 12, yes 12)"),
    "ranges": ({"age": ["18-25", "26-40"]}, {}, "age (2 categories: 18-25 12, 26-40 12)"),
    "names of drives": ({"z": ["4WD", "FWD", "RWD"]}, {}, "z (3 categories: 4WD 8, FWD 8, RWD 8)"),
    "quoted lines": ({"z": ['"a\nb"', "c"]}, {}, "z (2 categories: a b 12, c 12)"),
    "a quoted separator": ({"z": ['"a, b"', "c"]}, {}, "z (2 categories: a, b 12, c 12)"),
    "any script": ({"長さ": ["阳", "阴"]}, {}, "長さ (2 categories: 阳 12, 阴 12)"),
    "names that are numbers": ({"2020": ["1", "2"]}, {}, "x 0 to 23, 2020 1 to 2 (numbers)"),
    "names with operators": ({"a*b": ["1", "2"]}, {}, "inputs: x 0 to 23, a*b 1 to 2 (numbers)"),
    "a constant": ({"z": ["3"]}, {}, "note: z is 3 in every row that has a value"),
    "numbers declared categories": (
        {"z": ["1", "10", "2.0"]}, {"categorical": ("z",)}, "z (3 categories: 1 8, 2 8, 10 8)",
    ),
    "words among declared categories": (
        {"z": ["1", "NA"]}, {"categorical": ("z",)}, "z (2 categories: 1 12, NA 12)",
    ),
    "case that is meant": (
        {"z": ["Aa", "aa", "AA"]}, {"categorical": ("z",)}, "z (3 categories: AA 8, Aa 8, aa 8)",
    ),
    "row numbers": (
        {}, {}, "note: x is one more in every row; if it only counts them: data.drop=['x']",
    ),
    "notes on words": (
        {"kind": ["NA", "EU", "ASIA"]}, {},
        "note: 'NA' is a class of kind, like any other; data.missing_words=['NA'] takes it for",
    ),
    "numbers as classes": ({"kind": ["1", "2.0"]}, {}, "label kind: 2 classes: 1 12, 2 12"),
    "codes as classes": ({"kind": ["01", "10"]}, {}, "label kind: 2 classes: 01 12, 10 12"),
    "padded numbers as a quantity": (
        {"kind": ["0012", "0450", "1000"]}, {"task": "regression"}, "kind: numbers from 12 to 1000",
    ),
    "long numbers as classes": (
        {"kind": ["9007199254740993", "9007199254740992"]}, {},
        "2 classes: 9007199254740992 12, 9007199254740993 12",
    ),
    "True as a class": ({"kind": ["TRUE", "false"]}, {}, "kind: 2 classes: False 12, True 12"),
}  # fmt: skip


@pytest.mark.parametrize(("columns", "keys", "line"), READ.values(), ids=READ)
def test_what_is_read_is_told(table, columns, keys, line):
    assert line in "\n".join(table(text(**columns), **keys).problem().about)


@pytest.mark.parametrize(
    ("cells", "keys", "right"),
    [
        (["0,5", "1,25", "12"], {"decimal": "comma"}, [0.5, 1.25, 12]),
        (["-1e-3", ".5", "1E2"], {}, [-0.001, 0.5, 100]),
        (["−2.5", "٣", "４"], {}, [-2.5, 3, 4]),
        (["01.50", "02", "10.25"], {}, [1.5, 2, 10.25]),
        (["20240101120000123", "1", "2"], {}, [1, 2, 2.0240101120000123e16]),
    ],
)
def test_numbers_of_any_notation_have_their_values(table, cells, keys, right):
    problem = table(text(";", z=cells), **keys).problem()
    assert problem.about[0].endswith("; semicolons between its columns")
    assert raw_values(problem, "z")[::8] == pytest.approx(right)


REFUSED = {
    "decimal commas": (
        ["0,5", "1,5"], "holds decimal commas, such as '0,5' in row 2 (data.decimal=comma, or "
        "data.drop=['z'], data.categorical=['z'])",
    ),
    "some decimal commas": (
        ["1", "2", "3,5"], "has text where numbers belong: '3,5' in row 4 (data.decimal=comma",
    ),
    "commas of either kind": (
        ["1,000", "2,500"], "holds commas that may be decimal or part thousands, such as '1,000' "
        "in row 2 (leave them out, or data.decimal=comma if they are decimal",
    ),
    "thousands": (["1,000,000", "2.5"], "holds numbers with thousands separators, such as"),
    "German thousands": (["1.234,5", "7"], "holds numbers with thousands separators, such as"),
    "Swiss thousands": (["1'234", "5'678"], "holds numbers with thousands separators, such as"),
    "French thousands": (["1\u202f234", "5\u202f678"], "holds numbers with thousands separators"),
    "underscores": (["1_000", "2_000"], "holds numbers with thousands separators, such as"),
    "percentages": (["12%", "7.5 %"], "holds percentages, such as '12%'"),
    "units": (["0.5 cm", "1.5 cm"], "holds numbers with units, such as '0.5 cm' in row 2"),
    "degrees": (["20°C", "21.5°C"], "holds numbers with units, such as '20°C' in row 2"),
    "money": (["$5", "$7.50"], "holds amounts of money, such as '$5' in row 2"),
    "money behind": (["5 €", "7,50 €"], "holds amounts of money, such as '5 €' in row 2"),
    "clock times": (["10:30", "23:59"], "holds clock times, such as '10:30' in row 2 (convert to"),
    "clock times in English": (["9:05 am", "11:00 PM"], "holds clock times, such as '9:05 am'"),
    "dates": (["2024-01-31", "2024-02-01"], "holds dates, such as '2024-01-31' in row 2"),
    "dates in German": (["31.1.2024", "1.2.2024"], "holds dates, such as '31.1.2024' in row 2"),
    "dates in words": (["5 Jan 2024", "12 March 2024"], "holds dates, such as '5 Jan 2024' in row"),
    "hexadecimals": (["0x1F", "0xA0"], "holds numbers in another notation, such as '0x1F' in row"),
    "brackets": (["(5)", "(7.5)", "3"], "holds numbers in another notation, such as '(5)' in row"),
    "fractions": (["1/2", "3/4"], "holds numbers in another notation, such as '1/2' in row 2"),
    "too large": (["1e400", "1"], "holds 1e400 in row 2; it must be finite, below 1e+150"),
    "infinite": (["-inf", "1"], "holds -inf in row 2; it must be finite"),
    "mixed case": (
        ["Yes", "yes", "no"], "has 'Yes' in row 2 and 'yes' in row 3, which hardly differ (write "
        "them alike if they are the same, or data.drop=['z'], data.categorical=['z'])",
    ),
    "accents in two ways": (
        ["caf\u00e9", "cafe\u0301"],
        "has 'caf\\xe9' in row 2 and 'cafe\\u0301' in row 3, which hardly differ",
    ),
    "spaces within": (["New York", "New  York"], "has 'New York' in row 2 and 'New  York'"),
    "zeros in front": (["a", "01", "b", "1"], "has '01' in row 3 and '1' in row 5, which hardly"),
    "no value": (["", "NA", "?"], "holds no value (data.drop=['z'])"),
    "unknown words": (
        ["1", "2", "unknown"], "has text where numbers belong: 'unknown' in row 4 (correct it, or "
        "data.missing_words=['unknown'] if it means 'missing'",
    ),
    "words for missing": (
        ["1", "NA", "?", ""], "values are missing from 'z' (18 rows: 6 empty, 6 'NA', 6 '?')"
        " (data.missing=impute fills them)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("cells", "words"), REFUSED.values(), ids=REFUSED)
def test_what_could_be_misread_is_refused(table, cells, words):
    with pytest.raises(InputError) as caught:
        table(text(";", z=cells)).problem()
    lines = str(caught.value).splitlines()
    assert len(lines) == 1
    assert words in lines[0]


@pytest.mark.parametrize(
    "cells", [["0,5", "1,5"], ["12%", "5%"], ["Yes", "yes"], ["10:30", "9:15"], ["1.5", "2.5", "x"]]
)
def test_what_could_be_misread_is_no_label_either_unless_it_is_said_to_be_classes(table, cells):
    content = text(";", kind=cells)
    with pytest.raises(InputError, match=r"^label=kind: h.*, or data.task=classification\)$"):
        table(content).problem()
    problem = table(content, task="classification").problem()
    assert problem.encoder.classes == tuple(sorted(cells))


def test_decimal_commas_beside_decimal_points_have_one_remedy(table):
    content = text(";", x=["0.5", "1.5"], z=["0,5", "1,5"])
    with pytest.raises(InputError) as first:
        table(content).problem()
    assert "(write decimal points, as elsewhere in the file, or data.drop" in str(first.value)
    with pytest.raises(InputError, match="column 'x' holds decimal points beside "):
        table(content, decimal="comma").problem()


def test_a_title_above_the_names_is_told_from_columns_without_one(table):
    with pytest.raises(InputError) as refused:
        table(f"Report of 2024,,\n{text(z=[1])}").problem()
    assert len(str(refused.value).splitlines()) == 1
    assert (
        "has 2 columns without a name, and none 'kind' (the first line has the names: remove a "
        in (str(refused.value))
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("t.xlsx", "has the unknown ending '.xlsx' (save it as CSV UTF-8)"),
        ("t.csv.gz", "has the unknown ending '.gz' (unpack it first)"),
        ("t.json", "has the unknown ending '.json' (known: .csv"),
    ],
)
def test_files_of_other_programs_have_a_way_in(table, name, words):
    with pytest.raises(InputError, match=re.escape(words)):
        table("x", name).problem()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PAR1\x15\xff", "is a Parquet file (name it .parquet)"),
        (b"PK\x03\x04\x00\xff", "is a workbook or an archive, not text (save it as CSV UTF-8)"),
    ],
)
def test_what_is_no_text_in_spite_of_its_ending_is_named(table, content, words):
    with pytest.raises(InputError, match=re.escape(words)):
        table(content).problem()


def test_an_address_is_no_file():
    with pytest.raises(InputError, match="is an address, not a file"):
        Table(path="https://example.org/t.csv", label="kind").problem()


def test_a_label_without_value_names_the_word(table):
    with pytest.raises(InputError, match=r"no value in 12 rows: 'NA', first in row 3 \(remove the"):
        table(text(kind=["1", "NA"])).problem()


@pytest.mark.parametrize(("label", "name"), [(2020, "2020"), (" kind", "kind"), (7.5, "7.5")])
def test_a_label_may_be_typed_as_a_number(table, label, name):
    assert table(text(**{name: KINDS}), label=label).problem().outputs == ("nein",)


def test_a_comment_line_as_wide_as_the_table_is_its_names(table):
    problem = table("#" + PLAIN).problem()
    assert problem.inputs == ("#x",)


def test_row_numbers_count_the_comments_above(table):
    with pytest.raises(InputError, match="'b' in row 6"):
        table("# one\n\n" + text(z=["1", "2", "b"], x=range(N))).problem()


def test_the_plan_shows_what_was_read_once_for_equal_data(table, capsys):
    words = table(text(wall=["None", "brick"])).problem().about
    one, other = (table(text(), "other.csv").problem().about for _ in range(2))
    show_tables([words, one])
    assert capsys.readouterr().out.splitlines() == [
        "table t.csv: 24 rows, 18 to train on, 6 held out",
        "label kind: 2 classes: ja 12, nein 12",
        "inputs: x 0 to 23 (numbers); wall (2 categories: None 12, brick 12)",
        "missing: none",
        "note: x is one more in every row; if it only counts them: data.drop=['x']",
        "note: 'None' is a category of wall, like any other; data.missing_words=['None'] takes it "
        "for missing",
        "table other.csv: 24 rows, 18 to train on, 6 held out",
        "label kind: 2 classes: ja 12, nein 12",
        "inputs: x 0 to 23 (numbers)",
        "missing: none",
        "note: x is one more in every row; if it only counts them: data.drop=['x']",
    ]
    assert one == other


def test_the_report_says_what_was_read(table):
    about = table(text(wall=["None", "brick", ""]), missing="impute").problem().about
    pairs = table_pairs([about] * 7)
    assert pairs[0][1].startswith("t.csv: 24 rows, 18 to train on, 6 held out; label kind: 2 clas")
    assert "missing: wall (8 rows); filled with the median, or the comm" in pairs[0][1]
    assert pairs[5:] == [("Table", "and 2 more: sweep.json")]


# New rows are read by the same rules

TRAINED = {
    "zip": ["007", "100"], "wall": ["None", "brick"], "z": ["0,5", "NA"], "ok": ["true", "FALSE"],
    "room": ["1", "2"],
}  # fmt: skip
NEW = "zip;wall;z;ok;room;x\n007; brick;1,5;True;1,0;3\n 100 ;None;;NO_;2;4\n"


@pytest.fixture
def encoder(table) -> Encoder:
    keys = {"missing": "impute", "decimal": "comma", "categorical": ("room",)}
    trained = table(text(";", **TRAINED), "trained.csv", **keys).problem()
    return Encoder.from_plain(trained.encoder.to_plain())


def test_new_rows_are_read_by_the_same_rules(table, encoder):
    path = table(NEW.replace("NO_", " false")).path
    encoded = encoder.encode(read_file(path, fewest=1).frame)
    found = dict(zip(encoder.inputs, encoded.T, strict=True))
    z = next(c for c in encoder.columns if c.name == "z")
    assert found["zip=007"].tolist() == [1, 0]
    assert found["wall=None"].tolist() == [0, 1]
    assert found["ok"].tolist() == [1, 0]
    assert found["room=1"].tolist() == [1, 0]
    assert (found["z"] * z.spread + z.mean).tolist() == pytest.approx([1.5, 0.5])  # the median


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("1,5", "1.5", "column=z: must be numbers, and holds '1.5' in row 2"),
        ("1,5", "12%", "column=z: must be numbers, and holds '12%' in row 2"),
        ("007", "7", "column=zip: holds '7' in row 2, which was not among its values in training"),
        ("brick", "Brick", "column=wall: holds 'Brick' in row 2, which was not among its values"),
        ("NO_", "no", "column=ok: must be true or false, and holds 'no' in row 3"),
        ("1,0", "01", "column=room: holds '01' in row 2, which was not among its values"),
    ],
)
def test_new_rows_that_could_be_misread_are_refused(table, encoder, old, new, words):
    path = table(NEW.replace(old, new).replace("NO_", "false")).path
    with pytest.raises(InputError, match=f"^{words}"):
        encoder.encode(read_file(path, fewest=1).frame)


NEW_IN = "which was not among its values in training"
STREETS = [f"street {number}" for number in range(1, 15)]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["Brick"], f"holds 'Brick' in row 3, {NEW_IN} (did you mean 'brick'? known: N/A, brick)"),
        (["birck"], f"holds 'birck' in row 3, {NEW_IN} (did you mean 'brick'? known: N/A, brick)"),
        ([True], f"holds 'True' in row 3, {NEW_IN} (known: N/A, brick)"),
        ([7.0], f"holds '7' in row 3, {NEW_IN} (known: N/A, brick)"),
        (["brick", 7, 8], f"holds '7' in row 4, {NEW_IN}, nor was '8' (known: N/A, brick)"),
        ([7, 8, 7, 9], f"holds '7' in row 3, {NEW_IN}, nor were 2 other values of these rows "
                       "(known: N/A, brick)"),
        ([None], "has no value in row 3 (pandas takes its category 'N/A' for missing, unless "
                 "keep_default_na=False)"),
        ([["brick"]], "holds lists or the like, which are no categories"),
    ],
)  # fmt: skip
def test_a_category_that_is_not_known_is_told_of_with_those_that_are(table, cells, words):
    known = table(text(wall=["N/A", "brick"])).problem().encoder
    frame = pd.DataFrame({"x": 1, "wall": cells}, index=range(3, 3 + len(cells)))
    with pytest.raises(InputError) as caught:
        known.encode(frame)
    assert str(caught.value) == f"column=wall: {words}"


def test_of_many_known_categories_some_are_named_and_of_two_numbers_neither_is_misspelt(table):
    columns = {"street": STREETS, "zone": ["12", "123"]}
    known = table(text(**columns), categorical=("zone",)).problem().encoder
    with pytest.raises(InputError) as caught:
        known.encode(pd.DataFrame({"x": [1], "street": "Street 13", "zone": 124}))
    where = f"holds 'Street 13' in row 0, {NEW_IN} (did you mean 'street 13'? known: "
    named = ", ".join(sorted(STREETS)[:12])
    assert str(caught.value).splitlines() == [
        f"column=street: {where}{named} and 2 more)",
        f"column=zone: holds '124' in row 0, {NEW_IN} (known: 12, 123)",
    ]


def test_new_rows_of_a_data_frame_are_read_by_the_same_rules(encoder):
    frame = pd.DataFrame(
        {
            "zip": ["007 ", "100"], "wall": ["None", " brick"], "z": ["0,5", None],
            "ok": [True, "false"], "room": [1.0, 2], "x": ["3", 4],
        }
    )  # fmt: skip
    found = dict(zip(encoder.inputs, encoder.encode(frame).T, strict=True))
    assert found["zip=007"].tolist() == [1, 0]
    assert found["ok"].tolist() == [1, 0]
    assert found["room=2"].tolist() == [0, 1]
    assert found["z"][0] == found["z"][1]


def test_parquet_text_stays_text_without_white_space(table, tmp_path):
    frame = pd.DataFrame({"x": range(8), "wall": ["None", "brick "] * 4, "kind": ["a", "b"] * 4})
    frame.to_parquet(tmp_path / "t.parquet")
    problem = Table(path=str(tmp_path / "t.parquet"), label="kind").problem()
    assert problem.inputs == ("x", "wall=None", "wall=brick")
    assert problem.task is Task.BINARY
