"""The same float64 work, done by nnrun's engines and by the libraries people would use instead.

A peer gets a piece of work and returns a function that does it once, and how many trials and
samples that is. Everything that is not training (data, compilation, first weights) happens before.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnrun.config.settings import Setting
from nnrun.training.engine import first_params
from nnrun.training.sources import Batches, Source
from nnrun.training.stack import Stack, Trial, shards
from nnrun.training.trainer import choose_engine

THREADS = 2


@dataclass(frozen=True)
class Work:
    """What to train: a setting, trials of it, and samples a trial in one measurement."""

    name: str
    setting: Setting
    trials: int
    samples: int

    def stack(self, engine: str) -> Stack:
        """Return the trials, asking for an engine."""
        setting = replace(self.setting, engine=engine)
        return Stack(tuple(Trial(setting, seed) for seed in range(self.trials)))

    def batches(self) -> Batches:
        """Return every trial's samples."""
        return Source(self.setting.problem, range(self.trials)).take(0, self.samples)


Task = tuple[Callable[[], Any], int]


def nnrun(work: Work, engine: str) -> Task:
    """One of our engines, its shards on a thread each, as a sweep runs them."""
    stack = work.stack(engine)
    width = choose_engine(stack).width
    pieces = list(shards(stack, choose_engine(stack).name, width, THREADS))
    engines = [choose_engine(piece) for piece in pieces]
    problem, n_steps = work.setting.problem, work.samples // work.setting.batch_size
    runs = [
        e.begin(piece, Source(problem, piece.seeds), first_params(piece))
        for e, piece in zip(engines, pieces, strict=True)
    ]
    pool = ThreadPoolExecutor(THREADS)

    def once() -> None:
        for job in [pool.submit(run.train, n_steps) for run in runs]:
            job.result()

    return once, work.trials * work.samples


def jax_vmap_scan(work: Work) -> Task:
    """JAX: jit(vmap(scan)) over trials, gradient written by jax.grad."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    setting, params, inputs, targets = _ingredients(work)
    loss_of = _loss_of(setting, jnp, jax.nn.relu, jax.nn.logsumexp)
    adam = setting.optimizer.name == "adam"

    def step(carry: Any, batch: Any) -> Any:
        p, m, v, t = carry
        g = jax.grad(loss_of)(p, *batch)
        if not adam:
            return (jax.tree.map(lambda a, b: a - setting.lr * b, p, g), m, v, t), None
        t = t + 1
        m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
        v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
        move = lambda a, b, c: (  # noqa: E731
            a - setting.lr * (b / (1 - 0.9**t)) / (jnp.sqrt(c / (1 - 0.999**t)) + 1e-8)
        )
        return (jax.tree.map(move, p, m, v), m, v, t), None

    def trial(p: Any, x: Any, t: Any) -> Any:
        zeros = jax.tree.map(jnp.zeros_like, p)
        return jax.lax.scan(step, (p, zeros, zeros, 0.0), (x, t))[0][0]

    train = jax.jit(jax.vmap(trial))
    arrays = (jax.tree.map(jnp.asarray, params), jnp.asarray(inputs), jnp.asarray(targets))
    jax.block_until_ready(train(*arrays))
    return lambda: jax.block_until_ready(train(*arrays)), work.trials * work.samples


def torch_loop(work: Work, most_steps: int = 300) -> Task:
    """PyTorch's usual loop over batches, one network at a time: one trial, some hundred steps."""
    import torch

    torch.set_num_threads(THREADS)
    setting, params, inputs, targets = _ingredients(replace(work, trials=1))
    steps = min(most_steps, inputs.shape[1])
    tensors = [
        torch.tensor(a[0], dtype=torch.float64, requires_grad=True) for pair in params for a in pair
    ]
    pairs = list(zip(tensors[::2], tensors[1::2], strict=True))
    rule = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[setting.optimizer.name]
    optimizer = rule(tensors, lr=setting.lr)
    loss_of = _loss_of(setting, torch, torch.relu, torch.logsumexp)
    x, t = torch.tensor(inputs[0, :steps]), torch.tensor(targets[0, :steps])

    def once() -> None:
        for i in range(steps):
            optimizer.zero_grad()
            loss_of(pairs, x[i], t[i]).backward()
            optimizer.step()

    return once, steps * setting.batch_size


def sklearn_partial_fit(work: Work, most_steps: int = 300) -> Task:
    """scikit-learn's MLPClassifier, a partial_fit a batch, one trial; its loss is cross-entropy."""
    from sklearn.neural_network import MLPClassifier

    setting, _, inputs, targets = _ingredients(replace(work, trials=1))
    steps = min(most_steps, inputs.shape[1])
    network = MLPClassifier(
        setting.network.hidden,
        activation={"sigmoid": "logistic"}.get(
            setting.network.activation, setting.network.activation
        ),
        solver=setting.optimizer.name,
        learning_rate_init=setting.lr,
        batch_size=setting.batch_size,
        alpha=0.0,
        momentum=0.0,
        nesterovs_momentum=False,
    )
    labels = targets[0, ..., 0] if targets.shape[-1] == 1 else targets[0].argmax(-1)
    classes = np.arange(max(2, targets.shape[-1]))

    def once() -> None:
        for i in range(steps):
            network.partial_fit(inputs[0, i], labels[i], classes=classes)

    return once, steps * setting.batch_size


def _ingredients(work: Work) -> tuple[Setting, Any, Any, Any]:
    """First parameters and batches: (trial, step, sample, column), as peers take them."""
    stack, batches = work.stack("auto"), work.batches()
    params = [(layer.weights, layer.bias[:, 0]) for layer in first_params(stack)]
    shape = (work.trials, -1, work.setting.batch_size)
    inputs, targets = batches.inputs[batches.which], batches.targets[batches.which]
    return (
        work.setting,
        params,
        inputs.reshape(*shape, inputs.shape[-1]),
        targets.reshape(*shape, targets.shape[-1]),
    )


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
