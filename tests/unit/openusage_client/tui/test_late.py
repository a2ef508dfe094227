"""What the start of the dashboard imports, and what waits until it is looked at."""

from __future__ import annotations

import subprocess
import sys

from openusage_client.tui.late import late

LATER = (
    "openusage_client.tui.analytics.commands",
    "openusage_client.tui.detail.commands",
    "openusage_client.tui.sessions.commands",
    "openusage_client.tui.settings.commands",
    "openusage_client.tui.views.analytics",
    "openusage_client.tui.views.detail",
    "openusage_client.tui.views.explained",
    "openusage_client.tui.views.help",
    "openusage_client.tui.views.sessions_list",
    "openusage_client.tui.views.settings_screen",
    "openusage_proto.activity_messages",
    "openusage_proto.analytics_messages",
    "openusage_proto.explain_messages",
    "openusage_proto.integration_messages",
    "openusage_proto.price_messages",
    "openusage_proto.session_messages",
    "openusage_proto.setup_messages",
)


def test_the_first_screen_imports_no_other():
    """Half of the start would be spent on screens that nobody has opened yet."""
    program = "import sys, openusage_client.tui.app; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert set(done.stdout.split()) & set(LATER) == set()


def test_a_late_function_is_the_one_of_its_module():
    """Arguments go in and the answer comes out as if it had been imported."""
    assert late("text", "clip")("abcdef", 4) == "abc…"
    assert late("text", "pad")("a", 3, align=">") == "  a"
