"""The answer of `privacy`: what is read, asked, sent and stored."""

from __future__ import annotations

from dataclasses import field

from openusage_proto.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyParams:
    """No parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePrivacy:
    """One service: what of it is read on this machine, and who is asked with which headers."""

    id: str
    title: str
    reads: str
    environment: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    """Directories and files of the accounts that were found."""
    cookie: bool = False
    """Whether one cookie of a browser is used after the user has connected it."""
    found: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertWay:
    """A way alerts go out: its name, and the program or the host."""

    name: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """Everything the daemon reads, asks, sends and stores."""

    services: list[ServicePrivacy]
    other_hosts: list[str]
    """Asked for prices, not about usage; `pricing.refresh` in the settings switches it off."""
    stored_event_fields: list[str]
    stored_snapshot_fields: list[str]
    never_stored: list[str]
    alert_ways: list[AlertWay] = field(default_factory=list)
    """How alerts leave the daemon as the settings are; none while alerts are off."""
    alert_fields: list[str] = field(default_factory=list)
    """Everything an alert can carry, to a command or a webhook."""
