"""Answers about detection and accounts, for tests of the client."""

from __future__ import annotations

from openusage_proto.line_messages import LineCatalog, LineName, LinePreset
from openusage_proto.messages import AccountInfo, Accounts, ProviderInfo, Providers, Widget
from openusage_proto.privacy_messages import AlertWay, Privacy, ServicePrivacy
from openusage_proto.setup_messages import (
    CredentialResult,
    DetectedAccount,
    DetectedTool,
    DetectionSource,
    DetectResult,
    MissingProvider,
)


def detection() -> DetectResult:
    """A machine with a tool, keys of every kind and things that are missing."""
    return DetectResult(
        detected_at="2026-03-07T09:30:00.000Z",
        tools=[
            DetectedTool(
                provider_id="claude_code", title="Claude Code", kind="agent",
                binary="/usr/local/bin/claude", records=["/home/user/.claude"],
            ),
            DetectedTool(provider_id="roocode", title="Roo Code", kind="ide"),
        ],
        accounts=[
            DetectedAccount(
                account_id="openrouter", provider_id="openrouter", title="OpenRouter",
                auth="api_key", origin="opencode_auth_json", credential="sk-o...24ff",
                source="opencode_auth_json",
                why=["key sk-o...24ff from opencode_auth_json"],
            ),
            DetectedAccount(
                account_id="groq", provider_id="groq", title="Groq", auth="api_key",
                origin="env:GROQ_API_KEY", credential="gsk_...9f3a", variable="GROQ_API_KEY",
                source="env", why=["key gsk_...9f3a in $GROQ_API_KEY from env"],
            ),
            DetectedAccount(
                account_id="ollama-local", provider_id="ollama", title="Ollama", auth="local",
                origin="default", variable="OLLAMA_API_KEY", home="/home/user/.ollama",
                why=["has records in /home/user/.ollama"],
            ),
            DetectedAccount(
                account_id="work", provider_id="openai", title="Work", auth="api_key",
                origin="settings", variable="WORK_KEY", why=["configured in settings.json"],
            ),
            DetectedAccount(
                account_id="claude-code", provider_id="claude_code", title="Claude Code",
                auth="oauth", origin="default", home="/home/user/.claude",
            ),
        ],
        missing=[
            MissingProvider(
                provider_id="anthropic", title="Anthropic",
                looked=["env $ANTHROPIC_API_KEY: missed"], setup="Set ANTHROPIC_API_KEY.",
            ),
            MissingProvider(provider_id="zed", title="Zed"),
        ],
        sources=[
            DetectionSource(source="env", place="$ANTHROPIC_API_KEY", outcome="missed"),
            DetectionSource(
                source="shell_rc", place="/home/user/.zshrc", outcome="matched",
                detail="GROQ_API_KEY",
            ),
        ],
        providers=["anthropic", "claude_code", "groq", "ollama", "openai", "openrouter", "zed"],
        warnings=["/home/user/.config/openusage/credentials.json: not JSON; no stored key is used"],
    )  # fmt: skip


def providers() -> Providers:
    """Three kinds of service, one from a plug-in."""
    nothing = Widget()
    given = [
        ("zed", "Zed", "ide", "local", ["tokens", "history"], [], "not found", "built-in"),
        ("groq", "Groq", "api", "api_key", ["quota"], ["groq", "work"], "sign in again", "built-in"),
        ("acme", "Acme", "api", "api_key", ["spend"], [], "not found", "openusage-acme 1.0"),
        (
            "claude_code", "Claude Code", "agent", "oauth",
            ["quota", "spend", "tokens", "history", "hooks"], ["claude-code"], "ok", "built-in",
        ),
        ("perplexity", "Perplexity", "api", "cookie", ["spend"], [], "not found", "built-in"),
    ]  # fmt: skip
    return Providers(
        providers=[
            ProviderInfo(
                id=ident,
                title=title,
                kind=kind,
                auth=auth,
                description="",
                capabilities=capabilities,
                dashboard_widget=nothing,
                detail_widget=nothing,
                accounts=accounts,
                state=state,
                origin=origin,
                cookie_domain=".perplexity.ai" if ident == "perplexity" else "",
                cookie_name="session-token" if ident == "perplexity" else "",
            )
            for ident, title, kind, auth, capabilities, accounts, state, origin in given
        ]
    )


def accounts() -> Accounts:
    """Accounts of every origin."""
    return Accounts(
        accounts=[
            AccountInfo(
                account_id="claude-code", provider_id="claude_code", title="Claude Code",
                home="/home/user/.claude", origin="default", enabled=True, auth="oauth",
                status="OK",
            ),
            AccountInfo(
                account_id="groq", provider_id="groq", title="Groq", home="",
                origin="env:GROQ_API_KEY", enabled=True, auth="api_key", status="AUTH_REQUIRED",
                credential="gsk_...9f3a", variable="GROQ_API_KEY", source="env",
                unused_sources=["credentials.json"],
            ),
            AccountInfo(
                account_id="work", provider_id="openai", title="Work", home="", origin="settings",
                enabled=True, auth="api_key", base_url="https://gw.example.com/v1",
                variable="WORK_KEY", source="",
            ),
            AccountInfo(
                account_id="mistral", provider_id="mistral", title="Mistral", home="",
                origin="settings", enabled=True, auth="api_key", credential="****",
                source="credentials.json",
            ),
            AccountInfo(
                account_id="old", provider_id="", title="old", home="", origin="settings",
                enabled=False,
            ),
        ]
    )  # fmt: skip


def stored(**more: object) -> CredentialResult:
    """The answer to a key that was checked and stored."""
    given = {
        "account_id": "groq",
        "provider_id": "groq",
        "stored": True,
        "credential": "gsk_...9f3a",
        "status": "OK",
    }
    return CredentialResult(**{**given, **more})  # type: ignore[arg-type]


def privacy() -> Privacy:
    """One service of the machine, one that is not on it, and a way for alerts."""
    return Privacy(
        services=[
            ServicePrivacy(
                id="claude_code",
                title="Claude Code",
                reads="transcripts of its sessions: ids, times, models and token counts of each"
                " response; the plan's limits when it is signed in",
                environment=["CLAUDE_CONFIG_DIR"],
                hosts=["api.anthropic.com"],
                headers=["Authorization", "anthropic-beta"],
                places=["/home/me/.claude", "/home/me/code/with a long name/.claude"],
                found=True,
            ),
            ServicePrivacy(
                id="perplexity", title="Perplexity", reads="nothing on this machine", cookie=True
            ),
        ],
        other_hosts=["prices.example.com"],
        stored_event_fields=["source", "ts_ms", "model", "session_id", "input", "output"],
        stored_snapshot_fields=["provider_id", "account_id", "metrics"],
        never_stored=["prompts", "answers", "what tools read or wrote"],
        alert_ways=[AlertWay(name="desktop", target="notify-send")],
        alert_fields=["rule", "account", "text"],
    )


def line_catalog() -> LineCatalog:
    """Two presets, and a name of each kind that templates may use."""
    return LineCatalog(
        presets=[
            LinePreset(
                name="compact",
                description="what is tight and what today cost",
                format="{provider:icon}{?block_pct: {block_pct}}",
                glyphs="unicode",
                sample="✳ 42% wk 17% ≈$3.10",
            ),
            LinePreset(
                name="ascii-safe",
                description="for any terminal",
                format="[{provider:upper}] {today_cost}",
                glyphs="ascii",
                sample="[CLAUDE_CODE] ~$3.10 5h 42% burn ~$1.20/h ctx 48% and more of it than fits",
            ),
        ],
        variables=[
            LineName(
                name="today_cost",
                kind="money",
                description="cost since local midnight, by list prices",
                value="≈$3.10",
            ),
            LineName(name="plan_pct", kind="percent", description="used of the plan's month"),
        ],
        segments=[
            LineName(
                name="block",
                kind="segment",
                description="the 5-hour block that runs: what it cost and what is left of it",
                value="≈$1.05 2h41m left",
            )
        ],
        modifiers=[
            LineName(name="bar", kind="modifier", description="a bar; width and style may follow")
        ],
        statusline_segments=[
            LineName(name="model", kind="segment", description="the model in use")
        ],
    )
