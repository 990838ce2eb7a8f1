"""Rows: functions against extended precision and at special values, and what cannot be traced."""

import numpy as np
import pytest

from nnrun.rows import functions
from nnrun.rows.trace import Graph, Row, Untraceable, evaluate

NUMPY = {
    "exp": np.exp,
    "expm1": np.expm1,
    "tanh": np.tanh,
    "log": np.log,
    "log1p": np.log1p,
    "sin": np.sin,
    "cos": np.cos,
    "arctan": np.arctan,
}
BOUNDS = {
    "exp": 1.2, "expm1": 4.0, "tanh": 2.5, "log": 1.0, "log1p": 2.0, "sin": 2.5, "cos": 2.5,
    "arctan": 1.0,
}  # fmt: skip
"""In units in the last place, without fused operations, which are never worse."""
SPECIAL = [
    *(0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 2.0**-1022, 1e-300, 1e300, -1e300),
    *(709.7, 709.8, 710.0, -708.5, -745.1, -745.2, -746.0, 0.625, -0.625, 1.0, 2.0),
]
extended = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 63, reason="no extended precision here"
)


def called(function, *arrays):
    """Trace a function of rows, and compute it by NumPy."""
    graph = Graph(fused=False)
    rows = [graph.leaves([f"x{i}"]) for i in range(len(arrays))]
    result = function(*rows)
    leaves = {row.cells[0]: np.asarray(a) for row, a in zip(rows, arrays, strict=True)}
    return evaluate(list(result.cells.flat), leaves)[0]


def grid(name):
    """Return numbers over the range in which the function keeps its bound."""
    rng = np.random.default_rng(1)
    magnitudes = np.geomspace(1e-308, 800, 50_000)
    x = np.concatenate(
        [np.linspace(-760, 720, 200_001), rng.normal(0, 3, 100_000), magnitudes, -magnitudes]
    )
    if name == "log":
        return np.concatenate([x[x > 0], np.geomspace(5e-324, 1.7e308, 100_000)])
    if name == "exp":
        return x[x >= -707]  # below, it is 0
    if name == "log1p":
        return np.concatenate([x[x > -1], np.geomspace(1e-300, 1.7e308, 100_000)])
    if name == "arctan":
        return np.concatenate([x, np.geomspace(0.01, 1.7e308, 100_000)])
    if name in ("sin", "cos"):
        # the hardest are the numbers next to multiples of π / 2
        hard = np.arange(-63_661, 63_662) * (np.pi / 2)
        beside = [np.nextafter(hard, np.inf), hard, np.nextafter(hard, -np.inf)]
        return np.concatenate([x, *beside, rng.uniform(-1e5, 1e5, 200_000)])
    return x


@extended
@pytest.mark.parametrize("name", sorted(NUMPY))
def test_error_bounds(name):
    x = grid(name)
    with np.errstate(all="ignore"):
        got, wanted = called(getattr(functions, name), x), NUMPY[name](x.astype(np.longdouble))
        rounded = wanted.astype(np.float64)
        ulps = np.abs(got.astype(np.longdouble) - wanted) / np.spacing(np.abs(rounded))
    ulps = np.where(got == rounded, 0.0, ulps)
    assert np.nanmax(ulps) <= BOUNDS[name] + 0.01
    np.testing.assert_array_equal(np.isnan(got), np.isnan(rounded))


@pytest.mark.parametrize("name", sorted(NUMPY))
def test_limits_at_special_values(name):
    x = np.array(SPECIAL)
    if name == "exp":
        x = x[~((x < -707) & (x > -746))]
    if name in ("sin", "cos"):
        x = x[~(np.abs(x) == 1e300)]
    with np.errstate(all="ignore"):
        wanted = NUMPY[name](x)
    got = called(getattr(functions, name), x)
    np.testing.assert_allclose(got, wanted, rtol=1e-15, atol=1e-323)


@extended
@pytest.mark.parametrize("name", ["sin", "cos"])
def test_waves_lose_digits_gracefully_beyond_their_range(name):
    x = np.geomspace(1e5, 1.7e308, 200_000)
    x = np.concatenate([x, -x])
    got, wanted = called(getattr(functions, name), x), NUMPY[name](x.astype(np.longdouble))
    assert (np.abs(got) <= 1).all()
    error = np.abs(got - wanted).astype(np.float64)
    assert (error <= np.maximum(np.abs(x), 2.0) * 2.0**-50).all()


def graph_of(*names, fused=False):
    graph = Graph(fused)
    return [graph.leaves([f"{name}{i}" for i in range(3)]) for name in names]


OPERATIONS = {
    "arithmetic": lambda a, b: (a + 2 * b - 1) / (b * b + 1),
    "in place": lambda a, b: _doubled(a) - b,
    "power": lambda a, b: a**3 + np.abs(b) ** 0.5 + a**-2,
    "another power": lambda a, b: np.abs(a) ** 1.7,
    "comparisons": lambda a, b: np.where((a > b) & ~(a == 0) | (b != b), a, -b),
    "truth as numbers": lambda a, b: (a > b) * 1.0 + (a >= 0).astype(float),
    "sums": lambda a, b: a.sum() + np.sum(b, axis=0, keepdims=True) + np.mean(a),
    "extremes": lambda a, b: a.max() - np.min(b),
    "products": lambda a, b: np.prod(a) + np.multiply.reduce(b),
    "clip": lambda a, b: np.clip(a, -0.5, 0.5) + np.minimum(np.maximum(b, -1), 1),
    "shapes": lambda a, b: np.stack([a, b]).T.reshape(2, 3).swapaxes(0, 1).ravel() + a[0],
    "concatenate": lambda a, b: np.concatenate([a[:2], b[None, 1:].ravel()]),
    "whole numbers": lambda a, b: np.floor(a) + np.ceil(b) + np.rint(a) + a // 0.3 + b % 0.7,
    "sign": lambda a, b: np.sign(a) + np.heaviside(b, 0.5) + np.copysign(1.0, 1.0),
    "softmax": lambda a, b: np.exp(a - a.max()) / np.exp(a - a.max()).sum(),
    "argmax": lambda a, b: a.argmax() + 10.0 * (np.argmax(b) == 1),
    "logaddexp": lambda a, b: np.logaddexp(a, b) + np.logaddexp(0.0, a),
    "hyperbolic": lambda a, b: np.sinh(a) + np.cosh(b) + np.tan(a) + np.hypot(a, b),
    "zeros": lambda a, b: np.zeros_like(a) + np.ones_like(b) + b,
    "assignment": lambda a, b: _first_of(a, b),
    "whole, to 0": lambda a, b: (3 * a).astype(int) % 2 + np.trunc(b) + (a > 0).astype(int),
    "some": lambda a, b: (np.any(a > 1) | np.all(b < 1)) * 1.0,
    "angles": lambda a, b: np.arctan2(a, b) + np.arctan2(a * 0.0, b) + np.arctan2(a, b * 0.0),
    "matrices": lambda a, b: a.reshape(1, 3) @ np.arange(6.0).reshape(3, 2) + a @ b,
    "more matrices": lambda a, b: np.arange(3.0) @ a.reshape(3, 1) + a @ np.ones((3, 2)),
    "lengths": lambda a, b: np.linalg.norm(a) + np.linalg.norm(np.stack([a, b]), axis=0),
    "cases": lambda a, b: np.select([a > 1, b > 0], [a, b], 2.0) + np.full_like(a, 3),
    "stacks": lambda a, b: np.hstack([a, b]) * np.vstack([a, b]).ravel(),
}


def _doubled(a):
    a = a.copy()
    a *= 2
    a += 1
    return a


def _first_of(a, b):
    a = a.copy()
    a[..., 0] = b[1]
    return a


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_what_is_recorded_is_what_numpy_does(name, fused, rng):
    a, b = graph_of("a", "b", fused=fused)
    x, y = rng.normal(size=(2, 3, 1000))
    result = np.asarray(OPERATIONS[name](a, b).cells)
    cells = [*a.cells, *b.cells]
    leaves = dict(zip(cells, [*x, *y], strict=True))
    got = np.array([np.broadcast_to(v, 1000) for v in evaluate(list(result.flat), leaves)])
    wanted = np.array([np.ravel(OPERATIONS[name](*pair)) for pair in zip(x.T, y.T, strict=True)])
    np.testing.assert_allclose(got.T, wanted, rtol=1e-13, atol=1e-14)


def test_equal_operations_are_one_and_a_product_is_fused_with_what_is_added():
    (a,) = graph_of("a", fused=True)
    x, y, z = a.cells
    one, other = (a[0] * a[1] + a[2]), (a[0] * a[1] + a[2])
    assert one.cells.item() is other.cells.item()
    node = one.cells.item()
    assert (node.op, node.args) == ("fma", (x, y, z))
    (b,) = graph_of("a")
    assert (b[0] * b[1] + b[2]).cells.item().op == "add"


UNTRACEABLE = {
    "a branch": (lambda a: 1 if a[0] > 0 else 2, "a Python branch or loop on values"),
    "a number": (lambda a: float(a[0]), "a Python branch or loop on values"),
    "another library": (lambda a: np.linalg.norm(np.asarray(a)), "handed to another library"),
    "a sort": (np.sort, "np.sort"),
    "a mask": (lambda a: a[a > 0], "values choose places of an array: say np.where"),
    "a masked assignment": (lambda a: a.__setitem__(a > 0, 0.0), "values choose places"),
    "an index": (lambda a: np.eye(3)[a.argmax()], "handed to another library"),
    "a ufunc": (np.arcsin, "np.arcsin"),
    "kinds": (lambda a: a + a.view(np.uint64), "it mixes uint64 with float64"),
}


@pytest.mark.parametrize("name", sorted(UNTRACEABLE))
def test_what_a_row_cannot_follow_is_named(name):
    function, words = UNTRACEABLE[name]
    (a,) = graph_of("a")
    with pytest.raises(Untraceable) as raised:
        function(a)
    assert words in str(raised.value)


def test_threefry_gives_the_words_of_its_paper():
    # Random123's known answers for threefry2x64 with 20 rounds
    ones = 2**64 - 1
    known = {
        ((0, 0), (0, 0)): (0xC2B6E3A8C2C69865, 0x6F81ED42F350084D),
        ((ones, ones), (ones, ones)): (0xE02CB7C4D95D277A, 0xD06633D0893B8B68),
        ((0x243F6A8885A308D3, 0x13198A2E03707344), (0xA4093822299F31D0, 0x082EFA98EC4E6C89)): (
            0x263C7D30BB0F0AF1,
            0x56BE8361D3311526,
        ),
    }
    for (counter, key), words in known.items():
        arrays = [np.array([w], dtype=np.uint64) for w in (*key, *counter)]
        found = functions.threefry(arrays[:2], arrays[2:])
        assert tuple(int(w[0]) for w in found) == words


def test_a_number_of_a_word_is_uniform():
    words = np.array([0, 2**64 - 1, 2**63], dtype=np.uint64)
    assert functions.unit(words).tolist() == [0.0, 1.0 - 2.0**-52, 0.5]


def test_a_row_is_no_array_of_numbers():
    (a,) = graph_of("a")
    assert isinstance(a + 1, Row)
    assert (a.shape, a.ndim, a.size, len(a)) == ((3,), 1, 3, 3)
