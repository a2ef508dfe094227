"""The example plug-in of the manual, installed as a package and run by a real daemon."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openusage_proto import locations
from openusage_proto.errors import AUTH_REQUIRED, PROVIDER_FAILED, RpcError
from tests.support.client import run_client
from tests.support.daemon import Daemon
from tests.support.plugin_package import example, install
from tests.support.vendor_server import Vendor, vendor
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

KEY = "acme-planted-key-0001"


@pytest.fixture
def acme():
    """The vendor of the example."""
    with vendor(KEY, body={"spent": 12.5, "budget": 50}) as server:
        yield server


def write_settings(acme: Vendor, *, poll: bool = True) -> None:
    path = Path(locations.settings_path())
    path.parent.mkdir(parents=True, exist_ok=True)
    account = {"id": "acme", "provider": "acme", "base_url": acme.url}
    path.write_text(json.dumps({"telemetry": {"poll": poll}, "accounts": [account]}))


def stored() -> Path:
    return Path(locations.credentials_path())


def status_of(daemon: Daemon, account_id: str) -> str:
    accounts = daemon.call("accounts")["accounts"]
    return next(item["status"] for item in accounts if item["account_id"] == account_id)


def test_the_example_is_short() -> None:
    """What one has to write for a service fits on one screen."""
    module, _ = example()
    assert len(module.splitlines()) <= 40


def test_example_runs(isolated_home: str, daemon: Daemon, acme: Vendor, tmp_path: Path) -> None:
    """Installed, the service is listed, its key is checked at the account's own address before it
    is stored, and its figure is in the read model."""
    write_settings(acme)
    daemon.env["PYTHONPATH"] = str(install(tmp_path, *example()))
    daemon.start()

    listed = {item["id"]: item for item in daemon.call("providers")["providers"]}
    assert listed["acme"]["origin"] == "openusage-acme 1.0"
    assert listed["acme"]["capabilities"] == ["spend"]
    assert listed["claude_code"]["origin"] == "built-in"

    with pytest.raises(RpcError) as refused:
        daemon.call("credential_set", account_id="acme", key="acme-planted-wrong-02")
    assert refused.value.slug == AUTH_REQUIRED
    assert "planted" not in str(refused.value.data)
    assert not stored().exists()

    done = run_client(daemon.env, "accounts", "set-key", "acme", stdin=KEY + "\n")
    assert "stored acme...0001 for acme (ok)" in done.stdout
    assert json.loads(stored().read_text()) == {"keys": {"acme": KEY}}
    assert ("/v1/usage", KEY) in acme.asked
    wait_until(lambda: status_of(daemon, "acme") == "OK", 20.0, "the figure of the check")

    model = daemon.call("read_model")
    (account,) = [item for item in model["accounts"] if item["account_id"] == "acme"]
    metric = account["metrics"][0]
    assert (metric["used"], metric["limit"], metric["unit"]) == (12.5, 50.0, "USD")
    assert "acme" in run_client(daemon.env, "overview").stdout.lower()

    run_client(daemon.env, "accounts", "delete-key", "acme")
    assert json.loads(stored().read_text()) == {}


def test_key_that_cannot_be_checked(
    isolated_home: str, daemon: Daemon, acme: Vendor, tmp_path: Path
) -> None:
    """A vendor that fails has accepted nothing: nothing is stored unless the user insists."""
    write_settings(acme, poll=False)
    acme.status = 500
    daemon.env["PYTHONPATH"] = str(install(tmp_path, *example()))
    daemon.start()
    with pytest.raises(RpcError) as failed:
        daemon.call("credential_set", account_id="acme", key=KEY)
    assert failed.value.slug == PROVIDER_FAILED
    assert "--no-check" in failed.value.detail
    assert not stored().exists()
    answer = daemon.call("credential_set", account_id="acme", key=KEY, check=False)
    assert (answer["stored"], answer["status"]) == (True, "")


def test_corrected_key_is_tried_at_once(
    isolated_home: str, daemon: Daemon, acme: Vendor, tmp_path: Path
) -> None:
    """Refused credentials are polled seldom, but a key that was corrected in a file is tried."""
    write_settings(acme)
    rc = Path(isolated_home) / ".zshrc"
    rc.write_text("export ACME_API_KEY=acme-planted-wrong-02\n")
    module, project = example()
    quick = module.replace('setup="Set ACME_API_KEY.",', 'setup="x", min_poll_s=0.1,')
    daemon.env["PYTHONPATH"] = str(install(tmp_path, quick, project))
    daemon.start()
    wait_until(lambda: status_of(daemon, "acme") == "AUTH_REQUIRED", 20.0, "the refusal")
    rc.write_text(f"export ACME_API_KEY={KEY}\n")
    daemon.call("detect")
    wait_until(lambda: status_of(daemon, "acme") == "OK", 20.0, "the poll with the new key")


FAILING = """
def fail(*_):
    raise ValueError("odd")

PROVIDER = Provider(spec=SPEC, fetch=fetch, discover=fail, roots=fail, watch=fail)
"""


def test_failing_plug_in_costs_only_its_own(
    isolated_home: str, daemon: Daemon, acme: Vendor, tmp_path: Path
) -> None:
    """One that raises wherever it is asked about the machine is told, and all else goes on."""
    write_settings(acme)
    module, project = example()
    daemon.env |= {
        "PYTHONPATH": str(install(tmp_path, module + FAILING, project)),
        "ACME_API_KEY": KEY,
    }
    daemon.start()
    wait_until(lambda: status_of(daemon, "acme") == "OK", 20.0, "its poll")
    assert {"acme", "codex"} <= set(daemon.call("detect")["providers"])
    warnings = daemon.call("status")["warnings"]
    assert "acme: detection failed: ValueError: odd" in warnings


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            ("PROVIDER = Provider(", "raise RuntimeError('half installed')\nx = ("),
            "cannot be loaded",
        ),
        (('id="acme"', 'id="other"'), "cannot be loaded"),
        (("acme = ", "claude_code = "), "there is a provider of that id"),
    ],
    ids=["broken", "another id", "taken id"],
)
def test_plug_in_that_cannot_be_used_is_left_out(
    home: Path, daemon: Daemon, tmp_path: Path, change: tuple[str, str], says: str
) -> None:
    """A broken plug-in, or one that takes a built-in id, costs only itself and is told."""
    module, project = (text.replace(*change) for text in example())
    daemon.env["PYTHONPATH"] = str(install(tmp_path, module, project))
    daemon.start()
    listed = {item["id"]: item["origin"] for item in daemon.call("providers")["providers"]}
    assert "acme" not in listed
    assert listed["claude_code"] == "built-in"
    assert any(says in warning for warning in daemon.call("status")["warnings"])
