"""What programs print is read as a person would read it, and nothing else is."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnrun.judging.metric_lines import Curve, Reader, Unread, curve_of, read_line

LINES = [
    ("step=100 val_acc=0.91 loss=0.3", {"step": 100, "val_acc": 0.91, "loss": 0.3}),
    ("INFO:root:step=1,acc=.5;lr=1e-3", {"step": 1, "acc": 0.5, "lr": 0.001}),
    ("Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.3", {"Epoch": 1, "Loss": 2.3}),
    ("Epoch [3/10], loss: +5., acc : 1", {"Epoch": 3, "loss": 5, "acc": 1}),
    ("epoch 3/10: train_loss 0.35 val_acc = 0.5", {"epoch": 3, "val_acc": 0.5}),
    ("{'loss': 0.5, 'epoch': 1.0}", {"loss": 0.5, "epoch": 1}),
    ("50%|##| 5/10 [00:01<00:01, 3.2it/s, loss=.3, step=5]", {"loss": 0.3, "step": 5}),
    ("4s 2ms/step - loss: 0.497 - val/acc@1: -2E+2", {"loss": 0.497, "val/acc@1": -200}),
    ("\x1b[32mstep=5\x1b[0m acc=1", {"step": 5, "acc": 1}),
    ("step=1,000 acc=1.", {"step": 1000, "acc": 1}),
    ("step=1,234,567", {"step": 1234567}),
    ("acc=0.5 acc=0.6", {"acc": 0.6}),
    ("loss=inf a=-Infinity", {"loss": math.inf, "a": -math.inf}),
    ('  {"step": 2, "eval": {"acc": 1}, "ok": true, "s": "x=1"}', {"step": 2, "eval.acc": 1}),
    ("Epoch [93/100], Accuracy: 82.33%", {"Epoch": 93, "Accuracy": 82.33}),
    # no numbers, or not certainly
    ("took=3.2s at=2026-11-27 hour=12:30 v=1.2.3 a=1,2 b=0,91 c=1_000", {}),
    ("2026-11-27T12:30:05 http://host:80/ a=b info=infer x=tensor(0.5) y=- z=.", {}),
    ('{"step": "2", "acc": null}', {}),
    ("[1, 2]", {}),
    ("{", {}),
    ("", {}),
]


@pytest.mark.parametrize(("text", "numbers"), LINES, ids=[text[:30] for text, _ in LINES])
def test_a_line_is_read(text, numbers):
    assert read_line(text) == numbers


def test_a_number_that_is_none_is_read_as_such():
    assert math.isnan(read_line("loss=nan")["loss"])
    assert math.isnan(read_line('{"loss": NaN}')["loss"])
    assert read_line('{"loss": %s}' % ("1" * 400))["loss"] == math.inf


@given(st.text())
def test_no_line_is_refused(text):
    assert all(type(value) is float for value in read_line(text).values())
    read_line("{" + text + "}")
    read_line(f"step={text}")


names = st.from_regex(r"[a-z_]\w{0,9}", fullmatch=True)
numbers = st.floats(allow_nan=False)


@given(st.dictionaries(names, numbers, min_size=1), st.sampled_from([" ", ", ", "; ", " | ", "\t"]))
def test_every_number_that_python_prints_is_read_to_the_bit(told, between):
    assert read_line(between.join(f"{key}={value!r}" for key, value in told.items())) == told
    assert read_line(between.join(f"{key}: {value!r}" for key, value in told.items())) == told
    assert read_line(json.dumps(told)) == told
    assert read_line(str(told)) == told


def reader_of(text, x="", y=""):
    reader = Reader(x, y)
    for line in text.splitlines():
        reader.take(line)
    return reader


def test_a_summary_at_the_end_is_no_evaluation():
    lines = reader_of("epoch=1 acc=0.5\nepoch=2 acc=0.75\nbest acc=0.75\n").lines
    assert curve_of(lines, "", "acc") == Curve([1, 2], [0.5, 0.75])


def test_a_metric_may_stand_in_a_line_after_that_of_its_epoch():
    keras = "Epoch 1/2\n5/9 - acc: 0.25\n9/9 - acc: 0.5\nEpoch 2/2\n9/9 - acc: 0.75 - loss: 1\n"
    assert curve_of(reader_of(keras).lines, "", "acc") == Curve([1, 2], [0.5, 0.75])


def test_of_two_counters_the_finer_one_counts_if_it_stands_beside_the_metric():
    both = reader_of(
        "epoch=1\nstep=10 loss=1\nstep=20 loss=0.5\nepoch=1 acc=0.5\nepoch=2 acc=1", y="acc"
    )
    assert curve_of(both.lines, "", "loss") == Curve([10, 20], [1, 0.5])
    assert curve_of(both.lines, "", "acc") == Curve([1, 2], [0.5, 1])
    assert both.at == 2


def test_what_has_one_value_only_does_not_count_if_anything_else_may():
    size = "samples=60000\nepoch: 1\nacc: 0.5\n"
    assert reader_of(size, y="acc").at == -math.inf
    whole = reader_of(size + "epoch: 2\nacc: 0.75\nsteps: 5\n", y="acc")
    assert (whole.at, curve_of(whole.lines, "", "acc")) == (2, Curve([1, 2], [0.5, 0.75]))
    assert reader_of("t=5 acc=1", x="t", y="acc").at == 5


@pytest.mark.parametrize(
    ("text", "x", "y", "rule", "hint"),
    [
        ("hello", "", "acc", "prints no metric", "print lines such as step=100 acc=0.91"),
        ("hello", "t", "acc", "prints no metric", "print lines such as t=100 acc=0.91"),
        ("step=1 ac=2", "", "acc", "never prints acc", "did you mean 'ac'?"),
        ("step=1 acc=2", "stp", "acc", "never prints stp", "did you mean 'step'?"),
        ("acc=2 t=1", "", "acc", "does not say how far it is",
         "print for instance step=100 acc=..., or name what counts by --x: t"),
        ("step=9 acc=1 epoch=1\nstep=1 acc=1 epoch=2", "", "acc", "counts step anew: 1 after 9",
         "name what counts through the whole run by --x: epoch"),
        ("step=-1 acc=1", "", "acc", "prints step=-1, which is no count",
         "it must not be negative"),
    ],
)  # fmt: skip
def test_lines_without_a_curve_are_told_of(text, x, y, rule, hint):
    with pytest.raises(Unread) as why:
        curve_of(reader_of(text).lines, x, y)
    assert (why.value.rule, why.value.hint) == (rule, hint)
    assert why.value.missing == ("count" not in rule)
