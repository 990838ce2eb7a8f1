"""Update rules, each written for one array of parameters. State in, state out.

An entry is its arithmetic: ``update`` takes an array, its gradient and what was kept beside it. The
base class applies it to all arrays of a network, the compiled engine to some parameters at a time.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Lt

from nnrun.errors import InputError, Issue, as_typed
from nnrun.network.activations import Array
from nnrun.network.mlp import Layer, Params, map_params, zeros_like
from nnrun.registry import Component, Registry

Slots = tuple[Array, ...]
"""What a rule keeps beside an array of parameters: arrays of its shape."""


class State(NamedTuple):
    """What a rule remembers from step to step.

    Attributes:
        slots: Shaped like the parameters.
        products: Numbers of the trials, shape (trial, 1, 1).
    """

    slots: tuple[Params, ...] = ()
    products: tuple[Array, ...] = ()

    def arrays(self) -> tuple[Array, ...]:
        """Return all arrays, in order."""
        return (*(a for slot in self.slots for layer in slot for a in layer), *self.products)

    def filled(self, arrays: Sequence[Array]) -> "State":
        """Return a state of this form with other arrays, as ``arrays`` gives them.

        Raises:
            ValueError: If there are others.
        """
        wanted, saved = ([a.shape for a in part] for part in (self.arrays(), arrays))
        if wanted != saved:
            raise ValueError(f"the saved state has arrays of {saved}, the optimizer's has {wanted}")
        left = iter(arrays)
        slots = tuple(map_params(lambda _: next(left), slot) for slot in self.slots)
        return State(slots, tuple(left))


class Optimizer(Component):
    """Turns gradients into updated parameters; nothing is changed in place.

    Float fields of an entry may hold arrays of shape (trial, 1, 1), so that one stack can hold
    trials with different hyperparameters. A trial must come out the same to the last bit in every
    stack: rules add, multiply, divide, compare and take square roots, whose rounding IEEE 754
    fixes; NumPy's powers differ between a float and an array. For the same reason powers of a
    field are kept as running products.

    Attributes:
        full_batch: Whether the rule compares gradients of successive steps and so only works if
            all of them are taken over the same samples.
        slots: Numbers kept beside each parameter, 0 at first.
        products: Numbers kept beside all of a trial's, running products of fields; 1 at first.
        derived: Properties that a number a trial follows from alone, as fields are, computed ahead.
    """

    full_batch: ClassVar[bool] = False
    slots: ClassVar[int] = 0
    products: ClassVar[int] = 0
    derived: ClassVar[tuple[str, ...]] = ()

    def begin(self, rate: Array, products: Slots) -> tuple[Any, Slots]:
        """Begin a step, with what is computed once for all parameters.

        Args:
            rate: The learning rate of this step, shape (trial, 1, 1).
            products: As kept before, in that shape.

        Returns:
            What ``update`` gets as its rate, and the products of this step.
        """
        return rate, products

    def update(self, p: Array, g: Array, slots: Slots, rate: Any) -> tuple[Array, Slots]:
        """Return an array of parameters after a step, and its slots.

        Args:
            p: Weights of a layer, shape (trial, fan_in, fan_out), or its biases, (trial, 1,
                fan_out). A rule whose numbers depend on several of them, as on a norm, is trained
                by the reference engine.
            g: Their gradients.
            slots: What was kept beside them.
            rate: As ``begin`` gave it.
        """
        raise NotImplementedError

    def init(self, params: Params) -> State:
        """Return the state before the first step."""
        ones = np.ones((len(params[0].bias), 1, 1))
        return State((zeros_like(params),) * self.slots, (ones,) * self.products)

    def step(
        self, params: Params, grads: Params, state: State, rate: Array
    ) -> tuple[Params, State]:
        """Update all arrays; to be written anew by a rule that looks at several of them at once.

        Args:
            params: Before the step.
            grads: Gradients at ``params``.
            state: As returned by ``init`` or the step before.
            rate: The learning rate of this step, shape (trial, 1, 1).
        """
        rates, products = self.begin(rate, state.products)
        arrays = [[a for layer in part for a in layer] for part in (params, grads, *state.slots)]
        updated = [self.update(p, g, tuple(s), rates) for p, g, *s in zip(*arrays, strict=True)]
        columns = zip(*[(p, *slots) for p, slots in updated], strict=True)
        stepped, *slots = [tuple(map(Layer, c[::2], c[1::2])) for c in columns]
        return stepped, State(tuple(slots), products)


OPTIMIZERS: Registry[Optimizer] = Registry("optimizer", Optimizer)


def mixed(old: Array, new: Array, keep: float) -> Array:
    """Return a decaying mean: keep * old + (1 - keep) * new."""
    return keep * old + (1.0 - keep) * new


class Sgd(Optimizer, name="sgd"):
    """Plain gradient descent: θ ← θ - η g."""

    def update(self, p: Array, g: Array, slots: Slots, rate: Any) -> tuple[Array, Slots]:
        return p - rate * g, slots


class Momentum(Optimizer, name="momentum"):
    """Gradient descent with momentum: v ← μ v + g, θ ← θ - η v, with v = 0 at first.

    The learning rate is outside of v, as in PyTorch: a schedule acts on the whole step at once.
    At a constant gradient the steps grow to 1 / (1 - μ) times those of plain descent.

    Attributes:
        momentum: The share μ of the step before that goes on.

    References:
        Polyak, Some methods of speeding up the convergence of iteration methods, 1964,
        doi:10.1016/0041-5553(64)90137-5.
    """

    slots: ClassVar[int] = 1
    momentum: Annotated[float, Ge(0), Lt(1)] = 0.9

    def update(self, p: Array, g: Array, slots: Slots, rate: Any) -> tuple[Array, Slots]:
        v = self.momentum * slots[0] + g
        return p - rate * v, (v,)


class Nesterov(Momentum, name="nesterov"):
    """Momentum that looks ahead: v ← μ v + g, θ ← θ - η (g + μ v).

    PyTorch's form: the gradient is taken at the parameters as they are, and the step is the one
    that momentum would take next if that gradient stayed.

    References:
        Sutskever, Martens, Dahl & Hinton, On the importance of initialization and momentum in deep
        learning, 2013, proceedings.mlr.press/v28/sutskever13.
    """

    def update(self, p: Array, g: Array, slots: Slots, rate: Any) -> tuple[Array, Slots]:
        v = self.momentum * slots[0] + g
        return p - rate * (g + self.momentum * v), (v,)


class Rmsprop(Optimizer, name="rmsprop"):
    """Steps divided by a decaying root mean square of the gradients.

    v ← ρ v + (1 - ρ) g², θ ← θ - η g / (√v + ε), with v = 0 at first: the first steps are up to
    1 / √(1 - ρ) times as long as the later ones.

    Attributes:
        rho: Decay ρ of the mean squared gradient, a step; Hinton's lecture has 0.9.
        epsilon: Added to the root.

    References:
        Tieleman & Hinton, Lecture 6.5: rmsprop, Neural Networks for Machine Learning, 2012.
    """

    slots: ClassVar[int] = 1
    rho: Annotated[float, Ge(0), Lt(1)] = 0.99
    epsilon: Annotated[float, Gt(0)] = 1e-8

    def update(self, p: Array, g: Array, slots: Slots, rate: Any) -> tuple[Array, Slots]:
        v = mixed(slots[0], np.square(g), self.rho)
        return p - rate * g / (np.sqrt(v) + self.epsilon), (v,)


class Adagrad(Optimizer, name="adagrad"):
    """Steps divided by the root of the sum of all squared gradients: G ← G + g², η g / (√G + ε).

    The sum is kept without ``initial``.

    Attributes:
        initial: What the sum starts from.
        epsilon: Added to the root.

    References:
        Duchi, Hazan & Singer, Adaptive Subgradient Methods for Online Learning and Stochastic
        Optimization, 2011, jmlr.org/papers/v12/duchi11a.
    """

    slots: ClassVar[int] = 1
    initial: Annotated[float, Ge(0)] = 0.0
    epsilon: Annotated[float, Gt(0)] = 1e-10

    def update(self, p: Array, g: Array, slots: Slots, rate: Any) -> tuple[Array, Slots]:
        total = slots[0] + g * g
        return p - rate * g / (np.sqrt(self.initial + total) + self.epsilon), (total,)


class Adadelta(Optimizer, name="adadelta"):
    """Steps as large as the steps before, in the units of the parameters.

    v ← ρ v + (1 - ρ) g², d = g √(u + ε) / √(v + ε), u ← ρ u + (1 - ρ) d², θ ← θ - η d. The paper
    has no learning rate: ``lr=1`` is its rule.

    Attributes:
        rho: Decay ρ of both means, a step; the paper has 0.95.
        epsilon: Added under both roots; it sets the size of the first steps.

    References:
        Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012, arXiv:1212.5701.
    """

    slots: ClassVar[int] = 2  # the mean squared gradient v, the mean squared step u
    rho: Annotated[float, Ge(0), Lt(1)] = 0.9
    epsilon: Annotated[float, Gt(0)] = 1e-6

    def update(self, p: Array, g: Array, slots: Slots, rate: Any) -> tuple[Array, Slots]:
        v, u = mixed(slots[0], np.square(g), self.rho), slots[1]
        d = np.sqrt(u + self.epsilon) / np.sqrt(v + self.epsilon) * g
        return p - rate * d, (v, mixed(u, np.square(d), self.rho))


class Adam(Optimizer, name="adam"):
    """Steps by the mean gradient over the root of the mean squared gradient.

    m ← β1 m + (1 - β1) g, v ← β2 v + (1 - β2) g², both 0 at first and divided by 1 - β1^t and
    1 - β2^t at step t for that; θ ← θ - η m / (√v + ε).

    Attributes:
        beta1: Decay of the mean gradient, a step.
        beta2: Decay of the mean squared gradient, a step.
        epsilon: Added to the root of the second moment.
        bias_correction: Whether the moments are corrected for their start at zero. Without it the
            first step is (1 - β1) / √(1 - β2) times as long, 3.2 times at the usual values.

    References:
        Kingma & Ba, Adam: A Method for Stochastic Optimization, 2014, arXiv:1412.6980.
    """

    slots: ClassVar[int] = 2  # m, v
    products: ClassVar[int] = 2  # beta1 and beta2 to the number of steps made
    beta1: Annotated[float, Ge(0), Lt(1)] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.999
    epsilon: Annotated[float, Gt(0)] = 1e-8
    bias_correction: bool = True

    def begin(self, rate: Array, products: Slots) -> tuple[Any, Slots]:
        power1, power2 = products[0] * self.beta1, products[1] * self.beta2
        corrected: Any = (rate, 1.0)
        if self.bias_correction:
            corrected = rate / (1.0 - power1), 1.0 / (1.0 - power2)
        return corrected, (power1, power2)

    def update(self, p: Array, g: Array, slots: Slots, rate: Any) -> tuple[Array, Slots]:
        m, v = mixed(slots[0], g, self.beta1), mixed(slots[1], np.square(g), self.beta2)
        return p - rate[0] * m / (np.sqrt(v * rate[1]) + self.epsilon), (m, v)


class Adamw(Adam, name="adamw"):
    """Adam with decoupled weight decay: before each step, θ ← θ (1 - η λ).

    All parameters decay, biases as well as weights, as in the paper and in PyTorch.

    Attributes:
        weight_decay: Share λ of a parameter that it loses a step, times the learning rate.

    References:
        Loshchilov & Hutter, Decoupled Weight Decay Regularization, 2017, arXiv:1711.05101.
    """

    weight_decay: Annotated[float, Ge(0)] = 0.01

    def begin(self, rate: Array, products: Slots) -> tuple[Any, Slots]:
        corrected, products = super().begin(rate, products)
        return (*corrected, 1.0 - rate * self.weight_decay), products

    def update(self, p: Array, g: Array, slots: Slots, rate: Any) -> tuple[Array, Slots]:
        return super().update(p * rate[2], g, slots, rate)


class Nadam(Optimizer, name="nadam"):
    """Adam with Nesterov's look ahead, and a momentum that rises from half of β1 to β1.

    PyTorch's form, with μ_t = β1 (1 - ½ 0.96^(ψ t)): m and v as in Adam, and
    θ ← θ - η (m μ_(t+1) / (1 - Π μ_1..t+1) + g (1 - μ_t) / (1 - Π μ_1..t)) / (√v + ε), v divided
    by 1 - β2^t.

    Attributes:
        beta1: Decay of the mean gradient, a step, and the momentum that is risen to.
        beta2: Decay of the mean squared gradient, a step.
        epsilon: Added to the root of the second moment.
        momentum_decay: How fast the momentum rises: the rate ψ.

    References:
        Dozat, Incorporating Nesterov Momentum into Adam, 2016,
        openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ.
    """

    slots: ClassVar[int] = 2  # m, v
    products: ClassVar[int] = 3  # of beta2, of cooling, and of all momenta
    derived: ClassVar[tuple[str, ...]] = ("cooling",)
    beta1: Annotated[float, Ge(0), Lt(1)] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.999
    epsilon: Annotated[float, Gt(0)] = 1e-8
    momentum_decay: Annotated[float, Ge(0)] = 0.004

    @cached_property
    def cooling(self) -> Array:
        """0.96^ψ, shape of ψ; by Python's power, one by one, which is the same in any stack."""
        decays = np.asarray(self.momentum_decay, dtype=np.float64)
        return np.reshape([0.96**decay for decay in decays.ravel().tolist()], decays.shape)

    def begin(self, rate: Array, products: Slots) -> tuple[Any, Slots]:
        power2, warmth, momenta = products
        power2, warmth = power2 * self.beta2, warmth * self.cooling
        now = self.beta1 * (1.0 - 0.5 * warmth)
        then = self.beta1 * (1.0 - 0.5 * (warmth * self.cooling))
        momenta = momenta * now
        of_mean = rate * (then / (1.0 - momenta * then))
        of_slope = rate * ((1.0 - now) / (1.0 - momenta))
        return (of_mean, of_slope, 1.0 / (1.0 - power2)), (power2, warmth, momenta)

    def update(self, p: Array, g: Array, slots: Slots, rate: Any) -> tuple[Array, Slots]:
        m, v = mixed(slots[0], g, self.beta1), mixed(slots[1], np.square(g), self.beta2)
        of_mean, of_slope, share = rate
        return p - (of_mean * m + of_slope * g) / (np.sqrt(v * share) + self.epsilon), (m, v)


class Lion(Optimizer, name="lion"):
    """Every parameter moves by the learning rate, up or down, as its momentum says.

    c = β1 m + (1 - β1) g, θ ← θ - η (sign c + λ θ), m ← β2 m + (1 - β2) g, with m = 0 at first.
    Learning rates are 3 to 10 times smaller than Adam's.

    Attributes:
        beta1: Weight of the mean against the gradient in the step.
        beta2: Decay of the mean gradient, a step.
        weight_decay: Share λ of a parameter that it loses a step, times the learning rate.

    References:
        Chen et al., Symbolic Discovery of Optimization Algorithms, 2023, arXiv:2302.06675.
    """

    slots: ClassVar[int] = 1
    beta1: Annotated[float, Ge(0), Lt(1)] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.99
    weight_decay: Annotated[float, Ge(0)] = 0.0

    def update(self, p: Array, g: Array, slots: Slots, rate: Any) -> tuple[Array, Slots]:
        direction = np.sign(mixed(slots[0], g, self.beta1)) + self.weight_decay * p
        return p - rate * direction, (mixed(slots[0], g, self.beta2),)


class Rprop(Optimizer, name="rprop"):
    """Each parameter has a step size of its own, which grows until its gradient turns.

    Where the gradient keeps its sign, the size is multiplied by ``grow``; where it has turned, by
    ``shrink``, and the parameter rests for that step (the variant without backtracking, iRprop-,
    as in PyTorch). The learning rate is the first step size; a schedule acts on no later one.

    Attributes:
        shrink: Factor on the size where the gradient has turned.
        grow: Factor on the size where it has not.
        min_step: Least size.
        max_step: Largest size.

    References:
        Riedmiller & Braun, A direct adaptive method for faster backpropagation learning: the RPROP
        algorithm, 1993, doi:10.1109/ICNN.1993.298623; Igel & Hüsken, Improving the Rprop Learning
        Algorithm, 2000.
    """

    full_batch: ClassVar[bool] = True
    # the gradient's sign at the last step, 0 where it had turned; the step size, 0 before the first
    slots: ClassVar[int] = 2
    shrink: Annotated[float, Gt(0), Lt(1)] = 0.5
    grow: Annotated[float, Gt(1)] = 1.2
    min_step: Annotated[float, Gt(0)] = 1e-6
    max_step: Annotated[float, Gt(0)] = 50.0

    def __post_init__(self) -> None:
        if np.any(np.greater(self.min_step, self.max_step)):
            rule = f"must not be above max_step={as_typed(self.max_step)}"
            raise InputError(Issue("min_step", self.min_step, rule))

    def update(self, p: Array, g: Array, slots: Slots, rate: Any) -> tuple[Array, Slots]:
        sign = np.sign(g)
        turn = sign * slots[0]
        factor = np.where(turn > 0, self.grow, np.where(turn < 0, self.shrink, 1.0))
        size = np.where(slots[1] == 0, rate, slots[1])
        size = np.clip(size * factor, self.min_step, self.max_step)
        moving = np.where(turn < 0, 0.0, sign)
        return p - moving * size, (moving, size)


class Quickprop(Optimizer, name="quickprop"):
    """Each parameter jumps to the minimum of the parabola through its last two slopes.

    The variant of Fahlman's own program. With slope s = g + decay θ, the slope p and the step d of
    the step before:

    - The jump is d s / (p - s). Where s still points the same way and is not below μ / (1 + μ) of
      p, the parabola's minimum is further off than μ d, or behind: then the jump is μ d.
    - Gradient descent, -η s, is added where s still points the same way, and alone is the step
      where d = 0, as at first.

    What else the report describes belongs to the network and not to the rule, and is left out: 0.1
    added to the sigmoid's slope, errors passed through artanh, η divided by the fan-in. It sums
    gradients over the training set where nnrun takes the mean: its η is ours times the set's size.

    Attributes:
        max_growth: The most μ that a step may be, as a multiple of the step before.
        weight_decay: Added to the slope, times the parameter; the report has 0.0001, for a summed
            gradient.

    References:
        Fahlman, An Empirical Study of Learning Speed in Back-Propagation Networks, 1988,
        CMU-CS-88-162.
    """

    full_batch: ClassVar[bool] = True
    slots: ClassVar[int] = 2  # the slope at the last step, and that step
    max_growth: Annotated[float, Gt(0)] = 1.75
    weight_decay: Annotated[float, Ge(0)] = 0.0

    def update(self, p: Array, g: Array, slots: Slots, rate: Any) -> tuple[Array, Slots]:
        slope, (before, step) = g + self.weight_decay * p, slots
        near = self.max_growth / (1.0 + self.max_growth)
        ahead = -np.sign(step) * slope  # positive where the step led, and still leads, downhill
        steep = ahead >= near * (-np.sign(step) * before)
        gap = before - slope  # zero only where the step was zero or where it is not used
        parabola = step * slope / np.where(gap == 0, 1.0, gap)
        jump = np.where(steep, self.max_growth * step, parabola)
        descends = (ahead > 0) | (step == 0)
        step = np.where(descends, jump - rate * slope, jump)
        return p + step, (slope, step)
