"""The command as a stranger runs it: as a process, with files and with pipes that are live."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import streammse as sm
from streammse import catalog
from streammse.cli import main

ROOT = Path(sm.__file__).parents[1]
COMMAND = [sys.executable, "-m", "streammse"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg", "COLUMNS": "100"}


def run(*arguments, cwd, **options) -> subprocess.CompletedProcess:
    options = {"capture_output": True, "text": True, "timeout": 60, **options}
    return subprocess.run([*COMMAND, *map(str, arguments)], cwd=cwd, env=ENVIRONMENT, check=False, **options)


def start(*arguments, cwd) -> subprocess.Popen:
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=ENVIRONMENT,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_with_interrupts,  # noqa: PLW1509  no thread holds a lock that this needs
    )


def _with_interrupts() -> None:
    """A shell's background job ignores SIGINT and hands that down: here Ctrl-C must count wherever the tests run."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def end(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()


def line_from(process: subprocess.Popen, seconds: float = 30.0) -> str:
    """A line that has come although the input is still open."""
    got = b""
    deadline = time.monotonic() + seconds
    while not got.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"nothing came within {seconds} s, after {got!r}"
        byte = process.stdout.read(1)
        assert byte, process.stderr.read().decode()
        got += byte
    return got.decode()


@pytest.fixture(scope="module")
def vibration(tmp_path_factory) -> tuple[Path, dict[str, np.ndarray]]:
    """A signal, the noise that a motor adds to it on its way, the reference, and some missing samples."""
    rng = np.random.default_rng(0)
    t = np.arange(3000)
    motor = rng.standard_normal(t.size)
    truth = np.sin(t / 30.0)
    accel = truth + np.convolve(motor, [0.6, 0.3, -0.2])[: t.size]
    accel[1000:1010] = np.nan
    path = tmp_path_factory.mktemp("data") / "vibration.csv"
    with path.open("w") as file:
        file.write("time,accel,motor,note,truth\n")
        for k in range(t.size):
            cell = "" if np.isnan(accel[k]) else repr(float(accel[k]))
            file.write(f'00:{k // 60:02}:{k % 60:02},{cell},{float(motor[k])!r},"a, {k}",{float(truth[k])!r}\n')
    return path, {"accel": accel, "motor": motor, "truth": truth}


def column(text: str, name: str) -> np.ndarray:
    import csv

    rows = csv.DictReader(text.splitlines())
    return np.array([float(row[name] or "nan") for row in rows])


def test_cancel_is_the_python_class_bit_for_bit(vibration, tmp_path):
    path, data = vibration
    done = run(
        *("denoise", path, "--column", "accel", "--reference", "motor", "--taps", 16, "--truth", "truth"),
        *("-o", "clean.csv", "--plot", "clean.png", "--json"),
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    text = (tmp_path / "clean.csv").read_text()
    clean = column(text, "accel")
    assert clean.tobytes() == sm.NoiseCanceller(taps=16).run(data["accel"], data["motor"]).tobytes()
    assert np.isfinite(clean[1000:1010]).all()
    # all other cells are the same bytes
    other = re.compile(r"^([^,]*),[^,]*,", re.MULTILINE)
    assert other.sub(r"\1,,", text) == other.sub(r"\1,,", path.read_text())
    told = json.loads(done.stdout)
    known = np.isfinite(data["accel"])
    before = np.mean((data["accel"] - data["truth"])[known] ** 2)
    after = np.mean((clean - data["truth"])[known] ** 2)
    assert told["mse_before"] == pytest.approx(before)
    assert told["mse_after"] == pytest.approx(after)
    assert told["gain_db"] == pytest.approx(10 * np.log10(before / after))
    assert told["gain_db"] > 6.0
    assert (told["samples"], told["missing"], told["method"]) == (3000, 10, "cancel")
    assert told["parameters"]["taps"] == 16
    import matplotlib.image

    picture = matplotlib.image.imread(tmp_path / "clean.png")[..., :3]
    assert picture.std() > 0.05  # not an empty sheet
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clean.csv", "clean.png"]


def test_the_report_stays_out_of_the_data(vibration, tmp_path):
    path, data = vibration
    done = run("denoise", path, "-c", "accel", "-r", "motor", "--truth", "truth", "-m", "cancel", cwd=tmp_path)
    assert done.returncode == 0
    assert column(done.stdout, "accel").tobytes() == sm.NoiseCanceller().run(data["accel"], data["motor"]).tobytes()
    assert re.search(r"SNR .* dB -> .* dB \(gain .* dB\)\nMSE \S+ -> \S+", done.stderr)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "in.csv"], "in.csv would replace the noisy signal by the clean one: choose another name"),
        (["-o", "link.csv"], "link.csv would replace the noisy signal by the clean one"),
        (["-o", "link.csv", "--into", "clean"], "would replace the noisy signal"),
        (["-r", "ref.csv:r", "-o", "ref.csv"], "ref.csv would replace the reference by the clean one"),
        (["-o", "out.csv", "--plot", "in.png"], "in.png would replace the noisy signal by the picture"),
        (["-o", "same.png", "--output-format", "csv", "--plot", "same.png"], "would replace the clean signal"),
    ],
)
def test_nothing_that_is_read_is_written_over(options, message, tmp_path, monkeypatch, capfd):
    (tmp_path / "in.csv").write_text("v\n1\n2\n")
    (tmp_path / "ref.csv").write_text("r\n1\n2\n")
    for name in ("link.csv", "in.png"):
        (tmp_path / name).symlink_to("in.csv")
    before = {p.name: p.read_text() for p in tmp_path.iterdir()}
    monkeypatch.chdir(tmp_path)
    assert main(["denoise", "in.csv", *options]) == 2
    assert message in capfd.readouterr().err
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == before


def test_huge_values_are_missing_and_said(tmp_path, monkeypatch, capfd):
    (tmp_path / "in.csv").write_text("v,w\n1,1\n1e300,1e300\n2,-1e308\n-1e150,1\n")
    monkeypatch.chdir(tmp_path)
    assert main(["denoise", "in.csv", "-c", "v", "--truth", "w", "-o", "o.csv", "--plot", "p.svg", "--json"]) == 0
    out, err = capfd.readouterr()
    told = json.loads(out)
    assert (told["samples"], told["missing"], told["compared"]) == (4, 2, 1)
    assert told["mse_before"] == 0.0
    assert told["samples_per_second"] is None
    assert err == "streammse: warning: 2 samples beyond 1e100 taken as missing\n"


def test_a_defect_is_one_line(tmp_path, monkeypatch, capfd):
    from streammse import report

    def fails(*_):
        raise KeyError("oops")

    monkeypatch.setattr(report.Report, "write", fails)
    (tmp_path / "in.csv").write_text("v\n1\n")
    monkeypatch.chdir(tmp_path)
    assert main(["denoise", "in.csv", "-o", "o.csv"]) == 1
    err = capfd.readouterr().err
    assert err.startswith("streammse: defect: KeyError: 'oops' (")
    assert "report it" in err
    assert err.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["in.csv"]
    monkeypatch.setenv("STREAMMSE_TRACEBACK", "1")
    with pytest.raises(KeyError):
        main(["denoise", "in.csv", "-o", "o.csv"])


def test_hum_that_finds_none_says_what_to_try(tmp_path, monkeypatch, capfd):
    t = np.arange(3000) / 500.0
    x = 7.0 + np.sin(2 * np.pi * 50 * t)
    (tmp_path / "in.csv").write_text("v\n" + "".join(f"{v!r}\n" for v in x.tolist()))
    monkeypatch.chdir(tmp_path)
    said = {}
    for mains in ("50", "60"):
        assert main(["denoise", "in.csv", "-m", "hum", "--rate", "500", "--mains", mains, "-o", "o.csv"]) == 0
        said[mains] = capfd.readouterr().err
    assert said["50"] == ""
    assert "try --mains 50" in said["60"]


def test_binary_in_a_pipe_is_named(tmp_path):
    done = run("denoise", "-", cwd=tmp_path, input=b"RIFF\0\0\0\0WAVE", text=False)
    assert done.returncode == 2
    assert done.stderr == b"streammse: standard input is a WAV file: pipes carry CSV or NDJSON\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
@pytest.mark.parametrize("words", [["denoise", "in.csv"], ["list", "LMS"]])
def test_a_full_standard_output_is_said(words, tmp_path):
    (tmp_path / "in.csv").write_text("v\n1\n")
    with open("/dev/full", "w") as full:
        done = run(*words, cwd=tmp_path, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert re.fullmatch(r"streammse: .*standard output: No space left on device\n", done.stderr)


def test_progress_is_for_people(vibration, tmp_path):
    path, _ = vibration
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [*COMMAND, "denoise", path, "-c", "accel", "-o", "out.csv"],
        cwd=tmp_path,
        env={**ENVIRONMENT, "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # how a terminal ends on Linux
        pass
    os.close(ours)
    assert (process.communicate()[0], process.returncode) == (b"", 0)
    assert b"3,000 samples" in shown


def test_enhance_keeps_what_is_asked_for(vibration, tmp_path):
    path, data = vibration
    options = ("-m", "enhance", "--taps", 8, "--delay", 3, "--keep", "noise", "--set", "mu=0.25")
    done = run("denoise", path, "-c", "accel", *options, cwd=tmp_path)
    node = sm.LineEnhancer(taps=8, delay=3, keep="noise", mu=0.25)
    assert column(done.stdout, "accel").tobytes() == node.run(data["accel"]).tobytes()


def test_hum_takes_the_rate_from_the_file(tmp_path):
    import soundfile

    t = np.arange(4000) / 1000.0
    x = 0.3 * np.sin(2 * np.pi * 1.3 * t) + 0.2 * np.sin(2 * np.pi * 60.2 * t)
    soundfile.write(tmp_path / "in.wav", x, 1000, subtype="DOUBLE")
    done = run("denoise", "in.wav", "--method", "hum", "--mains", 60, "-o", "clean.flac", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    clean = sm.HumCanceller(rate=1000.0, mains=60.0).run(x)
    got, rate = soundfile.read(tmp_path / "clean.flac")
    assert rate == 1000
    assert np.abs(got - clean).max() <= 2.0**-24
    done = run("denoise", "in.wav", "-m", "hum", "--set", "mains=60", "-o", "clean.wav", cwd=tmp_path)
    assert soundfile.read(tmp_path / "clean.wav")[0].tobytes() == clean.tobytes()


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_a_pipe_is_live(kind, tmp_path):
    x = [1.0, 1.25, None, 1.5, 1.0]
    process = start("denoise", "-", "--column", "v", cwd=tmp_path)
    node = sm.Smoother()
    try:
        if kind == "csv":
            process.stdin.write(b"t,v\n")
        for k, value in enumerate(x):
            cell = {
                "csv": f"{k},{'' if value is None else value}\n",
                "ndjson": json.dumps({"t": k, "v": value}) + "\n",
            }[kind]
            process.stdin.write(cell[:3].encode())  # a row may come in parts
            process.stdin.flush()
            process.stdin.write(cell[3:].encode())
            if kind == "csv" and k == 0:
                assert line_from(process) == "t,v\n"
            line = line_from(process)
            got = float(line.split(",")[1]) if kind == "csv" else json.loads(line)["v"]
            assert got == node.update(np.nan if value is None else value)
        process.stdin.close()
        assert process.wait(20) == 0
        assert process.stderr.read() == b""
    finally:
        end(process)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_leaves_nothing_half_written(number, status, tmp_path):
    (tmp_path / "clean.csv").write_text("what was there")
    process = start("denoise", "-", "--column", "v", "-o", "clean.csv", "--plot", "p.png", cwd=tmp_path)
    try:
        process.stdin.write(b"v\n1\n2\n")
        deadline = time.monotonic() + 30.0
        while not any(p.stat().st_size for p in tmp_path.glob(".clean.csv.*")):  # it has begun to write
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(10) == status
        word = "interrupted" if number == signal.SIGINT else "terminated"
        assert process.stderr.read().decode() == f"streammse: {word}: nothing written\n"
    finally:
        end(process)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"clean.csv": "what was there"}


def test_the_usual_end_of_a_live_pipe_tells_what_was_seen(tmp_path):
    process = start("denoise", "-", "--column", "v", "--truth", "t", "--json", cwd=tmp_path)
    try:
        process.stdin.write(b"v,t\n1,0\n2,1\n")
        lines = [line_from(process) for _ in range(3)]
        assert (lines[0], lines[2][-3:]) == ("v,t\n", ",1\n")
        process.stdin.write(b"3,1\n")
        assert line_from(process)  # the block before it has been reported on
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        (told,) = process.stderr.read().decode().splitlines()
        assert json.loads(told)["samples"] == json.loads(told)["compared"] in (2, 3)
        assert process.stdout.read() == b""
    finally:
        end(process)


@pytest.mark.parametrize(
    ("rows", "told"), [(1, "the only sample is missing"), (3, "all 3 samples are missing"), (0, "")]
)
def test_a_column_that_is_all_missing_is_warned_of(rows, told, tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n" + "1,\n" * rows + "1,2\n" * (rows == 0))
    done = run("denoise", "x.csv", "-c", "b", "-o", "y.csv", cwd=tmp_path)
    expected = f"streammse: warning: {told} in column 'b' of x.csv: nothing was learnt\n" if told else ""
    assert (done.returncode, done.stderr) == (0, expected)


def test_a_reader_that_leaves_is_no_error(tmp_path):
    rows = "v\n" + "".join(f"{k % 7}\n" for k in range(200_000))
    process = start("denoise", "-", cwd=tmp_path)

    def feed() -> None:
        try:
            process.stdin.write(rows.encode())
            process.stdin.close()
        except BrokenPipeError:
            pass

    feeder = threading.Thread(target=feed)
    feeder.start()
    assert line_from(process) == "v\n"
    process.stdout.close()
    assert process.wait(20) == 141
    feeder.join()
    assert process.stderr.read() == b""
    process.stderr.close()


GOOD = "t,v,r,tag\n1,1.5,0,a\n2,2.5,0,b\n3,3.5,0,c\n"
WRONG = {
    "column": (GOOD, ["in.csv", "-c", "w"], r"no column 'w' in in.csv: there are t, v, r, tag"),
    "reference": (GOOD, ["in.csv", "-c", "v", "-r", "w"], r"no column 'w' in in.csv"),
    "truth": (GOOD, ["in.csv", "-c", "v", "--truth", "w"], r"no column 'w' in in.csv"),
    "no column": (GOOD, ["in.csv"], r"several columns hold numbers \(t, v, r\)"),
    "text cell": (
        GOOD.replace("2.5", "abc"),
        ["in.csv", "-c", "v"],
        r"row 2 \(line 3\): column 'v' must hold numbers, got 'abc'",
    ),
    "text reference": (
        GOOD,
        ["in.csv", "-c", "v", "-r", "tag"],
        r"row 1 \(line 2\): column 'tag' must hold numbers, got 'a'",
    ),
    "short row": (GOOD + "4,5\n", ["in.csv", "-c", "v"], r"row 4 \(line 5\): 4 fields were expected, .*got 2: 4,5"),
    "open quote": (GOOD + '4,"5,6,7\n', ["in.csv", "-c", "v"], r"row 4 \(line 5\): a quote is opened and never closed"),
    "unequal reference": (
        GOOD,
        ["in.csv", "-c", "v", "-r", "short.csv"],
        r"short.csv ends after row 2, in.csv goes on",
    ),
    "empty": ("", ["in.csv"], r"in.csv is empty"),
    "no rows": ("t,v\n", ["in.csv", "-c", "v"], r"in.csv holds no rows"),
    "no file": (GOOD, ["nothing.csv"], r"cannot read nothing.csv: No such file"),
    "a folder": (GOOD, ["."], r"\. has no suffix|cannot read"),
    "not parquet": (GOOD, ["in.csv", "--format", "parquet"], r"cannot read in.csv as Parquet"),
    "not audio": (GOOD, ["in.csv", "--format", "wav"], r"cannot read in.csv as audio"),
    "format": (GOOD, ["in.csv", "--format", "xls"], r"unknown format 'xls': expected one of csv, ndjson"),
    "suffix": (GOOD, ["in.xls"], r"in.xls has suffix '.xls': expected one of \.csv"),
    "method": (
        GOOD,
        ["in.csv", "-c", "v", "-m", "magic"],
        r"unknown method 'magic': expected one of cancel, echo, enhance, hum, smooth",
    ),
    "needs reference": (GOOD, ["in.csv", "-c", "v", "-m", "cancel"], r"--reference"),
    "takes none": (GOOD, ["in.csv", "-c", "v", "-m", "hum", "-r", "r"], r"method hum takes no reference"),
    "needs rate": (GOOD, ["in.csv", "-c", "v", "-m", "hum"], r"give --rate"),
    "parameter": (GOOD, ["in.csv", "-c", "v", "--mains", "50"], r"method smooth has no parameter 'mains'"),
    "value": (GOOD, ["in.csv", "-c", "v", "-r", "r", "--taps", "0"], r"taps must be 1 <= taps, got 0"),
    "not a number": (GOOD, ["in.csv", "-c", "v", "-r", "r", "--taps", "x"], r"Invalid value for '--taps'"),
    "option": (GOOD, ["in.csv", "--colum", "v"], r"No such option: --colum"),
    "output folder": (GOOD, ["in.csv", "-c", "v", "-o", "no/where.csv"], r"no/where.csv: folder no does not exist"),
    "own reference": (GOOD, ["in.csv", "-c", "v", "-r", "v"], r"'v' of in.csv is the signal: .* own reference"),
    "own reference in a file": (GOOD, ["in.csv", "-c", "v", "-r", "in.csv:v"], r"is the signal: .* own reference"),
    "own truth": (GOOD, ["in.csv", "-c", "v", "--truth", "v"], r"'v' of in.csv is the signal: .* own truth"),
    "packed": (GOOD, ["in.csv.gz"], r"pipe: zcat in.csv.gz \| streammse denoise - --format csv"),
    "comment": ("# from a sensor\n" + GOOD, ["in.csv", "-c", "v"], r"leave comments out"),
    "blanks": (GOOD.replace(",", " "), ["in.csv", "-c", "v"], r"say --separator space"),
    "only a clock": ("time,v\n0,\n1,\n", ["in.csv"], r"which column .* 'v' begins empty: name it with --column"),
    "decimal comma": ("time;v\n0;1,5\n1;2,5\n", ["in.csv"], r"'v' looks like .* \(say --decimal ,\)"),
    "picture": (GOOD, ["in.csv", "-c", "v", "--plot", "p.doc"], r"must end in .png, .svg or .pdf, got p.doc"),
    "into": (GOOD, ["in.csv", "-c", "v", "--into", "r"], r"column 'r' exists already"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_in_one_line(name, tmp_path, monkeypatch, capfd):
    text, arguments, message = WRONG[name]
    (tmp_path / "in.csv").write_text(text)
    (tmp_path / "short.csv").write_text("r\n1\n2\n")
    output = [] if "-o" in arguments else ["-o", "out.csv"]
    if name in ("text cell", "unequal reference", "option"):
        done = run("denoise", *arguments, *output, cwd=tmp_path)
        status, stdout, stderr = done.returncode, done.stdout, done.stderr
    else:  # a process for each would take a minute
        monkeypatch.chdir(tmp_path)
        status = main(["denoise", *arguments, *output])
        stdout, stderr = capfd.readouterr()
    assert (status, stdout) == (2, "")
    assert stderr.startswith("streammse: ")
    assert stderr.count("\n") == 1
    assert re.search(message, stderr), stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.csv", "short.csv"]


def test_memory_does_not_grow_with_the_file(tmp_path):
    rows = "".join(f"{v:.6f},{r:.6f}\n" for v, r in np.random.default_rng(0).standard_normal((20_000, 2)))

    def peak(times: int) -> int:
        (tmp_path / "in.csv").write_text("v,r\n" + times * rows)
        command = ["denoise", "in.csv", "-c", "v", "-r", "r", "-o", "out.csv", "--taps", "4", "--plot", "p.png"]
        code = (  # started by a small process: the peak of a process counts that of the one that started it
            "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        words = [sys.executable, "-c", code, *COMMAND, *command]
        done = subprocess.run(words, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=True)
        return int(done.stdout)

    small = peak(5)
    large = peak(25)
    assert large < 400_000  # KB, with matplotlib loaded
    assert large - small < 30_000  # the file grew by 7 MB, as a table of text by far more


def test_help_and_version_load_next_to_nothing(tmp_path):
    code = (
        "import sys; from streammse.cli import main\n"
        "for words in (['--help'], ['denoise', '--help'], ['--version']): main(words)\n"
        "heavy = ['numba', 'scipy', 'statsmodels', 'pandas', 'matplotlib', 'pyarrow', 'numpy', 'soundfile']\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=ENVIRONMENT, check=True
    )
    lines = done.stdout.splitlines()
    assert lines[-1] == "[]"
    assert f"streammse {sm.__version__}" in lines
    for word in ("denoise", "run", "list", "bench", "--column", "--reference", "--truth"):
        assert word in done.stdout


def test_list_tells_every_algorithm(tmp_path):
    done = run("list", cwd=tmp_path)
    assert done.returncode == 0
    for name in catalog.names():
        assert re.search(rf"^{name}: \S", done.stdout, re.MULTILINE), name
        for param in catalog.get(name)._params.values():
            assert f"      {param.name} = " in done.stdout
    assert "\\" not in done.stdout  # equations without TeX
    assert "w(n+1) = w(n) + μ e(n) x(n)" in done.stdout
    one = run("list", "NLMS", cwd=tmp_path)
    assert "w(n+1)" in one.stdout
    assert "mu = 0.5" in one.stdout
    assert one.stdout.endswith("worst update: O(taps * references)\n")
    assert "LMS:" not in one.stdout.replace("NLMS:", "")
    assert run("list", "nlms", cwd=tmp_path).stdout == one.stdout
    wrong = run("list", "nlsm", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "'nlsm': did you mean NLMS?" in wrong.stderr
    heads = re.findall(r"^# (\w+)$", done.stdout, re.MULTILINE)
    assert heads[:3] == ["denoise", "filters", "metrics"]
    assert len(set(heads)) == len(heads)
    metrics = done.stdout.partition("# metrics")[2]
    assert metrics.count("      window = None") == 1
    assert re.search(r"^MSE: .*\n.*\n      window, .*: as above$", metrics, re.MULTILINE)


STORY = '''"""A story that counts.\n\nMore about it."""
import pathlib

def main(out: pathlib.Path) -> None:
    (out / "figure.txt").write_text("42")
    {}
'''


def test_run_plays_a_scenario(tmp_path):
    (tmp_path / "my_story.py").write_text(STORY.format("print('told')"))
    done = run("run", "my_story.py", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "told\n", "")
    assert (tmp_path / "out" / "my-story" / "figure.txt").read_text() == "42"
    (tmp_path / "missed.py").write_text(STORY.format("raise SystemExit(1)"))
    assert run("run", "missed.py", "-o", "there", cwd=tmp_path).returncode == 1
    assert (tmp_path / "there" / "figure.txt").exists()
    (tmp_path / "poor.py").write_text(STORY.format("import a_package_that_nobody_has"))
    done = run("run", "poor.py", cwd=tmp_path)
    assert done.returncode == 2
    assert "needs the package a_package_that_nobody_has: pip install '.[demo]'" in done.stderr
    done = run("run", "nothing", cwd=tmp_path)
    assert done.returncode == 2
    assert "unknown scenario 'nothing': expected one of" in done.stderr


def test_a_scenario_needs_a_folder(tmp_path):
    (tmp_path / "story.py").write_text(STORY.format("pass"))
    (tmp_path / "out").write_text("not a folder")
    done = run("run", "story.py", cwd=tmp_path)
    assert done.returncode == 2
    assert "cannot make the folder out/story" in done.stderr
    assert "-o DIR" in done.stderr


def test_the_scenarios_are_listed(tmp_path):
    done = run("run", "--list", cwd=tmp_path)
    names = [line.split()[0] for line in done.stdout.splitlines()]
    files = [p.stem.replace("_", "-") for p in (ROOT / "scenarios").glob("[!_]*.py")]
    assert sorted(names) == sorted(files)
