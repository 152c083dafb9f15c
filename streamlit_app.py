"""The app's entry point: page set-up, navigation, and the two lines that every page shows.

Run it with ``streamlit run streamlit_app.py``.
"""

from importlib import import_module
from threading import Thread

import streamlit as st

from finsent.launcher import start_next
from finsent.runs import active_run, default_runs_dir
from finsent.world import look_around
from pages._badge import active_run_badge

#: What curves, charts and intervals need; a second in all, once in a server's life.
SLOW_IMPORTS = ("plotly.graph_objects", "tensorboard.compat.proto.event_pb2", "statsmodels.stats.proportion")


@st.cache_resource(show_spinner=False)
def import_ahead() -> None:
    """Import what most pages need while the reader looks at the first one, so that the second need not wait."""
    Thread(target=lambda: [import_module(name) for name in SLOW_IMPORTS], daemon=True).start()


st.set_page_config(page_title="finsent", page_icon=":material/query_stats:", layout="wide")

page = st.navigation(
    [
        st.Page("pages/home.py", title="Lab", icon=":material/science:", default=True),
        st.Page("pages/dataset.py", title="Dataset", icon=":material/table_rows:"),
        st.Page("pages/model.py", title="Model", icon=":material/account_tree:"),
        st.Page("pages/train.py", title="Train", icon=":material/play_circle:"),
        st.Page("pages/compare.py", title="Compare", icon=":material/grid_on:"),
        st.Page("pages/neutral.py", title="Neutral news", icon=":material/search_insights:"),
        st.Page("pages/headlines.py", title="Headlines", icon=":material/edit_note:"),
        st.Page("pages/runs.py", title="Runs", icon=":material/history:"),
    ]
)

start_next(default_runs_dir())
world = look_around()
hub = "Hub world: the model hub is in reach" if world.hub else "Embedded world: no model hub in reach"
with st.container(horizontal=True, vertical_alignment="center"):
    st.badge(hub, icon=":material/cloud:" if world.hub else ":material/inventory_2:", color="gray")
    st.badge(world.device, icon=":material/memory:", color="gray")
    active_run_badge(active_run(default_runs_dir()))

page.run()
import_ahead()
