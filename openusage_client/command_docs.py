"""
The command line described from its own parsers: for shells to complete and for `man` to show.

Nothing is written twice: what `--help` says is what the pages and the completions say.
"""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from openusage_client.cli import COMMANDS, parser_of, top_parser


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One flag."""

    names: tuple[str, ...]
    metavar: str
    """Empty for a switch."""
    help: str
    choices: tuple[str, ...] = ()
    is_file: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandDoc:
    """One command; the name is empty for the program without a command."""

    name: str
    summary: str
    usage: str
    flags: tuple[Flag, ...]
    actions: tuple[str, ...]
    """Words that may stand first behind it."""
    epilog: str


def commands() -> list[CommandDoc]:
    """Every command, the program itself first."""
    docs = [_doc("", "tokens, cost and limits of AI coding tools", top_parser())]
    for command in COMMANDS:
        module = importlib.import_module(f"openusage_client.commands.{command.module}")
        docs.append(_doc(command.name, command.summary, parser_of(command, module)))
    return docs


def _doc(name: str, summary: str, parser: argparse.ArgumentParser) -> CommandDoc:
    flags, words = [], list[str]()
    for action in parser._actions:  # noqa: SLF001  # argparse has no public way to look
        if action.help == argparse.SUPPRESS:
            continue
        choices = tuple(str(choice) for choice in action.choices or ())
        if not action.option_strings:
            words += choices
            continue
        takes = action.nargs != 0
        metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
        flags.append(
            Flag(
                names=tuple(action.option_strings),
                metavar=metavar if takes else "",
                help=(action.help or "").replace("%%", "%"),
                choices=choices,
                is_file=takes and metavar in ("FILE", "DIR", "PATH"),
            )
        )
    return CommandDoc(
        name=name,
        summary=summary,
        usage=" ".join(parser.format_usage().removeprefix("usage: ").split()),
        flags=tuple(flags),
        actions=tuple(words),
        epilog=parser.epilog or "",
    )


# ------------------------------------------------------------------ completion


def bash() -> str:
    """Completion for bash."""
    docs = commands()
    names = " ".join(doc.name for doc in docs if doc.name)
    cases = "\n".join(
        f"    {doc.name or chr(34) * 2}) words={_quoted(' '.join(_words(doc)))} ;;" for doc in docs
    )
    values = "\n".join(
        f"    {doc.name or chr(34) * 2}:{name}) words={_quoted(' '.join(flag.choices))} ;;"
        for doc in docs
        for flag in doc.flags
        if flag.choices
        for name in flag.names
    )
    files = "|".join(sorted({n for d in docs for f in d.flags if f.is_file for n in f.names}))
    return f"""\
# bash completion for openusage; load it with: eval "$(openusage completion bash)"
_openusage() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
  local command="" words=""
  local commands={_quoted(names)} at
  for ((at = 1; at < COMP_CWORD; at++)); do
    if [[ " $commands " == *" ${{COMP_WORDS[at]}} "* ]]; then command=${{COMP_WORDS[at]}}; break; fi
  done
  COMPREPLY=()
  case $previous in
    {files or "--"}) compopt -o default 2>/dev/null; return ;;
  esac
  case "$command:$previous" in
{values}
  esac
  if [[ -z $words ]]; then
    case $command in
{cases}
    esac
    if [[ -z $command ]]; then words="$commands $words"; fi
  fi
  # not mapfile: the bash of macOS is 3.2; the words have neither blanks nor wildcards
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -F _openusage openusage
"""


def zsh() -> str:
    """Completion for zsh."""
    docs = commands()
    names = "\n".join(f"    {_quoted(f'{d.name}:{_flat(d.summary)}')}" for d in docs if d.name)
    cases = "\n".join(
        f"    {doc.name or '*'}) _arguments -s {_zsh_arguments(doc)} ;;"
        for doc in [*docs[1:], docs[0]]
    )
    return f"""\
#compdef openusage
# zsh completion for openusage: put this on $fpath as _openusage, or:
#   eval "$(openusage completion zsh)"
_openusage() {{
  local -a commands
  commands=(
{names}
  )
  local command=${{words[2]}}
  if (( CURRENT == 2 )) && [[ $command != -* ]]; then
    _describe command commands
    return
  fi
  if [[ $command != -* ]]; then
    shift words
    (( CURRENT-- ))
  fi
  case $command in
{cases}
  esac
}}
if [[ $funcstack[1] == _openusage ]]; then _openusage "$@"; else compdef _openusage openusage; fi
"""


def _zsh_arguments(doc: CommandDoc) -> str:
    words = []
    for flag in doc.flags:
        text = _flat(flag.help).replace("[", "(").replace("]", ")").replace(":", "\\:")
        value = ""
        if flag.metavar:
            how = f"({' '.join(flag.choices)})" if flag.choices else "_files" * flag.is_file
            value = f":{flag.metavar.replace(':', '')}:{how or ' '}"
        words += [_quoted(f"{name}[{text}]{value}") for name in flag.names]
    if doc.actions:
        words.append(_quoted(f"1:action:({' '.join(doc.actions)})"))
    return " ".join(words)


def fish() -> str:
    """Completion for fish."""
    docs = commands()
    names = " ".join(doc.name for doc in docs if doc.name)
    lines = [
        "# fish completion for openusage; load it with: openusage completion fish | source",
        "complete -c openusage -f",
        f"set -l commands {names}",
    ]
    none = "not __fish_seen_subcommand_from $commands"
    for doc in docs:
        condition = f"__fish_seen_subcommand_from {doc.name}" if doc.name else none
        if doc.name:
            lines.append(
                f'complete -c openusage -n "{none}" -a {doc.name} -d {_quoted(_flat(doc.summary))}'
            )
        if doc.actions:
            lines.append(
                f'complete -c openusage -n "{condition}" -a {_quoted(" ".join(doc.actions))}'
            )
        for flag in doc.flags:
            parts = [f'complete -c openusage -n "{condition}"']
            parts += [f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}" for n in flag.names]
            parts.append(f"-d {_quoted(_flat(flag.help))}")
            if flag.metavar:
                parts.append("-rF" if flag.is_file else "-x")
            if flag.choices:
                parts.append(f"-a {_quoted(' '.join(flag.choices))}")
            lines.append(" ".join(parts))
    return "\n".join(lines) + "\n"


SHELLS: Final = {"bash": bash, "zsh": zsh, "fish": fish}


def _words(doc: CommandDoc) -> Iterator[str]:
    yield from doc.actions
    for flag in doc.flags:
        yield from flag.names


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _flat(text: str) -> str:
    return " ".join(text.split())


# ------------------------------------------------------------------ man pages


def man_pages() -> dict[str, str]:
    """Roff by file name, one page per command."""
    docs = commands()
    pages = {f"openusage-{doc.name}.1": man_page(doc) for doc in docs if doc.name}
    return {"openusage.1": man_page(docs[0], docs[1:]), **pages}


def man_page(doc: CommandDoc, others: Sequence[CommandDoc] = ()) -> str:
    """One page."""
    name = f"openusage-{doc.name}" if doc.name else "openusage"
    lines = [
        f'.TH "{name.upper()}" 1 "" "openusage" "User Commands"',
        *(".SH NAME", f"{_roff(name)} \\- {_roff(doc.summary)}"),
        *(".SH SYNOPSIS", f".B {_roff(doc.usage)}"),
    ]
    if others:
        lines.append(".SH COMMANDS")
        for other in others:
            lines += [".TP", f".B {_roff(other.name)}", _roff(other.summary)]
    lines.append(".SH OPTIONS")
    for flag in doc.flags:
        shown = ", ".join(flag.names)
        value = "{" + ",".join(flag.choices) + "}" if flag.choices else flag.metavar
        lines += [".TP", f".B {_roff(f'{shown} {value}'.strip())}", _roff(flag.help) or "\\&"]
    if doc.epilog.strip():
        lines += [".SH NOTES", ".nf", *(_roff(line) for line in doc.epilog.splitlines()), ".fi"]
    if doc.name:
        lines += [".SH SEE ALSO", ".BR openusage (1)"]
    return "\n".join(lines) + "\n"


def _roff(text: str) -> str:
    escaped = re.sub(r"\\", r"\\e", text).replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
