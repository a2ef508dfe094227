"""The page's style sheet: light and dark by the reader's own setting, or by the switch on top."""

from __future__ import annotations

from typing import Final

_LIGHT: Final = (
    "--bg:#fff;--fg:#1f2328;--dim:#59636e;--line:#d1d9e0;--card:#f6f8fa;--good:#1a7f37;"
    "--warn:#9a6700;--bad:#cf222e;--h0:#ebedf0;--h1:#c6dbef;--h2:#6baed6;--h3:#2171b5;--h4:#08306b;"
    "--s0:#0969da;--s1:#bf8700;--s2:#1a7f37;--s3:#8250df;--s4:#cf222e;--s5:#1b7c83;--s6:#818b98;"
)
_DARK: Final = (
    "--bg:#0d1117;--fg:#e6edf3;--dim:#9198a1;--line:#3d444d;--card:#151b23;--good:#3fb950;"
    "--warn:#d29922;--bad:#f85149;--h0:#1c2128;--h1:#0b3a66;--h2:#15609f;--h3:#388bfd;--h4:#a5d6ff;"
    "--s0:#58a6ff;--s1:#e3b341;--s2:#56d364;--s3:#bc8cff;--s4:#ff7b72;--s5:#39c5cf;--s6:#6e7681;"
)
_COLOURS: Final = "".join(f".s{n}{{fill:var(--s{n})}}" for n in range(7)) + "".join(
    f".h{n}{{fill:var(--h{n})}}" for n in range(5)
)

STYLE: Final = (
    f":root{{color-scheme:light;{_LIGHT}}}"
    f"@media(prefers-color-scheme:dark){{:root{{color-scheme:dark;{_DARK}}}}}"
    f":root:has(#light:checked){{color-scheme:light;{_LIGHT}}}"
    f":root:has(#dark:checked){{color-scheme:dark;{_DARK}}}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;max-width:1000px;padding:24px 16px 64px;background:var(--bg);"
    "color:var(--fg);font:15px/1.5 system-ui,sans-serif}"
    "h1{font-size:26px;margin:0}h2{font-size:18px;margin:36px 0 8px}"
    "header{display:flex;flex-wrap:wrap;gap:4px 24px;align-items:baseline;"
    "justify-content:space-between}"
    ".dim,caption,footer{color:var(--dim)}"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:12px;"
    "margin:20px 0}"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px}"
    ".card b{display:block;font-size:19px;white-space:nowrap}"
    "svg{display:block;width:100%;height:auto}"
    "svg.meter{height:8px;min-width:120px}svg.share{height:8px;width:80px}"
    ".grid{stroke:var(--line);stroke-width:1}.axis{fill:var(--dim);font-size:11px}"
    ".track{fill:var(--line)}.good{fill:var(--good)}.warn{fill:var(--warn)}.bad{fill:var(--bad)}"
    f"{_COLOURS}"
    ".legend{display:flex;flex-wrap:wrap;gap:4px 16px;margin:8px 0 0;padding:0;list-style:none}"
    ".legend svg{display:inline-block;width:10px;height:10px;margin-right:6px}"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}"
    "th,td{padding:5px 10px 5px 0;border-bottom:1px solid var(--line);text-align:left}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "td{overflow-wrap:anywhere}.badge{border:1px solid currentColor;border-radius:9px;"
    "padding:0 8px;font-size:12px}"
    "fieldset{border:0;padding:0;margin:0}label{margin-left:8px}"
    "@media print{fieldset{display:none}body{max-width:none}}"
)
