"""PyTorch's compiler stays switched off: nothing here is compiled, and importing it takes more than a second.

bitsandbytes marks functions for ``torch.compile`` when it is imported, which imports all of the compiler, although none
of them is ever called here: kernels of its own take their place. Only finsent's own processes switch it off, and those
that they start; whoever uses finsent as a library keeps it.

Documentation: https://docs.pytorch.org/docs/stable/user_guide/torch_compiler/torch.compiler_troubleshooting.html
"""

import os


def compile_nothing() -> None:
    """Switch the compiler off in this process, before bitsandbytes is imported, and in those that it starts.

    Whoever has set the variable has decided.
    """
    os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")
