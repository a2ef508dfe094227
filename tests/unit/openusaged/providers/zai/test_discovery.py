"""Finding the account of Z.AI's coding helper, and its addresses."""

from __future__ import annotations

import subprocess
import sys

import pytest

from openusaged.core.models import Account
from openusaged.providers.base import Machine
from openusaged.providers.zai import discover, roots
from openusaged.providers.zai.addresses import addresses_of
from openusaged.providers.zai.helper_file import MAX_BYTES, read


def found(tmp_path, text, env=None):
    path = tmp_path / ".chelper" / "config.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return list(discover(Machine(env=env or {}, home=str(tmp_path))))


@pytest.mark.parametrize(
    "text", ["", "lang: en_US\n", "plan: ''\napi_key:\n", "[1, 2", "\t: {", "- plan\n", "plan: 7\n"]
)
def test_file_without_plan_and_key_is_no_account(tmp_path, text):
    """A helper that was never set up, or a damaged file, makes no tile."""
    assert found(tmp_path, text) == []


def test_key_of_the_environment_is_the_same_subscription(tmp_path):
    """The helper's key under ZAI_API_KEY or ZHIPUAI_API_KEY is not polled twice."""
    text = "plan: glm_coding_plan_global\napi_key: planted.1\n"
    for variable in ("ZAI_API_KEY", "ZHIPUAI_API_KEY"):
        assert found(tmp_path, text, {variable: "planted.1"}) == []
    (account,) = found(tmp_path, text, {"ZAI_API_KEY": "planted.2"})
    assert account.id == "zai-coding-plan-auto"
    assert "planted" not in repr(account)


def test_key_without_plan_and_nested_settings(tmp_path):
    """A key alone is enough, at whatever depth the helper's version writes it."""
    (account,) = found(tmp_path, "user:\n  profile: {api_key: planted.3}\n")
    assert account.options == {}
    settings = read(account.paths["config"])
    assert settings.api_key == "planted.3"
    assert "planted" not in repr(settings)


def test_homes_are_listed_by_the_variable(tmp_path):
    """Several homes are several accounts, each called after its folder."""
    for name in ("work", "play"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text("plan: p\n")
    env = {"OPENUSAGE_ZAI_HOME": "~/work, ~/play"}
    machine = Machine(env=env, home=str(tmp_path))
    assert roots(machine) == [f"{tmp_path}/work", f"{tmp_path}/play"]
    assert [account.id for account in discover(machine)] == [
        "zai-coding-plan-auto",
        "zai-coding-plan-auto:play",
    ]


def test_huge_file_is_cut(tmp_path):
    """No more than a bounded part of the file is ever parsed."""
    path = tmp_path / "config.yaml"
    path.write_text("plan: early\n" + "#" * MAX_BYTES + "\napi_key: late\n")
    assert (read(str(path)).plan, read(str(path)).api_key) == ("early", "")
    assert read(str(tmp_path)).plan == ""


def test_machine_without_the_helper_does_not_load_yaml(tmp_path):
    """Looking for accounts where there are none costs no YAML parser."""
    code = (
        "import sys; from openusaged.providers.base import Machine;"
        "from openusaged.providers import zai;"
        f"assert list(zai.discover(Machine(env={{}}, home={str(tmp_path)!r}))) == [];"
        "assert 'yaml' not in sys.modules and 'openusaged.providers.zai.plan_api' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("fields", "plan", "coding", "monitor", "currency"),
    [
        ({}, "", "https://api.z.ai/api/coding/paas/v4", "https://api.z.ai", "USD"),
        (
            {"id": "zhipuai-auto"},
            "",
            "https://open.bigmodel.cn/api/coding/paas/v4",
            "https://open.bigmodel.cn",
            "CNY",
        ),
        (
            {"api_key_env": "ZHIPUAI_API_KEY"},
            "",
            "https://open.bigmodel.cn/api/coding/paas/v4",
            "https://open.bigmodel.cn",
            "CNY",
        ),
        (
            {},
            "GLM_Coding_Plan_China",
            "https://open.bigmodel.cn/api/coding/paas/v4",
            "https://open.bigmodel.cn",
            "CNY",
        ),
        (
            {"base_url": "https://gw.example.com/"},
            "",
            "https://gw.example.com/api/coding/paas/v4",
            "https://gw.example.com",
            "USD",
        ),
        (
            {"base_url": "https://gw.example.com/x/models"},
            "",
            "https://gw.example.com/x",
            "https://gw.example.com",
            "USD",
        ),
        (
            {"base_url": "open.bigmodel.cn/api/coding/paas/v4"},
            "",
            "https://open.bigmodel.cn/api/coding/paas/v4",
            "https://open.bigmodel.cn",
            "CNY",
        ),
    ],
)
def test_addresses_follow_base_plan_and_variable(fields, plan, coding, monitor, currency):
    """The mainland's keys go to the mainland's hosts; a base of one's own comes first."""
    account = Account(**{"id": "zai", "provider_id": "zai", **fields})
    addresses = addresses_of(account, plan)
    assert (addresses.coding, addresses.monitor, addresses.currency) == (coding, monitor, currency)
