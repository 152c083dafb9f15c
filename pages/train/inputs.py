"""The input of each setting in the form of a run, by its kind."""

import math
from collections.abc import Callable
from typing import Any, TypedDict

import streamlit as st

from finsent.recipe_form import Kind, Setting
from pages.shared.lasting import hold
from pages.train.state import change


class _Shared(TypedDict):
    """What every input of a setting is given alike."""

    key: str
    help: str
    on_change: Callable[..., None]
    args: tuple[Any, ...]


def show_input(setting: Setting, start: Any, now: Any, key: str) -> None:
    """Show one setting; ``start`` is its value at the start, and ``now`` the form's."""
    shown = _as_shown(setting.kind, now)
    hold(key, shown)
    reason = setting.reason + (f" Valid: {setting.range}." if setting.range else "")
    shared = _Shared(key=key, help=reason, on_change=_setting_changed, args=(key, setting, start))
    match setting.kind:
        case "flag":
            st.toggle(setting.title, value=shown, **shared)
        case "choice":
            st.selectbox(setting.title, setting.options, index=list(setting.options).index(shown), **shared)
        case "choices":
            st.multiselect(setting.title, setting.options, default=shown, **shared)
        case "integer":
            low, high = setting.low, setting.high
            st.number_input(
                setting.title,
                value=shown,
                min_value=None if low is None else int(low),
                max_value=None if high is None else int(high),
                step=1,
                placeholder="all" if setting.optional else None,
                **shared,
            )
        case "number":
            st.number_input(
                setting.title,
                value=shown,
                min_value=None if setting.low is None else float(setting.low),
                max_value=None if setting.high is None else float(setting.high),
                step=_step(start),
                format="%g",
                **shared,
            )
        case _:
            st.text_input(setting.title, value=shown, **shared)


def _as_shown(kind: Kind, value: Any) -> Any:
    """Return a setting's value as its widget has it."""
    if kind == "choices":
        return list(value)
    return float(value) if kind == "number" else value


def _setting_changed(key: str, setting: Setting, start: Any) -> None:
    value = st.session_state[key]
    match setting.kind:
        case "choices":
            value = tuple(value)
        case "number":
            # The +/- buttons add in binary; what the visitor reads is what counts.
            value = float(f"{value:.10g}")
        case "choice":
            value = start if value is None else value
    change(setting.name, value)


def _step(start: float) -> float:
    return 10.0 ** math.floor(math.log10(start)) if start else 0.01
