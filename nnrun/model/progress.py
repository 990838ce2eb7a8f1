"""How a network learns, and how far it has come."""

from threading import RLock
from typing import Any

import numpy as np

from nnrun.config.settings import Setting
from nnrun.errors import InputError, Issue, as_typed
from nnrun.model.arguments import is_whole
from nnrun.model.learning import Learner, State
from nnrun.model.samples import Coding, require_coded
from nnrun.model.waiting import Loss, Waiting
from nnrun.network.activations import Array
from nnrun.network.mlp import Params


class Progress:
    """Where a network's learning stands; what it takes to go on is made when it is needed.

    Threads may share it: what they ask for is done one after another.

    Args:
        how: How it learns; or, where nobody knows, why it cannot.
        batch_size: Samples of a step; None for one of all rows of a call.
        seed: Of shuffled orders and of dropout.
        state: Where it begins.

    Attributes:
        lock: Held while something is done, by its thread.
    """

    _learner: Learner | None
    _waiting: Waiting | None

    def __init__(self, how: Setting | str, batch_size: int | None, seed: int, state: State) -> None:
        self.how, self.batch_size, self.seed = how, batch_size, seed
        self.lock = RLock()
        self.begin(state)

    def begin(self, state: State) -> None:
        """Stand at another state."""
        with self.lock:
            self._state, self._learner, self._waiting = state, None, None

    def __getstate__(self) -> dict[str, Any]:
        told = {**self.__dict__, "_state": self.state, "_learner": None, "_waiting": None}
        return {key: value for key, value in told.items() if key != "lock"}

    def __setstate__(self, told: dict[str, Any]) -> None:
        self.__dict__.update(told, lock=RLock())

    @property
    def by_sample(self) -> bool:
        """Whether samples may be learned one by one: no rule asks for all at once."""
        return not isinstance(self.how, str) and not self.how.optimizer.full_batch

    @property
    def engine(self) -> str:
        """Name of the engine that it learned by; empty if it has learned nothing, or who knows."""
        if self._learner is not None:
            return self._learner.engine
        known = "auto" if isinstance(self.how, str) else self.how.engine
        return known if known != "auto" and self._state.steps else ""

    @property
    def state(self) -> State:
        """Where learning stands when all that waits is learned."""
        with self.lock:
            return self._state if self._learner is None else self._ready().state

    @property
    def params(self) -> Params:
        """The state's parameters alone."""
        with self.lock:
            return self._state.params if self._learner is None else self._ready().params

    @property
    def samples(self) -> int:
        """Samples seen, those that wait among them."""
        with self.lock:
            if self._learner is None or self._waiting is None:
                return self._state.samples
            return self._learner.samples + self._waiting.n

    def take(self, x: Any, y: Any) -> Loss | None:
        """Have a sample of plain numbers wait; None if it may be anything else."""
        if (waiting := self._waiting) is None:
            with self.lock:
                self._ready()
                waiting = self._waiting
            assert waiting is not None
        return waiting.take(x, y)

    def epochs(
        self, inputs: Array, targets: Array, epochs: Any, batch_size: Any, shuffle: bool
    ) -> Array:
        """Learn rows, as `Learner.epochs` does; ``batch_size`` is None for the network's own.

        Raises:
            InputError: If it cannot learn, not so, or there are no rows.
        """
        if not is_whole(epochs, 1):
            rule = "must be a whole number of 1 or more"
            raise InputError(Issue("epochs", as_typed(epochs), rule))
        if not isinstance(shuffle, bool | np.bool_):
            raise InputError(Issue("shuffle", as_typed(shuffle), "must be true or false"))
        size = self._size(batch_size, len(inputs))
        require_coded(targets, self._coding)
        with self.lock:
            return self._ready().epochs(inputs, targets, int(epochs), size, bool(shuffle))

    @property
    def _coding(self) -> Coding:
        """What the loss needs targets to be."""
        loss = None if isinstance(self.how, str) else self.how.loss
        if loss is None or (loss.output is None and not loss.needs_classes):
            return Coding.ANY
        return Coding.ONE_CLASS if loss.output == "softmax" else Coding.CLASSES

    def _ready(self) -> Learner:
        """Return what learns, with nothing waiting."""
        if self._learner is None or self._waiting is None:
            if isinstance(self.how, str):
                hint = "make a NeuralNetwork, and assign these weights to its own"
                raise InputError(Issue("network", None, self.how, hint))
            self._learner = Learner(self.how, self.seed, self._state)
            params = self._state.params
            widths = params[0].weights.shape[1], params[-1].bias.shape[2]
            self._waiting = Waiting(self._learner, *widths, self.lock, self._coding)
        self._waiting.flush()
        return self._learner

    def _size(self, asked: Any, n: int) -> int:
        """Return how many of n samples make a step."""
        if asked is not None and not is_whole(asked, 1):
            rule = "must be a whole number of 1 or more, or None"
            raise InputError(Issue("batch_size", as_typed(asked), rule))
        if not n:
            raise InputError(Issue("x", None, "holds no samples"))
        own = self.batch_size if asked is None else int(asked)
        by = None if isinstance(self.how, str) else self.how.optimizer
        if by and by.full_batch and own is not None and own < n:
            rule = f"optimizer={by.name} compares gradients of whole training sets"
            raise InputError(Issue("batch_size", own, rule, f"use batch_size={n}"))
        return n if own is None else min(own, n)
