"""`pgsaba check` says beforehand what a start would fail with."""

import json
import subprocess

import pytest
from harness import messages as m
from harness.processes import wait_until


@pytest.fixture
def config(pgsaba, directory, request):
    """That of a daemon that runs, as a file of its own, on another port."""
    path = directory.make(f"check_{abs(hash(request.node.name))}") / "pgsaba.yaml"

    def write(**changes):
        path.write_text(json.dumps({**pgsaba.config, "listen": [{"address": "127.0.0.1", "port": 1}],
                                    **changes}))
        return path
    return write


def run(binary, *arguments, **given):
    return subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, timeout=30, **given)


def test_from_a_pipe(pgsaba_binary, config):
    done = run(pgsaba_binary, "check", "/dev/stdin", input=config().read_text())
    assert (done.returncode, done.stdout, done.stderr) == (0, "/dev/stdin: ok\n", "")
    done = run(pgsaba_binary, "check", "/dev/stdin", input="workers: many\n")
    assert done.returncode == 1 and "workers" in done.stderr and "/dev/stdin:1" in done.stderr
    done = run(pgsaba_binary, "check", "/dev/stdin", input=config(auth={"type": "md5", "file": "/nowhere"}).read_text())
    assert done.returncode == 1 and "/nowhere" in done.stderr


@pytest.mark.parametrize("command", [["check"], ["serve", "-c"]], ids=["check", "serve"])
def test_the_log_needs_a_directory(pgsaba_binary, config, command):
    path = config()
    missing = path.parent / "missing"
    config(log={"file": str(missing / "pgsaba.log")})
    done = run(pgsaba_binary, *command, path)
    assert done.returncode == 1
    assert f'log.file: there is no directory "{missing}"' in done.stderr and "mkdir" in done.stderr
    assert not missing.exists()


def test_a_reload_is_refused_without_it(start_pgsaba, directory):
    daemon = start_pgsaba()
    missing = directory.path / "nowhere"
    daemon.reload({"log": {"file": str(missing / "pgsaba.log")}})
    daemon.wait_for_log("reload refused")
    assert "there is no directory" in daemon.log and not missing.exists()
    missing.mkdir()
    daemon.send_signal(1)
    wait_until((missing / "pgsaba.log").exists, 10, "the log")


def test_where_to_listen_has_to_be_an_address(pgsaba_binary, config, start_pgsaba):
    elsewhere = [{"address": "db.example.net", "port": 1}]
    done = run(pgsaba_binary, "check", config(listen=elsewhere))
    assert done.returncode == 1 and "'db.example.net' is not a numeric address" in done.stderr
    daemon = start_pgsaba()
    daemon.write_config({**daemon.config, "listen": elsewhere})
    with daemon.connect(database="pgsaba") as console:
        (told,) = [m.error_fields(frame) for frame in console.query("reload") if frame.tag == b"E"]
    assert "is not a numeric address" in told["M"]
    daemon.wait_for_log("ERROR reload refused, the old settings stay")


def test_one_file_at_a_time(pgsaba_binary, config):
    done = run(pgsaba_binary, "check", config(), config())
    assert done.returncode == 2 and "one file at a time" in done.stderr
