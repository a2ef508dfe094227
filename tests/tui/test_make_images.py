"""The README's picture."""

from __future__ import annotations

import dataclasses
import os
import xml.etree.ElementTree as ET
from pathlib import Path

from docs.make_images import PICTURES, Picture, live_state, main, render_svg
from openusage_client.rpc import Connection
from openusage_client.tui.theme import builtin, builtin_names
from openusage_client.tui.views import screens
from openusage_proto.messages import Providers
from tests.support import screen_samples as samples
from tests.support.scripted_peer import ModelPeer
from tests.support.settings_samples import SettingsPeer

SVG = "{http://www.w3.org/2000/svg}"


def test_every_word_of_the_screen_is_in_the_picture():
    """Well-formed XML, in every theme, with hostile names escaped."""
    state = samples.state([samples.claude(title='<b>&"x'), samples.codex()])
    lines = screens.render(state, 100, 30)
    for name in builtin_names():
        root = ET.fromstring(render_svg(lines, builtin(name)))
        texts = [node.text for node in root.iter(f"{SVG}text")]
        assert texts == [text for line in lines for text, _ in line if text.strip()]


def test_the_picture_waits_for_the_first_import(isolated_home):
    """Half-read figures are no advertisement, and an import without end is an error."""
    path = os.path.join(isolated_home, "s.sock")
    done = samples.model(samples.accounts(2))
    answers = [dataclasses.replace(done, importing=True)] * 2

    def read_model(_params):
        return dataclasses.asdict(answers.pop() if answers else done)

    providers = dataclasses.asdict(Providers(providers=[]))
    server = ModelPeer(path, done, read_model=read_model, providers=providers)
    with server, Connection(path) as connection:
        assert live_state(connection, "30d").model == done


def test_no_lines_make_an_empty_picture():
    """An empty screen is no error."""
    assert ET.fromstring(render_svg([], builtin("mono"))).tag == f"{SVG}svg"


def test_the_script_draws_a_running_daemon(isolated_home, monkeypatch):
    """What it writes shows the figures of the daemon on the discovered socket."""
    path = os.path.join(isolated_home, "s.sock")
    monkeypatch.setenv("OPENUSAGE_TELEMETRY_SOCKET", path)
    out = os.path.join(isolated_home, "images", "d.svg")
    model = samples.model(samples.accounts(2), demo=True)
    providers = dataclasses.asdict(Providers(providers=list(samples.PROVIDERS.values())))
    with ModelPeer(path, model, providers=providers):
        assert main([out, "--size", "100x30", "--window", "7d"]) == 0
    with open(out, encoding="utf-8") as file:
        picture = file.read()
    assert " DEMO " in picture
    assert "42%" in picture


def test_every_screen_has_its_picture(isolated_home, monkeypatch):
    """One file per screen, reached by the keys a user presses, in the words of that screen."""
    path = os.path.join(isolated_home, "s.sock")
    monkeypatch.setenv("OPENUSAGE_TELEMETRY_SOCKET", path)
    out = os.path.join(isolated_home, "images")
    with SettingsPeer(path, isolated_home):
        assert main(["--all", out]) == 0
    drawn = dict.fromkeys(os.listdir(out), "")
    for name in drawn:
        with open(os.path.join(out, name), encoding="utf-8") as file:
            drawn[name] = file.read()
    assert drawn["settings-theme.svg"].count("Harbour") == 1
    assert "sk-p...0001" in drawn["settings-keys.svg"]
    assert "sk-planted" not in "".join(drawn.values())
    assert {"dashboard.svg", "split.svg", "compact.svg", "help.svg"} <= set(drawn)


def test_a_screen_that_is_not_there_is_left_out(isolated_home, monkeypatch, capsys):
    """And said, instead of a picture of another screen."""
    path = os.path.join(isolated_home, "s.sock")
    monkeypatch.setenv("OPENUSAGE_TELEMETRY_SOCKET", path)
    monkeypatch.setitem(PICTURES, "nonesuch", Picture(keys=("Z",)))
    out = os.path.join(isolated_home, "nonesuch.svg")
    with SettingsPeer(path, isolated_home):
        assert main([out, "--screen", "nonesuch"]) == 0
    assert not os.path.exists(out)
    assert "nonesuch: no such screen" in capsys.readouterr().err


def test_every_picture_is_there_and_on_the_page():
    """What the script draws lies in docs/images, and docs/screens.md leads to each."""
    docs = Path(__file__).parents[2] / "docs"
    page = (docs / "screens.md").read_text(encoding="utf-8")
    assert {path.stem for path in (docs / "images").glob("*.svg")} == set(PICTURES)
    for name in PICTURES:
        assert f"images/{name}.svg" in page
