"""Keys of a whole machine: every source, its precedence, and what is said about the others."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from openusaged.detect.findings import Detection, Variable
from openusaged.detect.machine import Detector, Wanted, stamps, variables_of
from openusaged.providers.base import Machine
from tests.support.key_table import bare_machine, program, specs, write

NOW = 1_772_366_400_000


def detect(machine: Machine, run=lambda _command: 1, **wanted) -> Detection:
    detector = Detector(machine, lambda: NOW, run)
    return detector.detect(Wanted(specs=specs(), **wanted))


def keys(detection: Detection, account_id: str) -> list[tuple[str, str]]:
    """Value and source (without path) of an account's keys, the one that counts first."""
    return [
        (key.value, key.source.partition(":")[0])
        for key in detection.keys
        if key.account_id == account_id
    ]


def opencode(home: Path, entries: object) -> Path:
    text = entries if isinstance(entries, str) else json.dumps(entries)
    return write(home / ".local/share/opencode/auth.json", text)


def test_empty_machine_has_nothing(tmp_path: Path) -> None:
    """Nothing is found, everything that was looked at is named, and nothing is written."""
    found = detect(bare_machine(tmp_path))
    assert (found.binaries, found.keys, found.presences) == ([], [], [])
    assert {look.outcome for look in found.looks} == {"missed", "skipped"}
    looked = {look.source for look in found.looks}
    assert looked == {"binary", "env", "codex", "shell_rc", "dotenv", "opencode", "aider", "file"}
    assert os.listdir(tmp_path) == []


def test_unset_home_is_an_empty_result() -> None:
    """Without a home directory only the environment is left to look at."""
    machine = Machine(env={"OPENUSAGE_DETECT_BIN_DIRS": "", "GROQ_API_KEY": "gsk-1"}, home="")
    found = detect(machine, read_dotenv=True)
    assert [key.account_id for key in found.keys] == ["groq"]
    assert found.files == []


class TestPrecedence:
    def test_all_sources_of_one_key_in_order(self, tmp_path: Path) -> None:
        """Environment, Codex, shell files, .env files, OpenCode, Aider: as documented."""
        program(tmp_path / "bin/aider")
        write(tmp_path / ".codex/auth.json", json.dumps({"OPENAI_API_KEY": " sk-codex "}))
        write(tmp_path / ".zshrc", "export OPENAI_API_KEY=sk-zsh\n")
        write(tmp_path / ".profile", "OPENAI_API_KEY=sk-profile\n")
        write(tmp_path / ".env", "OPENAI_API_KEY=sk-dotenv\n")
        write(tmp_path / ".aider.conf.yml", "openai-api-key: sk-aider\n")
        opencode(tmp_path, {"openai": {"type": "api", "key": "sk-opencode"}})
        machine = bare_machine(tmp_path, OPENAI_API_KEY="sk-env", PATH=str(tmp_path / "bin"))
        found = detect(machine, read_dotenv=True)
        assert keys(found, "openai") == [
            ("sk-env", "env"),
            ("sk-codex", "codex_auth_json"),
            ("sk-zsh", "shell_rc"),
            ("sk-profile", "shell_rc"),
            ("sk-dotenv", "dotenv"),
            ("sk-opencode", "opencode_auth_json"),
            ("sk-aider", "aider_yaml"),
            ("sk-dotenv", "aider_dotenv"),
        ]

    def test_azure_variables_keep_their_order(self, tmp_path: Path) -> None:
        """Of two variables of one account the first of the table counts."""
        machine = bare_machine(tmp_path, AZURE_API_KEY="az-2", AZURE_OPENAI_API_KEY="az-1")
        assert [value for value, _ in keys(detect(machine), "azure_openai")] == ["az-1", "az-2"]

    def test_blank_variable_is_unset(self, tmp_path: Path) -> None:
        """A variable with nothing but blanks lets the files speak."""
        write(tmp_path / ".zshrc", "export GROQ_API_KEY=gsk-file")
        machine = bare_machine(tmp_path, GROQ_API_KEY="  ")
        assert keys(detect(machine), "groq") == [("gsk-file", "shell_rc")]

    def test_variable_of_an_account_in_the_settings_is_searched_for(self, tmp_path: Path) -> None:
        """A custom variable is found in shell files, for the account that names it."""
        write(tmp_path / ".bashrc", "export WORK_KEY=sk-work\nexport MOONSHOT_API_KEY=sk-moon\n")
        extra = [
            Variable(name="WORK_KEY", provider_id="openai", account_id="work"),
            Variable(name="MOONSHOT_API_KEY", provider_id="moonshot", account_id="moonshot-cn"),
        ]
        found = detect(bare_machine(tmp_path), extra_variables=extra)
        assert keys(found, "work") == [("sk-work", "shell_rc")]
        assert keys(found, "moonshot-ai") == keys(found, "moonshot-cn") == [("sk-moon", "shell_rc")]


class TestShellFiles:
    def test_every_file_is_read(self, tmp_path: Path) -> None:
        """Named files, then the sorted files of the drop-in directories."""
        names = [
            ".zshenv", ".zprofile", ".zshrc", ".zlogin", ".bash_profile", ".bashrc", ".profile",
            ".config/fish/config.fish", ".zshrc.d/a.zsh", ".zshrc.d/b.zsh", ".bashrc.d/x.sh",
            ".config/fish/conf.d/k.fish",
        ]  # fmt: skip
        for number, name in enumerate(names):
            fish = name.endswith(".fish")
            line = f"set -gx XAI_API_KEY v{number}" if fish else f"export XAI_API_KEY=v{number}"
            write(tmp_path / name, line)
        write(tmp_path / ".zshrc.d/ignored.txt", "export XAI_API_KEY=no")
        found = keys(detect(bare_machine(tmp_path)), "xai")
        assert [value for value, _ in found] == [f"v{number}" for number in range(len(names))]

    def test_last_assignment_of_a_file_counts(self, tmp_path: Path) -> None:
        """As in the shell: somebody who adds a new key below the old one means the new one."""
        write(tmp_path / ".zshrc", "export GROQ_API_KEY=old\nexport GROQ_API_KEY=new\n")
        assert keys(detect(bare_machine(tmp_path)), "groq") == [("new", "shell_rc")]

    def test_can_be_switched_off(self, tmp_path: Path) -> None:
        """With the setting off no shell file is opened, and the report says why."""
        write(tmp_path / ".zshrc", "export GROQ_API_KEY=x")
        found = detect(bare_machine(tmp_path), read_shell_rc=False)
        assert found.keys == []
        skipped = {look.detail for look in found.looks if look.outcome == "skipped"}
        assert "switched off by the setting detect.shell_rc" in skipped

    @pytest.mark.parametrize("kind", ["directory", "fifo", "binary", "huge", "loop"])
    def test_odd_files_cost_only_themselves(self, tmp_path: Path, kind: str) -> None:
        """A directory, a pipe or rubbish in place of a file is told and passed over."""
        odd = tmp_path / ".zshrc"
        if kind == "directory":
            odd.mkdir()
        elif kind == "fifo":
            os.mkfifo(odd)
        elif kind == "binary":
            odd.write_bytes(bytes(range(256)) * 8)
        elif kind == "huge":
            odd.write_bytes(b"x" * ((1 << 20) + 1))
        else:
            odd.symlink_to(odd)
        write(tmp_path / ".profile", "export GROQ_API_KEY=gsk-1")
        found = detect(bare_machine(tmp_path))
        assert keys(found, "groq") == [("gsk-1", "shell_rc")]
        outcome = next(look.outcome for look in found.looks if look.place == str(odd))
        assert outcome == ("missed" if kind == "binary" else "unreadable")


class TestDotenv:
    def test_off_by_default(self, tmp_path: Path) -> None:
        """No `.env` file is opened unless the user asked for it."""
        write(tmp_path / ".env", "GROQ_API_KEY=gsk-env")
        assert detect(bare_machine(tmp_path)).keys == []

    def test_nearest_scope_counts(self, tmp_path: Path) -> None:
        """The directory, then its repository's root, then the home; `/` is nobody's project."""
        project = tmp_path / "work/repo/sub"
        project.mkdir(parents=True)
        write(tmp_path / "work/repo/.git", "gitdir: elsewhere")
        for place, value in ((project, "sub"), (project.parent, "root"), (tmp_path, "home")):
            write(place / ".env", f"GROQ_API_KEY={value}")
        found = detect(bare_machine(tmp_path), read_dotenv=True, directories=["/", str(project)])
        assert [value for value, _ in keys(found, "groq")] == ["sub", "root", "home"]


class TestAider:
    def aider(self, tmp_path: Path, **env: str) -> Machine:
        program(tmp_path / "bin/aider")
        return bare_machine(tmp_path, PATH=str(tmp_path / "bin"), **env)

    def test_ignored_without_the_program(self, tmp_path: Path) -> None:
        """The privacy gate: whoever does not use Aider has no project file opened."""
        write(tmp_path / ".aider.conf.yml", "openai-api-key: sk-1")
        found = detect(bare_machine(tmp_path))
        assert found.keys == []
        assert any("aider was not found" in look.detail for look in found.looks)

    def test_all_ways_to_write_a_key(self, tmp_path: Path) -> None:
        """Scalars, the list of pairs with short names, and unknown or empty entries."""
        write(
            tmp_path / ".aider.conf.yml",
            "openai-api-key: sk-1\nanthropic-api-key: sk-ant\n"
            "api-key:\n  - Grok = xai-1\n  - groq=gsk=2\n  - nobody=planted\n  - mistral=\n  - 7\n"
            "model: x\n",
        )
        found = detect(self.aider(tmp_path))
        assert [(key.account_id, key.value) for key in found.keys] == [
            ("openai", "sk-1"),
            ("anthropic", "sk-ant"),
            ("xai", "xai-1"),
            ("groq", "gsk=2"),
        ]
        assert all("planted" not in look.detail for look in found.looks)

    def test_single_pair_is_accepted(self, tmp_path: Path) -> None:
        """`api-key: a=b` without a list is what people write."""
        write(tmp_path / ".aider.conf.yml", "api-key: zhipuai=z-1")
        assert keys(detect(self.aider(tmp_path)), "zai") == [("z-1", "aider_yaml")]

    @pytest.mark.parametrize("git", ["directory", "file"])
    def test_scopes(self, tmp_path: Path, git: str) -> None:
        """A project's settings beat the home's, its `.env` beats the home's settings, and the
        repository's root is found from below."""
        root = tmp_path / "repo"
        project = root / "a/b"
        project.mkdir(parents=True)
        if git == "directory":
            (root / ".git").mkdir()
        else:
            write(root / ".git", "gitdir: x")
        write(project / ".env", "GROQ_API_KEY=project-env")
        write(root / ".aider.conf.yml", "api-key: [groq=root-yaml]")
        write(tmp_path / ".aider.conf.yml", "api-key: [groq=home-yaml]")
        found = detect(self.aider(tmp_path), directories=[str(project)])
        assert keys(found, "groq") == [
            ("project-env", "aider_dotenv"),
            ("root-yaml", "aider_yaml"),
            ("home-yaml", "aider_yaml"),
        ]

    @pytest.mark.parametrize(
        "text", ["[unclosed", "just text", "- a\n- b", "api-key: {a: b}", "\x00", "&a [*a, *a]"]
    )
    def test_malformed_settings_are_safe(self, tmp_path: Path, text: str) -> None:
        """Whatever stands in the file, nothing is raised and the next scope gets its turn."""
        project = tmp_path / "p"
        write(project / ".aider.conf.yml", text)
        write(tmp_path / ".aider.conf.yml", "api-key: [groq=gsk-1]")
        found = detect(self.aider(tmp_path), directories=[str(project)])
        assert keys(found, "groq") == [("gsk-1", "aider_yaml")]


class TestOpenCode:
    def test_only_api_keys_are_taken(self, tmp_path: Path) -> None:
        """OAuth entries, empty keys, unknown names and odd types are left out one by one."""
        opencode(
            tmp_path,
            {
                "openrouter": {"type": "api", "key": " sk-or "},
                "anthropic": {"type": "oauth", "access": "a", "refresh": "r", "expires": 1},
                "groq": {"type": "api", "key": ""},
                "xai": {"type": "api", "key": 7},
                "mistral": "text",
                "somebody": {"type": "api", "key": "x"},
                "moonshotai": {"type": "api", "key": "sk-moon"},
                "ollama-cloud": {"type": "api", "key": "sk-oll"},
            },
        )
        found = detect(bare_machine(tmp_path))
        assert [(key.account_id, key.value, key.variable) for key in found.keys] == [
            ("moonshot-ai", "sk-moon", ""),
            ("openrouter", "sk-or", ""),
            ("ollama-cloud", "sk-oll", ""),
        ]

    def test_go_key_is_adopted_but_the_other_one_counts(self, tmp_path: Path) -> None:
        """`opencode-go` alone makes the account; with `opencode` beside it that one wins."""
        entry = {"opencode-go": {"type": "api", "key": "go"}}
        path = opencode(tmp_path, entry)
        assert keys(detect(bare_machine(tmp_path)), "opencode") == [("go", "opencode_auth_json")]
        path.write_text(json.dumps({**entry, "opencode": {"type": "api", "key": "zen"}}))
        assert keys(detect(bare_machine(tmp_path)), "opencode") == [("zen", "opencode_auth_json")]

    def test_data_directory_is_honoured(self, tmp_path: Path) -> None:
        """`XDG_DATA_HOME` is looked into first, and the first file that exists decides."""
        opencode(tmp_path, {"groq": {"type": "api", "key": "home"}})
        write(tmp_path / "xdg/opencode/auth.json", '{"groq":{"type":"api","key":"xdg"}}')
        machine = bare_machine(tmp_path, XDG_DATA_HOME=str(tmp_path / "xdg"))
        assert keys(detect(machine), "groq") == [("xdg", "opencode_auth_json")]

    def test_macos_place(self, tmp_path: Path) -> None:
        """On macOS Application Support is looked into, too."""
        place = tmp_path / "Library/Application Support/opencode/auth.json"
        write(place, '{"groq":{"type":"api","key":"mac"}}')
        machine = bare_machine(tmp_path, platform="darwin")
        assert keys(detect(machine), "groq") == [("mac", "opencode_auth_json")]

    @pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "null", '{"groq":[]}'])
    def test_malformed_file_is_safe(self, tmp_path: Path, text: str) -> None:
        """A damaged file gives no key and no exception."""
        opencode(tmp_path, text)
        assert detect(bare_machine(tmp_path)).keys == []


class TestCodex:
    @pytest.mark.parametrize("text", ["{", "[]", '{"OPENAI_API_KEY":null}', '{"tokens":{}}'])
    def test_sign_in_without_key(self, tmp_path: Path, text: str) -> None:
        """A plan's sign-in is no API key, and a damaged file is none either."""
        write(tmp_path / ".codex/auth.json", text)
        assert detect(bare_machine(tmp_path)).keys == []

    def test_other_homes(self, tmp_path: Path) -> None:
        """The comma list of `CODEX_HOME` is followed; the first home with a key counts."""
        write(tmp_path / "b/auth.json", '{"OPENAI_API_KEY":"sk-b"}')
        machine = bare_machine(tmp_path, CODEX_HOME=f"{tmp_path}/a,{tmp_path}/b")
        assert keys(detect(machine), "openai") == [("sk-b", "codex_auth_json")]


class TestSignIns:
    def test_claude_file_in_both_shapes(self, tmp_path: Path) -> None:
        """The nested token of real files and the flat one of old ones are a sign-in."""
        path = tmp_path / ".claude/.credentials.json"
        for document in ({"claudeAiOauth": {"accessToken": "t"}}, {"accessToken": "t"}):
            write(path, json.dumps(document))
            (presence,) = detect(bare_machine(tmp_path)).presences
            assert (presence.account_id, presence.source) == ("claude-code", f"file:{path}")
            assert presence.home == str(tmp_path / ".claude")
        write(path, "{}")
        assert detect(bare_machine(tmp_path)).presences == []

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("github.com:\n  oauth_token: gho_planted\n  user: me\n", True),
            ("github.com:\n  user: me\n  users:\n    me:\n", True),
            ("github.com:\n  users: {}\n", False),
            ("ghe.example.com:\n  oauth_token: x\n", False),
            ("{unclosed", False),
            ("", False),
        ],
    )
    def test_gh(self, tmp_path: Path, text: str, found: bool) -> None:
        """A token in the file, or the names that newer versions leave there, is a sign-in."""
        write(tmp_path / ".config/gh/hosts.yml", text)
        presences = detect(bare_machine(tmp_path)).presences
        assert [presence.account_id for presence in presences] == (["copilot"] if found else [])

    def test_gcloud_tells_but_makes_no_account(self, tmp_path: Path) -> None:
        """Application credentials speak about Gemini's accounts, they do not create them."""
        path = tmp_path / ".config/gcloud/application_default_credentials.json"
        write(path, '{"type":"authorized_user","refresh_token":"r"}')
        presences = detect(bare_machine(tmp_path)).presences
        assert [one.makes_account for one in presences] == [False, False]
        write(path, '{"type":"service_account"}')
        assert detect(bare_machine(tmp_path)).presences == []

    def test_det_09_keychain_is_asked_for_presence_only(self, tmp_path: Path) -> None:
        """Two entries, no option that shows or unlocks, and nothing on other systems."""
        asked: list[list[str]] = []

        def run(command: list[str]) -> int:
            asked.append(command)
            return 0 if "Codex Auth" in command else 44

        found = detect(bare_machine(tmp_path, platform="darwin"), run)
        assert [(one.account_id, one.source) for one in found.presences] == [
            ("codex-cli", "keychain:Codex Auth")
        ]
        assert len(asked) == 2
        assert not {"-g", "-w"} & {part for command in asked for part in command}
        asked.clear()
        detect(bare_machine(tmp_path), run)
        assert asked == []

    def test_keychain_is_asked_every_ten_minutes(self, tmp_path: Path) -> None:
        """Between two probes the last answer stands; a clock set back probes again."""
        now = [NOW]
        asked: list[int] = []

        def run(_command: list[str]) -> int:
            asked.append(now[0])
            return 0

        detector = Detector(bare_machine(tmp_path, platform="darwin"), lambda: now[0], run)
        for moment in (NOW, NOW + 599_999, NOW + 600_000, NOW + 1_000_000, NOW - 1):
            now[0] = moment
            assert len(detector.detect(Wanted(specs=specs())).presences) == 2
        assert sorted(set(asked)) == [NOW - 1, NOW, NOW + 600_000]

    def test_probe_that_hangs_or_is_missing_is_no_answer(self, tmp_path: Path) -> None:
        """A probe without an exit code is told as unreadable."""
        found = detect(bare_machine(tmp_path, platform="darwin"), lambda _command: None)
        assert found.presences == []
        assert "unreadable" in {look.outcome for look in found.looks if look.source == "keychain"}


class TestRuns:
    def test_stamps_tell_of_any_change(self, tmp_path: Path) -> None:
        """A file that appears, changes or goes makes the earlier run outdated."""
        found = detect(bare_machine(tmp_path))
        before = stamps(found.files)
        assert str(tmp_path / ".zshrc") in before
        assert stamps(before) == before
        path = write(tmp_path / ".zshrc", "export GROQ_API_KEY=a")
        changed = stamps(before)
        assert changed != before
        write(path, "export GROQ_API_KEY=ab")
        assert stamps(before) != changed
        path.unlink()
        assert stamps(before) == before

    def test_no_variable_twice(self) -> None:
        """A variable that settings name for the account it belongs to anyway is one variable."""
        known = variables_of(specs())
        extra = Variable(name="GROQ_API_KEY", provider_id="groq", account_id="groq")
        assert variables_of(specs(), [extra]) == known
        assert len({(one.name, one.account_id) for one in known}) == len(known)

    def test_values_show_in_no_repr(self, tmp_path: Path) -> None:
        """A traceback or a log line that holds the result holds no key."""
        machine = bare_machine(tmp_path, GROQ_API_KEY="gsk_planted_000001")
        found = detect(machine)
        assert "planted" not in repr(found)
        assert "planted" not in repr(list(found.keys))
        assert found.keys[0].masked == "gsk_...0001"
