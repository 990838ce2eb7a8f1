"""Commands with holes: which settings they make, what these are called, what is refused."""

import shlex

import pytest

from nnrun.errors import InputError
from nnrun.judging.programs import read_programs, split


def read(*commands, names=()):
    return read_programs([shlex.split(command) for command in commands], names)


def told(*commands, names=()):
    return [(one.label, shlex.join(one.command(7))) for one in read(*commands, names=names)]


@pytest.mark.parametrize(
    ("commands", "settings"),
    [
        (
            ["sh a --opt sgd -s {seed}", "sh a --opt adam -s {seed}"],
            [("opt=sgd", "sh a --opt sgd -s 7"), ("opt=adam", "sh a --opt adam -s 7")],
        ),
        (
            ["sh a lr=.1 on=x seed={seed}", "sh a lr=0.3 on=y seed={seed}"],
            [("lr=0.1 on=x", "sh a lr=.1 on=x seed=7"), ("lr=0.3 on=y", "sh a lr=0.3 on=y seed=7")],
        ),
        (
            ["sh {w=1,20} {seed}{w} '{{{w}}}' {--}"],
            [("w=1", "sh 1 71 '{1}' --"), ("w=20", "sh 20 720 '{20}' --")],
        ),
        (
            ["sh {a=x,y} {fast=,-q} {seed}"],
            [
                ("a=x fast=none", "sh x 7"),
                ("a=x fast=-q", "sh x -q 7"),
                ("a=y fast=none", "sh y 7"),
                ("a=y fast=-q", "sh y -q 7"),
            ],
        ),
        (["sh a {seed}", "sh b {seed}"], [("a", "sh a 7"), ("b", "sh b 7")]),
        (["sh a {seed} -q", "sh a {seed}"], [("-q", "sh a 7 -q"), ("none", "sh a 7")]),
        (["sh a {seed}", "sh a {seed}"], [("1", "sh a 7"), ("2", "sh a 7")]),
        (
            ["sh --lr {lr=1,2} --o a {seed}", "sh --lr 3 --o b {seed}"],
            [
                ("1 --o a", "sh --lr 1 --o a 7"),
                ("2 --o a", "sh --lr 2 --o a 7"),
                ("3 --o b", "sh --lr 3 --o b 7"),
            ],
        ),
    ],
)
def test_commands_make_settings(commands, settings):
    assert told(*commands) == settings


def test_names_take_the_place_of_words():
    found = read("sh a {seed}", "sh b {lr=1,2} {seed}", names=["old", "new"])
    assert [one.label for one in found] == ["old", "new lr=1", "new lr=2"]
    assert {one.levels["command"] for one in found} == {one.label for one in found}


def test_values_are_numbers_where_all_are():
    levels = [one.levels for one in read("sh {a=1,1e1} {b=1,x} {c=0.1,.10} {d=nan,1} {seed}")]
    assert levels[-1] == {"a": 10.0, "b": "x", "c": ".10", "d": "1"}


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        (["sh a", "sh {seed}"],
         "command 1=sh a: must say where its seed goes: {seed} (for instance --seed {seed}; the "
         "program finds it in NNRUN_SEED, too)"),
        (["sh {seed} {rat}{rate=1,2}"],
         "command 1={rat}: has no values (did you mean 'rate'?; values are given as {rat=a,b}; for "
         "braces that are meant, write {{ and }})"),
        (["sh {seed}"],
         "command=[sh,{seed}]: has nothing to be compared with (name a second one behind another "
         "--, or values such as {lr=0.1,0.3})"),
        (["awk '{print $1}' {seed}"],
         "command={print $1}: has braces that hold neither a key nor a key and its values (for "
         "braces that are meant, write {{ and }})"),
        (["sh {seed", "sh {seed}"],
         "command={seed: has a brace without its other (for braces that are meant, write {{ and "
         "}})"),
        (["sh {seed=1,2}"], "command={seed=1,2}: cannot list seeds (write {seed} and --seeds)"),
        (["sh {command=1,2} {seed}"],
         "command={command=1,2}: is what commands are called by (rename the key)"),
        (["sh {a=1,2} {a=3,4} {seed}"],
         "command={a=3,4}: is given values twice (write {a} where they come again)"),
        (["sh {a=1,1} {seed}"], "command={a=1,1}: has a value twice (leave one of them out)"),
        (["sh {a=1,2} {seed}", "no-such-program {a=1,2} {seed}"],
         "command=no-such-program: is not found, or cannot be run (its path, or the program that "
         "runs it, such as python or sh)"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused(commands, said):
    with pytest.raises(InputError) as error:
        read(*commands)
    assert str(error.value) == said


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", "b", "c"]])
def test_each_command_has_a_name_or_none_has(names):
    with pytest.raises(InputError, match="must be given once for each of the 2 commands"):
        read("sh a {seed}", "sh b {seed}", names=names)


def test_runs_are_known_by_words_files_and_folder(tmp_path, monkeypatch):
    def ids(*commands):
        return [one.id for one in read(*commands)]

    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.sh").write_text("echo 1")
    first, other = ids("sh a.sh --o 1 {seed}", "sh a.sh --o 2 {seed}")
    assert first != other
    assert ids("sh x --file=a.sh {seed}", "sh a.sh --o 1 {seed}")[1] == first
    equal, again = ids("sh a.sh --o 1 {seed}", "sh a.sh --o 1 {seed}")
    assert equal == first != again  # equals are two settings with runs of their own
    before = ids("sh x --file=a.sh {seed}", "sh y {seed}")
    (tmp_path / "a.sh").write_text("echo 2")
    assert ids("sh a.sh --o 1 {seed}", "sh a.sh --o 2 {seed}")[0] != first
    after = ids("sh x --file=a.sh {seed}", "sh y {seed}")
    assert (after[0] != before[0], after[1] == before[1]) == (True, True)
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "b")
    assert ids("sh y {seed}", "sh z {seed}")[0] != after[1]


def test_a_command_line_is_split_at_each_pair_of_dashes():
    assert split(["a", "--", "b", "c", "--", "--", "d"]) == (["a"], [["b", "c"], ["d"]])
    assert split(["a"]) == (["a"], [])
