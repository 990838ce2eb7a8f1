"""A number for each lane: the one type that the compiled kernels compute with.

A lane is one trial. ``Lanes`` is a vector of ``LANES`` float64 that compiles to whole SIMD
registers, so a kernel reads like the algorithm for a single network and works on 32 of them. A
buffer is one flat array; its row r is the ``LANES`` numbers from r * LANES on.

Loops over lanes, left to LLVM's vectoriser, were tried first. On Numba's arrays it gives up on the
possible overlap of two rows and on the check for negative indices (40 ns a trial and sample on the
seed network, one core); written as vectors the same work takes 8 ns, because values stay in
registers from one operation to the next and nothing is left to be guessed. Multiply and add are
marked as contractible, which makes them one instruction where the processor has it.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from nnrun.training.lanes.forms import LANES

DOUBLE, INT = ir.DoubleType(), ir.IntType(64)
DOUBLES, INTS = ir.VectorType(DOUBLE, LANES), ir.VectorType(INT, LANES)
CONTRACT = ("contract",)


class LanesType(types.Type):
    """Numba's type of a ``Lanes`` value."""

    def __init__(self) -> None:
        super().__init__(name=f"Lanes({LANES})")


class MaskType(types.Type):
    """Numba's type of one truth value a lane."""

    def __init__(self) -> None:
        super().__init__(name=f"Mask({LANES})")


lanes, mask = LanesType(), MaskType()
Lanes = Any
"""A ``Lanes`` value in the annotations of compiled functions, which Numba ignores."""


@register_model(LanesType)
class LanesModel(models.PrimitiveModel):
    """Hold a ``Lanes`` value as an LLVM vector."""

    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, DOUBLES)


@register_model(MaskType)
class MaskModel(models.PrimitiveModel):
    """Hold a mask as an LLVM vector of bits."""

    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, ir.VectorType(ir.IntType(1), LANES))


@intrinsic
def load(context: Any, buffer: Any, row: Any) -> Any:
    """Return row ``row`` of a buffer."""

    def build(target: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        return builder.load(_pointer(target, builder, signature.args[0], *args), align=8)

    return lanes(buffer, row), build


@intrinsic
def store(context: Any, buffer: Any, row: Any, value: Any) -> Any:
    """Write row ``row`` of a buffer."""

    def build(target: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        buffer_, row_, value_ = args
        where = _pointer(target, builder, signature.args[0], buffer_, row_)
        builder.store(value_, where, align=8)
        return target.get_dummy_value()

    return types.void(buffer, row, value), build


@intrinsic
def splat(context: Any, number: Any) -> Any:
    """Return a number in every lane."""

    def build(target: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        nothing = ir.Constant(DOUBLES, ir.Undefined)
        first = builder.insert_element(nothing, args[0], ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(first, nothing, zeros)

    return lanes(types.float64), build


@intrinsic
def where(context: Any, condition: Any, yes: Any, no: Any) -> Any:
    """Choose lane by lane."""

    def build(target: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        return builder.select(*args)

    return lanes(condition, yes, no), build


@intrinsic
def sqrt(context: Any, value: Any) -> Any:
    """Return the square root, correctly rounded."""

    def build(target: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        kind = ir.FunctionType(DOUBLES, [DOUBLES])
        name = f"llvm.sqrt.v{LANES}f64"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        return builder.call(function, args)

    return lanes(value), build


@intrinsic
def exponent_of(context: Any, value: Any) -> Any:
    """Return each lane's binary exponent as a float: 0 for [1, 2); for positive normal numbers."""

    def build(target: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        shifted = builder.lshr(builder.bitcast(args[0], INTS), _ints(52))
        return builder.sitofp(builder.sub(shifted, _ints(1023)), DOUBLES)

    return lanes(value), build


@intrinsic
def mantissa_of(context: Any, value: Any) -> Any:
    """Return each lane's mantissa in [1, 2); for positive normal numbers."""

    def build(target: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        kept = builder.and_(builder.bitcast(args[0], INTS), _ints((1 << 52) - 1))
        return builder.bitcast(builder.or_(kept, _ints(1023 << 52)), DOUBLES)

    return lanes(value), build


ROUND = 1.5 * 2.0**52
"""Added to a number below 2^51 it leaves the nearest integer in the lowest bits."""


@intrinsic
def scale_by_power(context: Any, value: Any, rounded: Any) -> Any:
    """Return value * 2^k, where ``rounded`` is k + ROUND and |k| <= 2044.

    In two factors, so that results below the normal range and the overflow to inf come out right.
    """
    zero = int(np.float64(ROUND).view(np.int64))

    def build(target: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        value_, rounded_ = args
        k = builder.sub(builder.bitcast(rounded_, INTS), _ints(zero))
        half = builder.ashr(k, _ints(1))
        for part in (half, builder.sub(k, half)):
            bits = builder.shl(builder.add(part, _ints(1023)), _ints(52))
            value_ = builder.fmul(value_, builder.bitcast(bits, DOUBLES))
        return value_

    return lanes(value, rounded), build


def _operator(symbol: Callable[..., Any], result: Any, emit: Callable[..., Any]) -> None:
    """Give ``Lanes`` an operator, with a plain number on either side, too.

    Args:
        symbol: Of the module ``operator``.
        result: Numba's type of its result.
        emit: Takes LLVM's builder and both sides, returns the result.
    """

    @intrinsic
    def both(context: Any, a: Any, b: Any) -> Any:
        def build(target: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
            return emit(builder, *args)

        return result(a, b), build

    @overload(symbol)
    def choose(a, b):  # type: ignore[no-untyped-def]  # Numba compares it with the lambdas
        if a is lanes and b is lanes:
            return lambda a, b: both(a, b)
        if a is lanes and isinstance(b, types.Float):
            return lambda a, b: both(a, splat(b))
        if isinstance(a, types.Float) and b is lanes:
            return lambda a, b: both(splat(a), b)
        return None


def _instruction(name: str) -> Callable[..., Any]:
    return lambda builder, a, b: getattr(builder, name)(a, b, flags=CONTRACT)


def _comparison(sign: str) -> Callable[..., Any]:
    """Compare; false where a side is NaN."""
    return lambda builder, a, b: builder.fcmp_ordered(sign, a, b)


_operator(operator.add, lanes, _instruction("fadd"))
_operator(operator.sub, lanes, _instruction("fsub"))
_operator(operator.mul, lanes, _instruction("fmul"))
_operator(operator.truediv, lanes, _instruction("fdiv"))
_operator(operator.lt, mask, _comparison("<"))
_operator(operator.gt, mask, _comparison(">"))
_operator(operator.ge, mask, _comparison(">="))
_operator(operator.eq, mask, _comparison("=="))


def _pointer(target: Any, builder: Any, array_type: Any, array: Any, row: Any) -> Any:
    data = target.make_array(array_type)(target, builder, array).data
    first = builder.mul(row, ir.Constant(row.type, LANES))
    return builder.bitcast(builder.gep(data, [first]), DOUBLES.as_pointer())


def _ints(number: int) -> Any:
    return ir.Constant(INTS, [ir.Constant(INT, number)] * LANES)
