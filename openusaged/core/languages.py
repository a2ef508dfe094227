"""
File path to language name, for the language breakdown of tool events.

One table for every reader, so that the same file counts under the same name whichever tool
touched it.  By name only: nothing is opened.
"""

from __future__ import annotations

from typing import Final

_BY_EXTENSION: Final[dict[str, str]] = {
    extension: language
    for language, extensions in {
        "c": "c h",
        "clojure": "clj cljc cljs",
        "cpp": "cc cpp cxx hh hpp hxx",
        "csharp": "cs",
        "css": "css less sass scss",
        "dart": "dart",
        "docker": "dockerfile",
        "elixir": "ex exs",
        "erlang": "erl hrl",
        "go": "go",
        "graphql": "gql graphql",
        "haskell": "hs",
        "html": "htm html",
        "java": "java",
        "javascript": "cjs js jsx mjs",
        "json": "json json5 jsonc",
        "jupyter": "ipynb",
        "kotlin": "kt kts",
        "lua": "lua",
        "make": "mk",
        "markdown": "markdown md mdx",
        "nix": "nix",
        "perl": "pl pm",
        "php": "php",
        "protobuf": "proto",
        "python": "py pyi",
        "r": "r",
        "ruby": "rb",
        "rust": "rs",
        "scala": "scala",
        "shell": "bash fish ksh sh zsh",
        "sql": "sql",
        "svelte": "svelte",
        "swift": "swift",
        "terraform": "hcl tf tfvars",
        "toml": "toml",
        "typescript": "cts mts ts tsx",
        "vue": "vue",
        "xml": "xml",
        "yaml": "yaml yml",
        "zig": "zig",
    }.items()
    for extension in extensions.split()
}

_BY_NAME: Final[dict[str, str]] = {
    "containerfile": "docker",
    "dockerfile": "docker",
    "gnumakefile": "make",
    "makefile": "make",
}


def language_of(path: str) -> str:
    """
    The language of the file at `path` by its name: `python`, `typescript`, `docker` ...

    Takes both separators, any case, and a bare extension with its dot (`.py`), which is all a hook
    sends.  Empty when the name says nothing.
    """
    name = path[path.rfind("/") + 1 :]
    if "\\" in name:
        name = name[name.rfind("\\") + 1 :]
    stem, dot, extension = name.rpartition(".")
    language = _BY_EXTENSION.get(extension) if dot else None
    if language is not None:
        return language
    name = name.lower()
    stem, dot, extension = name.rpartition(".")
    if not dot:
        return _BY_NAME.get(name, "")
    language = _BY_EXTENSION.get(extension)
    # `Dockerfile.dev` and `Makefile.am` are what their stem says.
    return language if language is not None else _BY_NAME.get(stem.partition(".")[0], "")
