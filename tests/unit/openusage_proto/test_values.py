"""Values that get their methods late are dataclasses in every respect that anybody can see."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import threading
from dataclasses import field
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusage_proto import values


def pair(**options: bool) -> tuple[type, type]:
    """The same class by the standard library and by ours."""

    def define(decorator: Any) -> type:
        @decorator(frozen=True, slots=True, **options)
        class Value:
            """What it holds."""

            name: str
            count: int = 3
            tags: list[str] = field(default_factory=list, compare=False)
            secret: str = field(default="s", repr=False)

            @property
            def double(self) -> int:
                return 2 * self.count

        return Value

    return define(dataclasses.dataclass), define(values.dataclass)


@values.dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A value of this module, so that pickle finds it."""

    number: int = 1


@values.dataclass(frozen=True, slots=True, kw_only=True)
class Derived(Base):
    """One that inherits."""

    text: str

    def __repr__(self) -> str:
        return f"<{self.text}>"


GIVEN = st.fixed_dictionaries(
    {"name": st.text()},
    optional={"count": st.integers(), "tags": st.lists(st.text()), "secret": st.text()},
)


@given(one=GIVEN, other=GIVEN, kw_only=st.booleans())
def test_it_is_what_the_standard_library_makes(
    one: dict[str, Any], other: dict[str, Any], kw_only: bool
) -> None:
    """Values, texts, equality, hashes, copies and JSON are those of an ordinary dataclass."""
    theirs, ours = pair(kw_only=kw_only)
    a, b = theirs(**one), ours(**one)
    assert dataclasses.asdict(b) == dataclasses.asdict(a)
    assert repr(b) == repr(a)
    assert hash(b) == hash(a)
    assert b.double == a.double
    assert (b == ours(**other)) == (a == theirs(**other))
    assert dataclasses.replace(b, count=9) == ours(**{**one, "count": 9})
    assert copy.copy(b) == copy.deepcopy(b) == b != a
    assert msgspec.json.encode(b) == msgspec.json.encode(a)
    assert msgspec.convert(one, ours) == b
    assert ours.__match_args__ == theirs.__match_args__
    assert ours.__slots__ == theirs.__slots__
    assert [f.name for f in dataclasses.fields(ours)] == [f.name for f in dataclasses.fields(a)]


@pytest.mark.parametrize("first", ["repr", "eq", "hash", "init"])
def test_any_method_may_be_the_first(first: str) -> None:
    """Objects that msgspec makes without a constructor are complete, too."""
    _, ours = pair()
    made = msgspec.convert({"name": "x"}, ours)
    if first == "repr":
        assert repr(made).endswith("Value(name='x', count=3, tags=[])")
    elif first == "hash":
        assert hash(made) == hash(("x", 3, "s"))
    elif first == "eq":
        assert made == msgspec.convert({"name": "x"}, ours)
        assert made != 1
    assert ours("x") == made


def test_wrong_arguments_are_refused() -> None:
    """As by an ordinary dataclass, on the first call and on every other."""
    for ours in (pair(kw_only=True)[1], pair()[1]):
        for _ in range(2):
            with pytest.raises(TypeError, match="missing 1 required"):
                ours()
            with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
                ours(name="x", colour="red")
    with pytest.raises(TypeError, match="positional"):
        pair(kw_only=True)[1]("x")


def test_it_is_frozen() -> None:
    """Nothing can be assigned or deleted, known or unknown."""
    value = pair()[1]("x")
    for name in ("name", "other"):
        with pytest.raises(dataclasses.FrozenInstanceError, match=name):
            setattr(value, name, 1)
        with pytest.raises(dataclasses.FrozenInstanceError, match=name):
            delattr(value, name)


def test_inheritance_and_own_methods() -> None:
    """Fields are inherited, methods of the class body stay."""
    value = Derived(text="x", number=2)
    assert repr(value) == "<x>"
    assert (value.number, Base().number) == (2, 1)
    assert Derived(text="x") != Base()
    assert pickle.loads(pickle.dumps(value)) == value


def test_other_kinds_are_left_to_the_standard_library() -> None:
    """What is not frozen or has no slots is a mistake here, not something half right."""
    with pytest.raises(TypeError, match="only frozen"):
        values.dataclass(frozen=False, slots=True)


def test_threads_may_race_for_the_first_use() -> None:
    """Whoever comes second finds finished methods."""
    _, ours = pair()
    barrier = threading.Barrier(8)
    made: list[Any] = []

    def make() -> None:
        barrier.wait()
        made.append(ours("x", 4))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [ours("x", 4)] * 8
