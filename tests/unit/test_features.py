"""Features: what is read as a term, what is computed, and that adding an input changes no other."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from nnrun.errors import InputError
from nnrun.network.randomness import Role, generator
from nnrun.problem.expressions import parse
from nnrun.problem.feature_sets import Fourier, Polynomial, Terms
from nnrun.problem.features import FEATURES, bare_problem, input_map, make_problem
from nnrun.problem.pattern_generators import Gate
from nnrun.problem.planar_generators import Xor
from nnrun.problem.problem import Samples
from nnrun.problem.split_tables import Iris, Wine
from nnrun.training.sources import Source

XY = ("x", "y")
POINTS = np.array([[0.5, -2.0], [3.0, 0.25], [-1.5, 1.0]])


def no_rng():
    raise AssertionError("nothing random was asked for")


def computed(features, inputs=XY, values=POINTS):
    return features.compute(values, inputs, no_rng)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("x", "x", 0.5),
        ("x*y", "x*y", -1.0),
        (" y * x ", "x*y", -1.0),
        ("x^2", "x**2", 0.25),
        ("x*x*y", "x**2*y", -0.5),
        ("(x*y)**3", "x**3*y**3", -1.0),
        ("x**8*x**8", "x**16", 2.0**-16),
        ("1", "1", 1.0),
        ("-2.5", "-2.5", -2.5),
        ("2*x", "2*x", 1.0),
        ("x*4*y*0.5", "2*x*y", -2.0),
        ("-x", "-x", -0.5),
        ("-x**2", "-x**2", -0.25),
        ("(-x)**2", "x**2", 0.25),
        ("1e-3*x", "0.001*x", 0.0005),
        ("sin(x)", "sin(x)", 0.479425538604203),
        ("cos( 2 * x )", "cos(2*x)", 0.54030230586814),
        ("sin(y*x)", "sin(x*y)", -0.841470984807897),
        ("sin(pi*x)", "sin(pi*x)", 1.0),
        ("cos(2*pi*y)", "cos(2*pi*y)", 1.0),
        ("y*sin(x)*cos(x)", "y*cos(x)*sin(x)", -0.841470984807897),  # -2 sin x cos x = -sin 2x
        ("sin(x)*sin(x)", "sin(x)**2", 0.22984884706593),  # (1 - cos 2x) / 2
        ("sin(y)*sin(x)", "sin(x)*sin(y)", (math.cos(2.5) - math.cos(1.5)) / 2),
        ("-" * 180 + "x", "x", 0.5),
        ("pi", "pi", math.pi),
        ("2*pi*x", "2*pi*x", math.pi),
    ],
)
def test_a_term_has_one_spelling_and_its_value(text, name, value):
    features = Terms((text,))
    assert features.names(XY) == (name,)
    assert computed(features)[0, 0] == pytest.approx(value, rel=1e-14)
    assert parse(name, XY) == parse(text, XY)


REFUSED = [
    "", "x+y", "x-y", "x/2", "x//2", "x%2", "x*", "*x", "x**0", "x**-1", "x**0.5", "x**17", "x**y",
    "2**x", "x**8*x**9", "x y", "x,y", "(x,)", "[x]", "{x}", "x.real", "x[0]", "x()", "sin",
    "sin()", "sin(x,y)", "sin(x+y)", "sin(2)", "sin(sin(x))", "sin(*x)", "sin(a=x)", "tan(x)",
    "exp(x)", "__import__('os')", "__import__", "().__class__", "lambda: x", "x if y else 1",
    "x and y", "not x", "~x", "+x", "x<y", "x:=1", "'x'", "f'{x}'", "True", "None", "1j*x",
    "0x10*x", "1_0*x", "0*x", "1e999", "9" * 400 + "*x", "1or x", "x;y", "x#y", "x\\\ny", "\x00",
    "noise*x", "sin(noise)", "noise**2", "noise1", "noise0", "noise100", "(" * 190 + "x",
    "x*" * 150 + "x", "sin(0*x)", "cos(1e200*1e200*x)", "sin((1e300)**2*x)", "sin(x**9*x**9)",
    "sin(((((((x**16)**16)**16)**16)**16)**16)**16)", "y*cos(y*(x**4)**5)", "(pi**16)**2*x",
    "sin(x*(pi**16)**16*(pi**16)**16*(pi**16)**16)", "(pi**16)**16*(pi**16)**16*(pi**16)**16",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_anything_else_is_no_term(text):
    with pytest.raises(InputError) as caught:
        parse(text, XY)
    (issue,) = caught.value.issues
    assert issue.key == "terms"
    assert issue.value == text


@given(st.text(st.sampled_from("xy12.*^()-+ sincogpe_'\"[]{}:=,<>!%/\\\n\t#@~;|&0é"), max_size=40))
def test_text_is_never_more_than_read(text):
    try:
        term = parse(text, XY)
    except InputError:
        return
    assert parse(term.name, XY) == term


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        term = parse(text, XY)
    except InputError:
        return
    assert set(term.name) <= set("xynoisecp0123456789.*()-+")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x+y", "must be a product of inputs, sin(...), cos(...) and numbers, with whole powers"),
        ("x+y", "(for instance x*y, x**2 or sin(x))"),
        ("x**17", "with whole powers from 1 to 16"),
        ("x**9*x**9", "must not have a power above 16"),
        ("0*x", "must not have a factor that is 0 or infinite"),
        ("1e300**2*x", "must not have a factor that is 0 or infinite"),
        ("sin(0*x)", "must not have a factor that is 0 or infinite"),
        ("sin(x**9*x**9)", "must not have a power above 16"),
        ("cos((pi**16)**16*(pi**16)**16*x)", "must not have a power above 16"),
        ("sin(1)", "sin(...) must hold a product of inputs, with numbers and whole powers"),
        ("cos(x+y)", "must be a product"),
        ("noise*x", "must not have noise as a factor (noise alone is a term)"),
        ("x*z", "'z' is not an input of the data (known: x, y; features=raw takes them as they"),
        ("x*" * 150 + "x", "must have at most 200 characters"),
    ],
)
def test_what_is_wrong_with_a_term_is_said(text, message):
    with pytest.raises(InputError) as caught:
        parse(text, XY)
    assert message in str(caught.value)


def test_columns_of_a_table_are_combined_by_their_names():
    columns = ("age", "fare", "sepal length (cm)", "class", "noise")
    values = np.array([[2.0, 3.0, 5.0, 7.0, 11.0]])
    terms = Terms(("age*fare", "sepal length (cm)", "class", "noise", "2*noise"))
    np.testing.assert_array_equal(computed(terms, columns, values), [[6, 5, 7, 11, 22]])
    with pytest.raises(InputError, match="did you mean 'fare'"):
        Terms(("fair",)).names(columns)
    with pytest.raises(InputError, match="'class' can only stand alone; features=polynomial"):
        Terms(("class*age",)).names(columns)


def test_a_number_that_is_an_inputs_name_is_never_taken_for_its_value():
    assert parse("2019", ("2019", "x")).factors.powers == (1, 0)
    for term in ("2019*x", "2019*2020", "sin(2019*x)", "x*2019.0"):
        with pytest.raises(InputError, match="has 2019 as a factor, which is the name of an input"):
            parse(term, ("2019", "x"))
    assert parse("2*x", ("2019", "x")).name == "2*x"


def test_all_bad_terms_are_told_each_fault_once():
    with pytest.raises(InputError) as caught:
        Terms(("x", "a", "a*b", "x+y", "b*x")).names(XY)
    assert [issue.value for issue in caught.value.issues] == ["a", "x+y", "b*x"]
    with pytest.raises(InputError, match=r"lists x\*y more than once"):
        Terms(("x*y", "y*x")).names(XY)
    with pytest.raises(InputError, match="needs at least one term"):
        Terms(()).names(XY)


def test_numbers_need_no_quotes():
    assert Terms(("x", 1, -0.5)).names(XY) == ("x", "1", "-0.5")
    assert Terms(("x", 1)).resolved(XY, spelt_out=True) == Terms(("x", "1"))


def test_equal_terms_have_one_spelling():
    assert Terms().resolved(XY, spelt_out=True) == Terms(XY)
    assert Terms(XY).resolved(XY, spelt_out=False) == Terms()
    assert Terms(("y", "x")).resolved(XY, spelt_out=False) == Terms(("y", "x"))
    assert Terms(("y*x",)).resolved(XY, spelt_out=True) == Terms(("x*y",))


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
@pytest.mark.parametrize("n_inputs", [1, 2, 3])
def test_polynomials_are_those_of_scikit_learn(rng, degree, n_inputs):
    inputs = ("x", "y", "z")[:n_inputs]
    values = rng.normal(size=(50, n_inputs))
    oracle = PolynomialFeatures(degree, include_bias=False)
    expected = oracle.fit_transform(values)
    written = [n.replace(" ", "*").replace("^", "**") for n in oracle.get_feature_names_out(inputs)]
    features = Polynomial(degree)
    assert list(features.names(inputs)) == written
    np.testing.assert_allclose(computed(features, inputs, values), expected, rtol=1e-13)


def test_polynomials_without_interactions_are_powers():
    features = Polynomial(3, interactions=False)
    assert features.names(XY) == ("x", "y", "x**2", "y**2", "x**3", "y**3")
    np.testing.assert_allclose(computed(features)[1], [3, 0.25, 9, 0.0625, 27, 0.015625])


def test_fourier_features_repeat_within_the_period():
    features = Fourier(2, period=0.5)
    assert features.names(("x",)) == (
        "sin(4*pi*x)", "cos(4*pi*x)", "sin(8*pi*x)", "cos(8*pi*x)",
    )  # fmt: skip
    x = np.linspace(-1, 1, 41)[:, None]
    once, later = (computed(features, ("x",), v) for v in (x, x + 0.5))
    np.testing.assert_allclose(once, later, atol=1e-13)
    # they are orthogonal over whole periods, each with a mean square of one half
    inner = once[:-1].T @ once[:-1] / 40
    np.testing.assert_allclose(inner, np.eye(4) / 2, atol=1e-13)


def test_fourier_features_of_the_period_2_pi_are_the_playgrounds():
    features = Fourier(2)
    assert features.names(XY)[:5] == ("sin(x)", "cos(x)", "sin(2*x)", "cos(2*x)", "sin(y)")
    first = computed(features)[:, 0]
    np.testing.assert_allclose(first, [0.479425538604, 0.14112000806, -0.997494986604], rtol=1e-11)


@pytest.mark.parametrize("features", [Polynomial(3), Fourier(3), Fourier(2, 1.0), Fourier(1, 0.3)])
def test_an_expansion_is_the_terms_of_its_names(features):
    names = features.names(XY)
    np.testing.assert_array_equal(computed(features), computed(Terms(names)))


def test_expansions_work_whatever_the_columns_are_called():
    assert "petal width (cm)**2" in make_problem(Iris(), Polynomial(2)).inputs


@pytest.mark.parametrize(("features", "n"), [(Polynomial(8), "203,489"), (Fourier(1000), "26,000")])
def test_too_many_features_are_refused(features, n):
    with pytest.raises(InputError, match=f"makes {n} features of 13 inputs; at most 10,000"):
        make_problem(Wine(), features)


def test_the_playground_preset_holds_its_seven(request):
    path = request.config.rootpath / "conf" / "features" / "playground.yaml"
    terms = tuple(yaml.safe_load(path.read_text())["terms"])
    x, y = POINTS.T
    expected = np.stack([x, y, x**2, y**2, x * y, np.sin(x), np.sin(y)], axis=1)
    np.testing.assert_allclose(computed(Terms(terms)), expected, rtol=1e-14)


SETS = [Terms(), Terms(("x", "noise")), Terms(("noise2", "y", "x*y")), Polynomial(), Fourier()]


@pytest.mark.parametrize("features", SETS)
def test_no_feature_shifts_the_stream(features):
    bare, with_features = bare_problem(Xor()), make_problem(Xor(), features)
    ours, theirs = generator(5, Role.DATA), generator(5, Role.DATA)
    for _ in range(3):
        np.testing.assert_array_equal(
            with_features.draw(ours, 70).targets, bare.draw(theirs, 70).targets
        )
    assert ours.random() == theirs.random()


def test_noise_is_the_trials_own_and_the_same_whatever_stands_beside_it():
    one = make_problem(Xor(), Terms(("x", "noise")))
    both = make_problem(Xor(), Terms(("noise2", "x*y", "noise")))
    second = make_problem(Xor(), Terms(("noise2", "y")))
    rngs = [generator(7, Role.DATA) for _ in range(3)]
    blocks = [[p.draw(r, 1000).inputs for _ in range(2)] for p, r in zip((one, both, second), rngs,
              strict=True)]  # fmt: skip
    for i in range(2):
        np.testing.assert_array_equal(blocks[0][i][:, 1], blocks[1][i][:, 2])
        np.testing.assert_array_equal(blocks[1][i][:, 0], blocks[2][i][:, 0])
    other = one.draw(generator(8, Role.DATA), 1000).inputs[:, 1]
    columns = [
        blocks[1][0][:, 0],
        blocks[1][0][:, 2],
        blocks[0][1][:, 1],
        other,
        blocks[0][0][:, 0],
    ]
    correlation = np.corrcoef(columns) - np.eye(5)
    assert np.abs(correlation).max() < 0.12  # of 1000 values: 4 standard deviations are 0.126
    assert columns[0].mean() == pytest.approx(0, abs=0.13)
    assert columns[0].std() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("data", [Xor(), Xor(n_train=7), Gate()])
def test_noise_is_the_same_in_any_stack_and_in_pieces_of_any_size(data):
    problem = make_problem(data, Terms(("x", "noise"), standardise=True))
    alone = Source(problem, [3]).take(0, 5000).inputs[0]
    stacked = Source(problem, [1, 3, 2])  # in the order of their seeds
    starts = [(0, 1), (1, 99), (100, 4500), (4600, 400)]
    pieces = [stacked.take(first, n).inputs[2] for first, n in starts]
    np.testing.assert_array_equal(np.concatenate(pieces), alone)


def test_noise_beside_fixed_samples_is_fixed_and_not_that_of_the_test():
    features = Terms(("noise", "alcohol"))
    problem, again = make_problem(Wine(), features), make_problem.__wrapped__(Wine(), features)
    assert problem.digest == again.digest
    n = len(problem.held_out.inputs)
    assert not np.isin(problem.held_out.inputs[:, 0], problem.pool.inputs[:n, 0]).any()


def test_training_and_test_set_in_one_stay_one():
    problem = make_problem(Gate(), Terms(("x", "noise")))
    np.testing.assert_array_equal(problem.pool.inputs, problem.held_out.inputs)


@pytest.mark.parametrize("data", [Gate("and"), Iris(), Iris(split_seed=3)], ids=str)
def test_noise_beside_a_fixed_set_is_standardised_by_the_training_draw(data):
    noise = Terms((data.problem().inputs[0], "noise", "noise2"), standardise=True)
    values = make_problem(data, noise).pool.inputs
    assert values.mean(axis=0) == pytest.approx([0, 0, 0], abs=1e-12)
    assert values.std(axis=0) == pytest.approx([1, 1, 1])


def test_a_pool_is_standardised_by_itself():
    plain = make_problem(Iris(), Polynomial(2))
    problem = make_problem(Iris(), Polynomial(2, standardise=True))
    oracle = StandardScaler().fit(plain.pool.inputs)
    for ours, theirs in ((problem.pool, plain.pool), (problem.held_out, plain.held_out)):
        np.testing.assert_allclose(ours.inputs, oracle.transform(theirs.inputs), atol=1e-12)
        np.testing.assert_array_equal(ours.targets, theirs.targets)


def test_a_stream_is_standardised_by_draws_of_its_own():
    features = Terms(("x", "x*y", "1", "noise"), standardise=True)
    problem = make_problem(Xor(), features)
    inputs = problem.draw(np.random.default_rng(0), 40_000).inputs
    np.testing.assert_allclose(inputs.mean(axis=0), [0, 0, 1, 0], atol=0.05)
    np.testing.assert_allclose(inputs.std(axis=0), [1, 1, 0, 1], atol=0.05)
    assert (inputs[:, 2] == 1).all()  # a constant stays what it is
    # of the uniform distribution on [0, 1): mean 1/2, deviation 1/sqrt(12)
    mapped = input_map(Xor(), features)
    assert mapped.shift[0] == pytest.approx(0.5, abs=0.012)
    assert mapped.scale[0] == pytest.approx(12**-0.5, abs=0.006)
    again = make_problem.__wrapped__(Xor(), features)
    assert again.digest == problem.digest


def test_a_map_computes_the_inputs_of_any_points():
    mapped = input_map(Xor(), Terms(("y", "x*y")))
    np.testing.assert_array_equal(mapped(POINTS), [[-2, -1], [0.25, 0.75], [1, -1.5]])


@dataclass(frozen=True)
class Radius:
    name = "radius"

    centre: float = 0.0

    def names(self, inputs):
        return (*inputs, "radius")

    def compute(self, values, inputs, new_rng):
        return np.column_stack([values, np.hypot(*(values - self.centre).T)])


class Bad(Radius):
    name = "bad"
    given_names = ("a",)

    def names(self, inputs):
        return self.given_names

    def compute(self, values, inputs, new_rng):
        return self.given_values(values)


def test_ones_own_features_need_two_methods():
    problem = make_problem(Xor(), Radius(0.5))
    assert problem.inputs == ("x", "y", "radius")
    drawn = problem.draw(np.random.default_rng(0), 5)
    x, y = drawn.inputs[0, :2]
    assert drawn.inputs[0, 2] == pytest.approx(math.sqrt((x - 0.5) ** 2 + (y - 0.5) ** 2))
    assert isinstance(drawn, Samples)


@pytest.mark.parametrize(
    ("names", "values", "message"),
    [
        (("a", "b"), lambda v: v[:, :1], r"name=bad: computes values of shape \(\d+, 1\); by its"),
        (("a",), lambda v: v[:, 0], r"by its names they must have \(\d+, 1\)"),
        (("a", "a"), lambda v: v, "makes two inputs called 'a'"),
        (("a", "b"), lambda v: v * [1, 1e308] * 1e9, "makes 'b' infinite or undefined"),
    ],
)
def test_what_is_wrong_with_ones_own_features_is_said(names, values, message):
    bad = type("Bad", (Bad,), {"given_names": names, "given_values": staticmethod(values)})()
    with pytest.raises(InputError, match=message):
        make_problem.__wrapped__(Xor(), bad)


def test_the_registry_holds_the_sets_and_knows_a_misspelt_one():
    assert {"terms", "polynomial", "fourier"} <= set(FEATURES)
    with pytest.raises(InputError, match=r"is not a known feature set \(did you mean 'fourier'"):
        FEATURES["furier"]
