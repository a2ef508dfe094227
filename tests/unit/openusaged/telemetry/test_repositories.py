"""Working directories lead to their repository, worktrees to the main one."""

from __future__ import annotations

from pathlib import Path

from openusaged.telemetry.repositories import KEEP_S, MAX_KNOWN, Repositories


def test_sub_directory_belongs_to_its_repository(tmp_path: Path) -> None:
    """Anything below a directory with `.git` is that project."""
    (tmp_path / "shop" / ".git").mkdir(parents=True)
    (tmp_path / "shop" / "src" / "deep").mkdir(parents=True)
    assert Repositories().project_of(str(tmp_path / "shop/src/deep")) == str(tmp_path / "shop")


def test_deleted_sub_directory_still_counts(tmp_path: Path) -> None:
    """A directory that is gone is looked for upwards from where it was."""
    (tmp_path / "shop" / ".git").mkdir(parents=True)
    assert Repositories().project_of(str(tmp_path / "shop/gone/deeper")) == str(tmp_path / "shop")


def test_worktree_folds_into_its_repository(tmp_path: Path) -> None:
    """A linked worktree is the main repository's project, also when its link is relative."""
    (tmp_path / "shop" / ".git" / "worktrees" / "fix").mkdir(parents=True)
    for name, target in (
        ("fix", f"{tmp_path}/shop/.git/worktrees/fix"),
        ("rel", "../shop/.git/worktrees/fix"),
    ):
        tree = tmp_path / name
        tree.mkdir()
        (tree / ".git").write_text(f"gitdir: {target}\n")
        assert Repositories().project_of(str(tree)) == str(tmp_path / "shop")


def test_submodule_is_a_project_of_its_own(tmp_path: Path) -> None:
    """A `.git` file that is no worktree marks its own directory."""
    module = tmp_path / "shop" / "lib"
    module.mkdir(parents=True)
    for text in ("gitdir: ../.git/modules/lib\n", "nonsense"):
        (module / ".git").write_text(text)
        assert Repositories().project_of(str(module)) == str(module)


def test_outside_a_repository_the_directory_is_the_project(tmp_path: Path) -> None:
    """Without a repository the working directory stands for itself; no directory stays unknown."""
    repositories = Repositories()
    assert repositories.project_of(str(tmp_path) + "/") == str(tmp_path)
    assert repositories.project_of("/") == "/"
    assert repositories.project_of("") == ""
    assert repositories.project_of("relative") == "relative"
    assert repositories.project_of("/bad\0path") == "/bad\0path"


def test_answers_are_kept_for_a_while(tmp_path: Path) -> None:
    """A repository that appears is noticed once the kept answer has expired."""
    now = [0.0]
    repositories = Repositories(lambda: now[0])
    cwd = str(tmp_path / "new" / "src")
    assert repositories.project_of(cwd) == cwd
    (tmp_path / "new" / ".git").mkdir(parents=True)
    assert repositories.project_of(cwd) == cwd
    now[0] = KEEP_S + 1
    assert repositories.project_of(cwd) == str(tmp_path / "new")


def test_memory_is_bounded() -> None:
    """However many directories are asked for, few are remembered."""
    repositories = Repositories()
    for number in range(MAX_KNOWN + 10):
        repositories.project_of(f"/nowhere/{number}")
    assert len(repositories._known) <= MAX_KNOWN


def test_unreadable_worktree_link(tmp_path: Path) -> None:
    """A `.git` that is neither file nor directory is passed over."""
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / ".git").symlink_to(tmp_path / "nowhere")
    assert Repositories().project_of(str(tmp_path / "x")) == str(tmp_path / "x")
