"""Hydra's flags among the overrides, and what is no flag."""

import pytest

from nnrun.errors import InputError
from nnrun.hydra_ext.arguments import read_flags


@pytest.mark.parametrize(
    ("given", "ordered"),
    [
        ("lr=1 --config-dir my seeds=2", "--config-dir=my lr=1 seeds=2"),
        ("lr=1 -cd=my seeds=2", "--config-dir=my lr=1 seeds=2"),
        ("seeds=2 -m lr=1,2", "--multirun seeds=2 lr=1,2"),
        ("lr=1 --info=config seeds=2 -r seeds=3", "--run --info=config lr=1 seeds=2 seeds=3"),
        ("lr=1 -c job -p network seeds=2", "--cfg=job --package=network lr=1 seeds=2"),
    ],
)
def test_flags_may_stand_anywhere(given, ordered):
    assert read_flags(given.split())[1] == ordered.split()


@pytest.mark.parametrize(
    "given", ["-m lr=1,2", "lr=1 seeds=2 --config-dir my", "", "--cfg job lr=1"]
)
def test_what_hydra_takes_is_left_as_it_was_written(given):
    assert read_flags(given.split())[1] == given.split()


def test_the_folder_of_own_configuration_is_found():
    assert read_flags(["lr=1", "--config-dir", "my", "seeds=2"])[0].config_dir == "my"
    assert read_flags(["lr=1"])[0].config_dir is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("lr=1 --multirum", "--multirum: is not a flag (did you mean '--multirun'?)"),
        ("--lr=0.1", "--lr=0.1: is not a flag (keys have no dashes: lr=0.1)"),
        ("--batch-size 4", "--batch-size: is not a flag (keys have no dashes: batch_size=VALUE)"),
        ("--learning-rate=1", "(keys have no dashes: lr=1)"),
        ("--config-dir", "command line: argument --config-dir/-cd: expected one argument"),
        ("--info nope", "invalid choice: 'nope' (choose from"),
        ("--experimental-rerun f.pkl", "--experimental-rerun=f.pkl: runs whatever a pickle holds"),
        ("-sc nope", "-sc=nope: takes install=SHELL or uninstall=SHELL, with bash, fish, zsh"),
        ("-sc query=bash", 'eval "$(nnrun -sc install=bash)"'),
        ("-sc install=tcsh", "-sc=install=tcsh: takes install=SHELL"),
    ],
)
def test_what_is_no_flag_is_refused_in_a_line(given, words, monkeypatch):
    monkeypatch.delenv("COMP_LINE", raising=False)
    with pytest.raises(InputError) as refused:
        read_flags(given.split())
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
