"""Helpers are compiled as far as their callers need it: optimised, but without machine code of their own.

Numba turns every function into machine code, and does it again wherever that is called. Nobody calls a helper but our
kernels, which take its optimised code in. So the kernels come out the same, bit for bit, in less time.
"""

from __future__ import annotations

from typing import Any

from numba import _dynfunc
from numba.core import codegen, compiler, typed_passes
from numba.core.compiler_machinery import register_pass


class _Library(codegen.JITCodeLibrary):  # type: ignore[misc]
    """Code to be linked into that of callers, never run where it is."""

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


class Inlined(compiler.CompilerBase):  # type: ignore[misc]
    """Numba's own passes with that lowering."""

    def define_pipelines(self) -> list[Any]:
        made = compiler.DefaultPassBuilder.define_nopython_pipeline(self.state, "streammse-inlined")
        made.passes = [(_Lowering if one is typed_passes.NativeLowering else one, text) for one, text in made.passes]
        made.finalize()
        return [made]
