"""Cancelling by a filter of one's own choice: in Python, and by its name on the command line."""

from __future__ import annotations

import math

import numpy as np
import pytest
from typer.testing import CliRunner

import streammse as sm
from streammse.cli import app
from streammse.named import adaptive_filter, model_names

from .test_cli import column, run


def recording(samples: int, references: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((samples, references))
    heard = sum(np.convolve(noise[:, k], [0.6, 0.3, -0.2])[:samples] for k in range(references))
    return np.sin(np.arange(samples) / 30.0) + heard, noise[:, 0] if references == 1 else noise


@pytest.mark.parametrize("references", [1, 2])
def test_it_is_the_error_of_its_filter(references):
    noisy, noise = recording(3000, references)
    f = sm.NLMS(taps=8, mu=0.1, references=references)
    one = sm.FilterCanceller(f)
    np.testing.assert_array_equal(one.run(noisy, noise), noisy - f.run(noise, noisy))
    np.testing.assert_array_equal(one.weights, f.weights)
    assert one.filter is not f


def test_a_missing_sample_is_the_last_clean_one():
    noisy, noise = recording(100)
    one = sm.FilterCanceller(sm.NLMS(taps=2))
    assert math.isnan(one.update(math.nan, 1.0))
    clean = one.run(noisy, noise)
    assert one.update(math.nan, 1.0) == clean[-1]


def late_by_three() -> type:
    """A filter whose output is for the sample three ago, as that of a block filter is."""

    @sm.kernel(state=3)
    def Late(p, s, x, d):
        y = s[0]
        s[0], s[1] = s[1], s[2]
        s[2] = 0.5 * x
        return y

    Late.latency = 3
    return Late


def test_a_late_filter_meets_its_own_sample():
    noisy, noise = recording(50)
    one = sm.FilterCanceller(late_by_three()())
    clean = one.run(noisy, noise)
    assert one.latency == 3
    assert np.isnan(clean[:3]).all()
    np.testing.assert_allclose(clean[3:], (noisy - 0.5 * noise)[:-3], rtol=1e-15)


def test_what_is_no_filter_is_refused():
    for wrong, words in (
        (sm.NLMS, r"filter must be a filter such as NLMS\(\), got the class"),
        (sm.Naive(), "filter must be an adaptive filter such as NLMS"),
        (sm.NLMS(3, complex=True), "filter must be a real filter, got NLMS"),
        (sm.FilteredXLMS(3, secondary=[0.0, 1.0]), "FilteredXLMS hears its own output: .* sm.active_control runs it"),
    ):
        with pytest.raises(TypeError, match=words):
            sm.FilterCanceller(wrong)


def test_a_filter_by_its_name():
    assert adaptive_filter("nlms:16:mu=0.1", references=2).params == sm.NLMS(16, mu=0.1, references=2).params
    assert adaptive_filter("apa:8:order=4").params == sm.AffineProjection(8, order=4).params
    with pytest.raises(ValueError, match="unknown filter 'naive': expected a name such as nlms, rls, .* names all$"):
        adaptive_filter("naive")
    with pytest.raises(
        ValueError, match=r"unknown filter 'huber-lsm': did you mean huber-lms\? `streammse list` names"
    ):
        adaptive_filter("huber-lsm")
    with pytest.raises(ValueError, match="nlms:0: taps must be 1 <= taps, got 0"):
        adaptive_filter("nlms:0")


@pytest.mark.parametrize("text", ["filtered-xlms:16:secondary=1", "fxlms:16", "online-filtered-xnlms"])
def test_one_that_hears_its_own_output_is_refused_in_a_line(text):
    with pytest.raises(
        ValueError, match=r"^(Online)?FilteredXN?LMS hears its own output: .* sm.active_control runs it$"
    ):
        adaptive_filter(text)
    assert not [name for name in model_names() if "filtered" in name]


@pytest.mark.parametrize(
    ("text", "loss"),
    [
        ("lms:4:loss=huber", sm.losses.huber),
        ("lms:4:loss=huber(2)", sm.losses.huber(2.0)),
        ("lms:4:mu=0.1:loss=huber(delta=2)", sm.losses.huber(2.0)),
        ("nlms:4:loss=log-cosh", sm.losses.log_cosh),
    ],
)
def test_a_loss_by_its_name(text, loss):
    assert adaptive_filter(text).loss == loss


def test_a_loss_that_is_none_is_named():
    with pytest.raises(ValueError, match="lms:4:loss=hubert: unknown loss 'hubert': expected one of absolute, corr"):
        adaptive_filter("lms:4:loss=hubert")
    with pytest.raises(ValueError, match=r"lms:4:loss=huber\(gamma=1\): huber has no parameter 'gamma'"):
        adaptive_filter("lms:4:loss=huber(gamma=1)")


def test_references_that_do_not_fit_are_counted(tmp_path):
    (tmp_path / "in.csv").write_text("a,b,c\n1,2,3\n")
    command = ("denoise", "in.csv", "--column", "a", "-o", "out.csv", "--reference", "b")
    for more, text, words in (
        ((), "nlms:16:references=2", "takes 2 references, got 1"),
        (("--reference", "c"), "nlms:16:references=3", "takes 3 references, got 2"),
        (("--reference", "c"), "lattice-rls:16", "takes 1 reference, got 2"),
        ((), "filtered-xlms:16:secondary=1", "FilteredXLMS hears its own output"),
    ):
        done = CliRunner().invoke(app, [*command[:1], str(tmp_path / "in.csv"), *command[2:], *more, "--filter", text])
        assert done.exit_code == 2
        assert words in done.stderr
        assert done.stderr.count("\n") == 1


def test_the_list_takes_both_spellings():
    cards = [CliRunner().invoke(app, ["list", name]).stdout for name in ("huber-lms", "HuberLMS", "huber_lms")]
    assert cards[0].startswith("HuberLMS: ")
    assert cards[0] == cards[1] == cards[2]


def test_on_the_command_line_it_is_the_class_bit_for_bit(tmp_path):
    noisy, noise = recording(500)
    rows = "\n".join(f"{a!r},{b!r}" for a, b in zip(noisy.tolist(), noise.tolist(), strict=True))
    (tmp_path / "in.csv").write_text(f"accel,motor\n{rows}\n")
    command = ("denoise", "in.csv", "--column", "accel", "--filter", "nlms:8:mu=0.1", "-o", "out.csv")
    done = run(*command, "--reference", "motor", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    clean = column((tmp_path / "out.csv").read_text(), "accel")
    assert clean.tobytes() == sm.FilterCanceller(sm.NLMS(8, mu=0.1)).run(noisy, noise).tobytes()
    done = run(*command, cwd=tmp_path)
    assert done.returncode == 2
    assert "--filter is for method cancel, got smooth" in done.stderr
