"""What tests of several pages share: models of a hub on this machine, offered in the pages' lists."""

import pytest
import streamlit as st

from finsent.models.base import MODELS
from pages.shared import background


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Let a page wait for what it computes in the background, since AppTest shows it once."""
    monkeypatch.setattr(background, "PATIENCE", 60.0)


@pytest.fixture
def on_the_hub(local_hub, monkeypatch):
    """Put a model of the hub's into the list of models (AppTest knows values from the list alone); nothing is kept."""
    st.cache_data.clear()

    def name(repository: str) -> str:
        monkeypatch.setitem(MODELS, repository, repository)
        return repository

    return name
