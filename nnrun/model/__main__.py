"""``python -m nnrun.model``: what a trained network is, saved in other forms, and asked."""

import argparse
import csv
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from nnrun import custom, documents
from nnrun.commands import Parser, exit_code, run
from nnrun.errors import InputError, Issue, listed
from nnrun.layout import write_text
from nnrun.model.load import chosen
from nnrun.model.neural_network import NeuralNetwork
from nnrun.problem.problem import Task
from nnrun.problem.table_file import read_file
from nnrun.records.networks import read_networks
from nnrun.records.record import RECORD, Record
from nnrun.text import cell, shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: see `nnrun.commands.exit_code`."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.out is not None and options.predict is None:
        parser.error("argument --out: it is where --predict writes, and there is no --predict")
    return exit_code(lambda: _run(options), "interrupted")


def _run(options: argparse.Namespace) -> int:
    networks = read_networks(options.path)
    if options.modules is not None:
        custom.admit(options.modules, networks.meta)
    model = chosen(networks, options.seed)
    documents.give("model", **facts(model, networks))
    if (path := options.save) is not None:
        ending = path.suffix.lower()
        if ending not in WRITERS:
            rule = f"has the unknown ending '{path.suffix}'"
            raise InputError(Issue("save", path, rule, f"known: {', '.join(WRITERS)}"))
        saved = WRITERS[ending](model, path)
        documents.give("model", saved=saved.absolute())
        print(f"written: {shown(saved)}", file=sys.stderr)
    if options.predict is not None:
        _predict(model, options.predict, options.out)
    if options.save is None and options.predict is None:
        for heading, text in summary(model, networks):
            print(f"{heading:<9} {shown(text)}")
    return 0


def summary(model: NeuralNetwork, networks: Record) -> list[tuple[str, str]]:
    """Describe a network of a file in rows of a heading and a text."""
    config, features = model.config, model.features
    trained = f"{model.samples:,} samples" if model.samples is not None else "unknown"
    setting = [f"{key.removesuffix('.name')}={config[key]}" for key in SHOWN if key in config]
    seeds = [str(seed) for seed in networks.seeds.tolist()]
    rows = [
        ("network", f"{model.layout}, {model.n_params:,} parameters"),
        ("task", f"{model.task}: {_meaning(model)}"),
        ("inputs", listed(model.inputs)),
        ("features", listed(features) if features != model.inputs else ""),
        ("layers", ", ".join(_layers(model))),
        ("outputs", listed(model.outputs)),
        ("trained", f"{trained}, seed {'unknown' if model.seed is None else model.seed}"),
        ("seeds", listed(seeds) if len(seeds) > 1 else ""),
        ("setting", " ".join(filter(None, [model.setting, *setting]))),
        ("from", str(networks.path)),
    ]
    return [(heading, text) for heading, text in rows if text]


def facts(model: NeuralNetwork, networks: Record) -> dict[str, Any]:
    """Return what a document says of a network of a file."""
    boundary = model.boundary if len(model.outputs) == 1 and model.classes else None
    layers = zip(model.sizes[1:], model.activations, strict=True)
    own = ("inputs", "features", "outputs", "classes", "samples", "seed", "setting", "config")
    return {
        "path": Path(networks.path).absolute(),
        "network": model.layout,
        "parameters": model.n_params,
        "task": model.task.value,
        **{name: getattr(model, name) for name in own},
        "boundary": boundary,
        "layers": [{"units": units, "activation": name} for units, name in layers],
        "shortcut": model.architecture.shortcut,
        "bias": model.architecture.bias,
        "seeds": networks.seeds,
        "saved": None,
        "written": None,
        "predictions": [],
    }


SHOWN = ("data.name", "lr", "batch_size", "optimizer.name", "schedule.name", "loss.name")
"""Keys of the setting that are told."""


def _layers(model: NeuralNetwork) -> Iterator[str]:
    """Write each layer's units and activation, and how often it is repeated."""
    units = zip(model.sizes[1:], model.activations, strict=True)
    layers = (f"{size} {name}" for size, name in units)
    for layer, same in groupby(layers):
        times = len(list(same))
        yield layer if times == 1 else f"{times} x {layer}"
    if model.architecture.shortcut:
        yield "shortcuts from the inputs"
    if not model.architecture.bias:
        yield "no biases"


def _meaning(model: NeuralNetwork) -> str:
    if model.task is Task.REGRESSION:
        label = model.encoder.label if model.encoder else listed(model.outputs)
        return f"{label}, in its own unit"
    if len(model.outputs) > 1:
        return f"the largest output of {listed([str(c) for c in model.classes])}"
    return f"{model.classes[1]} from {model.boundary:g} on, else {model.classes[0]}"


WRITERS = {".json": NeuralNetwork.save, ".npz": NeuralNetwork.save, ".csv": NeuralNetwork.to_csv}
"""What writes a network, by the ending of the file."""


def _predict(model: NeuralNetwork, table: str, out: Path | None) -> None:
    """Write the outputs for each row of a table, which goes by its number in the file.

    That is the line of a text file whose cells have no line breaks: its header is row 1, so its
    first sample is row 2. The first sample of a Parquet file is row 1. Empty rows are left out.
    """
    frame = read_file(table, fewest=1).frame
    outputs = model.predict(frame).tolist()
    classes = model.classify(frame).tolist() if model.classes else None
    if out is None and documents.wanted():
        documents.give("model", predictions=list(_rows(model, frame.index, outputs, classes)))
        return
    header = ["row", *model.outputs, *(["class"] if classes else [])]
    rows = [
        [row, *map(repr, values), *(classes[i : i + 1] if classes else [])]
        for i, (row, values) in enumerate(zip(frame.index, outputs, strict=True))
    ]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(map(cell, row) for row in [header, *rows])
    if out is None:
        on_terminal = sys.stdout.isatty()
        sys.stdout.write(shown(text.getvalue(), lines=True) if on_terminal else text.getvalue())
        sys.stdout.flush()
        return
    write_text(out, text.getvalue())
    documents.give("model", written=out.absolute())
    print(f"written: {shown(out)}", file=sys.stderr)


def _rows(
    model: NeuralNetwork, rows: Iterable[Any], outputs: Sequence[Sequence[float]], classes: Any
) -> Iterator[dict[str, Any]]:
    """Yield what a document says of each row's outputs."""
    for i, (row, values) in enumerate(zip(rows, outputs, strict=True)):
        told = {"row": row, "outputs": dict(zip(model.outputs, values, strict=True))}
        yield {**told, "class": classes[i]} if classes else told


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m nnrun.model", description=__doc__)
    parser.add_argument(
        "path", help=f"folder of a run or of a sweep's job, its {RECORD}, or a saved .npz or .json"
    )
    parser.add_argument("--seed", type=int, help="which of its networks (default: the first)")
    parser.add_argument(
        "--save", type=Path, metavar="FILE", help="write it as .json, .npz or .csv (weights alone)"
    )
    parser.add_argument(
        "--predict",
        metavar="TABLE",
        help="compute the outputs of a table's rows, as CSV; its column `row` is a row's number in"
        " the table's file, where a text file's header is row 1 and its first sample row 2",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="where --predict writes (default: it prints)"
    )
    parser.add_argument(
        "--modules",
        type=Path,
        metavar="FOLDER",
        help="where modules are that the network needs; without it none is imported",
    )
    return parser


if __name__ == "__main__":
    run(main)
