"""Numba's compiler, less what kernels have no use for.

Helpers are compiled as far as their callers need it. Numba turns every function into machine code, and does it again
wherever that is called; but nobody calls a helper except our kernels, which take its code in, and optimise it there.
Ours have no closures, no array expressions and no ``with``: no pass looks for them. And what numba would compile a
function of its own for is an instruction (``words.py``). All that is a quarter of the time of a first result.
"""

from __future__ import annotations

from typing import Any, ClassVar

from numba import _dynfunc
from numba.core import codegen, compiler, ir, typed_passes, untyped_passes
from numba.core.compiler_machinery import FunctionPass, register_pass

from .words import WORDS

_UNUSED = (
    untyped_passes.WithLifting,
    untyped_passes.InlineClosureLikes,
    untyped_passes.MakeFunctionToJitFunction,
    untyped_passes.LiteralUnroll,
    typed_passes.InlineOverloads,
    typed_passes.NopythonRewrites,
)


@register_pass(mutates_CFG=False, analysis_only=False)
class _Words(FunctionPass):  # type: ignore[misc]
    """Our instructions for the words that they stand for."""

    _name = "streammse_words"

    def __init__(self) -> None:
        """Passes of numba's have one of their own."""

    def run_pass(self, state: Any) -> bool:
        for block in state.func_ir.blocks.values():
            for one in block.find_insts(ir.Assign):
                named = one.value
                instruction = WORDS.get(id(named.value)) if isinstance(named, ir.Global) else None
                if instruction is not None:
                    one.value = ir.Global(f"${named.name}", instruction, named.loc)
        return True


class _Library(codegen.JITCodeLibrary):  # type: ignore[misc]
    """Code to be linked into that of callers, never run where it is."""

    def _optimize_final_module(self) -> None:
        """What is inlined is taken in; the rest is for the caller, who sees the whole."""
        passes, builder = self._codegen._module_pass_manager(
            loop_vectorize=False, slp_vectorize=False, opt=0, cost="cheap"
        )
        passes.run(self._final_module, builder)

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(typed_passes.NativeLowering):  # type: ignore[misc]
    """Numba's own lowering, into a library that stays without machine code."""

    _name = "streammse_inlined_lowering"

    def run_pass(self, state: Any) -> bool:
        library = _Library(state.targetctx.codegen(), state.func_id.func_qualname)
        library.enable_object_caching()
        state.library = library
        state.flags.no_compile = True
        super().run_pass(state)
        lowered = state["cr"]
        # what numba makes of a function without an entry from Python, less the look for its address
        entry = _dynfunc.make_function(
            lowered.fndesc.lookup_module(), state.func_id.func_name, "", 0, lowered.env, (library,)
        )
        state.targetctx.insert_user_function(entry, lowered.fndesc, [library])
        state["cr"] = lowered._replace(cfunc=entry)
        return True


class Lean(compiler.CompilerBase):  # type: ignore[misc]
    """Numba's own passes, but for those."""

    _lowering: ClassVar[Any] = typed_passes.NativeLowering

    def define_pipelines(self) -> list[Any]:
        made = compiler.DefaultPassBuilder.define_nopython_pipeline(self.state, f"streammse-{type(self).__name__}")
        made.passes = [
            (self._lowering if one is typed_passes.NativeLowering else one, text)
            for one, text in made.passes
            if one not in _UNUSED
        ]
        made.add_pass_after(_Words, untyped_passes.IRProcessing)
        made.finalize()
        return [made]


class Inlined(Lean):
    """For what only kernels call."""

    _lowering = _Lowering
