"""What every page stands in: page set-up, navigation, and the two lines above each page; streamlit_app.py starts it."""

from importlib import import_module
from pathlib import Path
from threading import Thread

import streamlit as st

from finsent.hub import last_answer
from finsent.machine import World, look_around
from finsent.runs.store import at_work
from pages.shared import places
from pages.shared.access import show_access
from pages.shared.badge import active_run_badge
from pages.shared.opened import come_to
from pages.shared.pressed import whole_run
from pages.shared.runs_now import read_runs
from pages.shared.typed import remember_link
from pages.shared.ui import plain_badge, user_errors
from pages.train.state import forget_link

#: What curves, charts and intervals need; a second in all, once in a server's life.
SLOW_IMPORTS = ("plotly.graph_objects", "tensorboard.compat.proto.event_pb2", "statsmodels.stats.proportion")


@st.cache_resource(show_spinner=False)
def import_ahead() -> None:
    """Import what most pages need while the reader looks at the first one, so that the second need not wait."""
    Thread(target=lambda: [import_module(name) for name in SLOW_IMPORTS], daemon=True).start()


def show_world(world: World) -> None:
    with world_badge:
        plain_badge(world.title, ":material/cloud:" if world.hub else ":material/inventory_2:", "gray")


remember_link()
# A file of our own: for an icon of Material's, each visitor's browser would ask the servers of Google Fonts.
st.set_page_config(page_title="finsent", page_icon=str(Path(__file__).parent / "icon.svg"), layout="wide")
st.html(Path(__file__).parent / "style.css")

PAGES = [
    st.Page(places.LAB, title="Lab", icon=":material/science:", default=True),
    st.Page(places.DATASET, url_path="dataset", title="Dataset", icon=":material/table_rows:"),
    st.Page(places.MODEL, url_path="model", title="Model", icon=":material/account_tree:"),
    st.Page(places.TRAIN, url_path="train", title="Train", icon=":material/play_circle:"),
    st.Page(places.COMPARE, url_path="compare", title="Compare", icon=":material/grid_on:"),
    st.Page(places.NEUTRAL, url_path="neutral", title="Neutral news", icon=":material/search_insights:"),
    st.Page(places.HEADLINES, url_path="headlines", title="Headlines", icon=":material/edit_note:"),
    st.Page(places.RUNS, url_path="runs", title="Runs", icon=":material/history:"),
]
page = st.navigation(PAGES)
# Streamlit's own menu stays open over a narrow page; style.css shows either.
with st.container(horizontal=True, key="narrow-pages"):
    for one in PAGES:
        st.page_link(one, width="content")

come_to(page.url_path)
if page.url_path != "train":
    forget_link()

with user_errors():
    # A folder of runs that can be none stops here, before a page asks for it.
    runs = read_runs()
world = look_around()
with st.container(horizontal=True, vertical_alignment="center", key="badges"):
    world_badge = st.empty()
    show_world(world)
    plain_badge(world.device, ":material/memory:", "gray")
    active_run_badge(at_work(runs))
    show_access()

try:
    with whole_run(page.url_path):
        page.run()
finally:
    # The page may have asked the hub, also one that ended early.
    if last_answer() != world.hub:
        show_world(look_around())
import_ahead()
