"""The equations of the docstrings in plain text."""

from __future__ import annotations

import inspect
import re
import unicodedata

import pytest

from streammse import catalog
from streammse.equations import readable


@pytest.mark.parametrize(
    ("tex", "plain"),
    [
        (r"\frac{1}{2} (1 + A(z))", "1/2 (1 + A(z))"),
        (r"\frac{U\, X_{m-k}^*}{\tfrac{1}{2} \sum_j |X_{m-j}|^2 + \Psi}", "(U X_(m-k)^*) / (1/2 Σ_j |X_(m-j)|² + Ψ)"),
        (r"\frac{\mu\, e(n)}{P_a}\, y(n-i)", "(μ e(n))/P_a y(n-i)"),
        (r"\frac{\mu}{\|x(n)\|^2 + \delta(n)}", "μ / (‖x(n)‖² + δ(n))"),
        (r"\hat\mu_v, \hat{s}(n), \bar x, \hat s", "μ̂_v, ŝ(n), x̄, ŝ"),
        (r"\cos\omega, \sin\theta_1, \operatorname{sgn}(e)", "cos ω, sin θ_1, sgn(e)"),
        (r"\lambda_{\max}, b^{(\phi)}, z^{-1}, \left\{1, 2\right\}", "λ_max, b^(φ), z^(-1), {1, 2}"),
    ],
)
def test_a_terminal_can_show_it(tex: str, plain: str) -> None:
    assert unicodedata.normalize("NFC", readable(tex)) == unicodedata.normalize("NFC", plain)


@pytest.mark.parametrize("name", catalog.names())
def test_no_command_and_no_brace_of_tex_is_left(name: str) -> None:
    blocks = re.findall(r"\.\. math::\n\n((?:    .*\n|\n)+)", inspect.getdoc(catalog.get(name)) or "")
    for plain in map(readable, blocks):
        assert not re.search(r"\\|[_^]\{|[a-z]\{|frac|(hat|bar|text)\b", plain), plain
