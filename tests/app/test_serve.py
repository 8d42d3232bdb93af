"""The command `serve`: what it prints, opens, and refuses."""

import socket
import sys
import webbrowser

import pytest
import uvicorn

from keras_synth import app
from keras_synth.cli.main import main


@pytest.fixture
def ran(monkeypatch):
    """Servers that stop at once; the addresses that a browser opened."""
    opened = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: None)
    monkeypatch.setattr(webbrowser, "open", opened.append)
    return opened


def test_the_address_is_printed_and_opened(ran, capsys):
    assert main(["serve", "--port", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    address = lines[0].removeprefix("studio: ")
    assert address.startswith("http://127.0.0.1:") and "token" not in address
    assert ran == [address]
    assert main(["serve", "--port", "0", "--no-browser", "--quiet"]) == 0
    assert ran == [address] and not capsys.readouterr().out


def test_other_computers_need_a_token(ran, new_study):
    served = []
    app.serve(
        host="0.0.0.0",
        port=0,
        study=str(new_study()),
        no_browser=True,
        on_ready=served.append,
    )
    owner, rater = (
        each.partition("?token=")[2]
        for each in (served[0].address, served[0].rating)
    )
    assert len(owner) > 15 and len(rater) > 15 and owner != rater
    assert "/rate?" in served[0].rating


def test_what_is_not_there_is_refused(ran, tmp_path, capsys):
    assert main(["serve", "--study", str(tmp_path)]) == 2
    assert "no study" in capsys.readouterr().err
    assert main(["serve", "--models", "missing.keras"]) == 2
    assert "no model" in capsys.readouterr().err
    (tmp_path / "a.keras").touch()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "a.keras").touch()
    words = ["serve", "--models", str(tmp_path / "a.keras")]
    assert main([*words, str(tmp_path / "b" / "a.keras")]) == 2
    assert "same name" in capsys.readouterr().err
    with socket.create_server(("127.0.0.1", 0)) as used:
        port = used.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 2
    assert "Cannot listen" in capsys.readouterr().err
    assert not ran


def test_a_missing_package_gives_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(ImportError, match=r"pip install 'keras_synth\[app\]'"):
        app.serve(port=0)
