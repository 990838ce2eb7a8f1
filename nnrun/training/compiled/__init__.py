"""The compiled engine: components called once with rows, written down as machine code.

- ``emit``: LLVM's text of expressions, loops and memory.
- ``structure``: what a kernel is made for.
- ``update``: the optimizer's step.
- ``kernel``: training and measuring the networks of one structure.
- ``machine``: from the text to functions, kept on disk.
- ``library``: kernels by structure, made once.
- ``run``: the engine behind the interface that all engines share.
"""
