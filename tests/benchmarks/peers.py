"""Whole jobs in float64, done by nnrun's engines and by the libraries people would use instead.

Whoever trains draws its own samples, in its own way. nnrun measures its networks at the setting's
evaluations and makes the trials' record, too; its peers only train, which is to their advantage.
A peer gets a piece of work and returns a function that does it once, and how many trials and
samples that is. Compilation and first weights come before.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnrun.config.settings import Setting
from nnrun.training.engine import first_params
from nnrun.training.stack import Pace, Stack, Trial, shards
from nnrun.training.trainer import choose_engine, train

THREADS = 2


@dataclass(frozen=True)
class Work:
    """What to train: a setting whose budget is one measurement, and how many trials of it.

    Attributes:
        name: What the table calls it.
        setting: Its data are points of the unit square that are told apart as xor does, or a table.
        trials: Side by side.
        for_peers: Samples a trial for those who would take minutes.
    """

    name: str
    setting: Setting
    trials: int
    for_peers: int = 2_000

    def stack(self, **changes: Any) -> Stack:
        """Return the trials, with some fields of the setting replaced."""
        setting = replace(self.setting, **changes)
        return Stack(tuple(Trial(setting, seed) for seed in range(self.trials)))


Task = tuple[Callable[[], Any], int]


def nnrun(work: Work, engine: str = "auto", threads: int = THREADS) -> Task:
    """One of our engines, its shards on a thread each, as a sweep runs them."""
    fewer = {"budget": work.for_peers, "evals": 2} if engine == "reference" else {}
    stack = work.stack(engine=engine, **fewer)
    chosen = choose_engine(stack)
    pieces = list(shards(stack, chosen.name, chosen.width, Pace(threads)))
    pool = ThreadPoolExecutor(threads)

    def once() -> None:
        for job in [pool.submit(lambda p=piece: train(p, choose_engine(p))) for piece in pieces]:
            job.result()

    return once, work.trials * stack.setting.budget


def jax_vmap_scan(work: Work) -> Task:
    """JAX: jit(vmap(scan)) over trials, gradient by jax.grad, each step's samples by its key."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    setting, size = work.setting, work.setting.batch_size
    loss_of = _loss_of(setting, jnp, jax.nn.relu, jax.nn.logsumexp)
    adam = setting.optimizer.name == "adam"
    table = _table(setting)
    pool = None if table is None else tuple(map(jnp.asarray, table))
    n_steps = work.for_peers // size

    def sample(key: Any) -> Any:
        if pool is None:
            return _xor(jax.random.uniform(key, (size, 2)), len(setting.problem.inputs), jnp)
        rows = jax.random.randint(key, (size,), 0, len(pool[0]))
        return pool[0][rows], pool[1][rows]

    def step(carry: Any, key: Any) -> Any:
        p, m, v, t = carry
        g = jax.grad(loss_of)(p, *sample(key))
        if not adam:
            return (jax.tree.map(lambda a, b: a - setting.lr * b, p, g), m, v, t), None
        t = t + 1
        m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
        v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
        move = lambda a, b, c: (  # noqa: E731
            a - setting.lr * (b / (1 - 0.9**t)) / (jnp.sqrt(c / (1 - 0.999**t)) + 1e-8)
        )
        return (jax.tree.map(move, p, m, v), m, v, t), None

    def trial(p: Any, key: Any) -> Any:
        zeros = jax.tree.map(jnp.zeros_like, p)
        return jax.lax.scan(step, (p, zeros, zeros, 0.0), jax.random.split(key, n_steps))[0][0]

    run = jax.jit(jax.vmap(trial))
    keys = jax.vmap(jax.random.key)(jnp.arange(work.trials))
    params = jax.tree.map(jnp.asarray, _first(work))
    jax.block_until_ready(run(params, keys))
    return lambda: jax.block_until_ready(run(params, keys)), work.trials * n_steps * size


def torch_loop(work: Work, steps: int = 300) -> Task:
    """PyTorch's usual loop over batches, one network at a time: one trial, some hundred steps."""
    import torch

    torch.set_num_threads(THREADS)
    setting, size = work.setting, work.setting.batch_size
    tensors = [
        torch.tensor(a[0], dtype=torch.float64, requires_grad=True)
        for pair in _first(replace(work, trials=1))
        for a in pair
    ]
    pairs = list(zip(tensors[::2], tensors[1::2], strict=True))
    rule = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[setting.optimizer.name]
    optimizer = rule(tensors, lr=setting.lr)
    loss_of = _loss_of(setting, torch, torch.relu, torch.logsumexp)
    table = _table(setting)
    pool = None if table is None else tuple(map(torch.tensor, table))

    def sample() -> Any:
        if pool is None:
            points = torch.rand((size, 2), dtype=torch.float64)
            return _xor(points, len(setting.problem.inputs), torch)
        rows = torch.randint(len(pool[0]), (size,))
        return pool[0][rows], pool[1][rows]

    def once() -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            loss_of(pairs, *sample()).backward()
            optimizer.step()

    return once, steps * size


def sklearn_partial_fit(work: Work, steps: int = 300) -> Task:
    """scikit-learn's MLPClassifier, a partial_fit a batch, one trial; its loss is cross-entropy."""
    from sklearn.neural_network import MLPClassifier

    setting, size, rng = work.setting, work.setting.batch_size, np.random.default_rng(0)
    names = {"sigmoid": "logistic"}
    network = MLPClassifier(
        setting.network.hidden,
        activation=names.get(setting.network.activation, setting.network.activation),
        solver=setting.optimizer.name,
        learning_rate_init=setting.lr,
        batch_size=size,
        alpha=0.0,
        momentum=0.0,
        nesterovs_momentum=False,
    )
    table = _table(setting)
    classes = np.arange(max(2, len(setting.problem.outputs)))

    def once() -> None:
        for _ in range(steps):
            if table is None:
                x, t = _xor(rng.random((size, 2)), len(setting.problem.inputs), np)
            else:
                x, t = (part[rng.integers(len(part), size=size)] for part in table)
            labels = t[:, 0] if t.shape[-1] == 1 else t.argmax(-1)
            network.partial_fit(x, labels, classes=classes)

    return once, steps * size


def _table(setting: Setting) -> Any:
    """Inputs and targets of a table; None if samples are drawn."""
    pool = setting.problem.pool
    return None if pool is None else (pool.inputs, pool.targets)


def _xor(points: Any, n_inputs: int, lib: Any) -> Any:
    """Samples of xor from points of the unit square, with x*y if there is a third input."""
    x, y = points[:, :1], points[:, 1:]
    inputs = lib.concatenate([x, y, x * y], 1) if n_inputs == 3 else points
    return inputs, ((x < 0.5) != (y < 0.5)) * 1.0


def _first(work: Work) -> list[Any]:
    """First weights and biases of every trial, layer by layer."""
    return [(layer.weights, layer.bias[:, 0]) for layer in first_params(work.stack())]


def _loss_of(setting: Setting, lib: Any, relu: Any, logsumexp: Any) -> Any:
    """The mean loss of a batch, in a library's own operations."""
    functions = {
        "sigmoid": lambda z: 1.0 / (1.0 + lib.exp(-z)),
        "tanh": lib.tanh,
        "relu": relu,
        "softmax": lambda z: z,
    }
    names = (*setting.network.hidden_activations, setting.network.output)

    def loss_of(params: Any, x: Any, t: Any) -> Any:
        for (weights, bias), name in zip(params, names, strict=True):
            x = functions[name](x @ weights + bias)
        if setting.loss.name == "squared_error":
            return (0.5 * (x - t) ** 2).sum(-1).mean()
        return (logsumexp(x, -1) - (t * x).sum(-1)).mean()

    return loss_of
