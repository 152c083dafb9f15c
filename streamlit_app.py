"""Starts the app: ``streamlit run streamlit_app.py``.

The script itself is pages/app.py. Beside a folder named pages Streamlit takes a script for its older kind of app with
several pages, in which a link straight to a page ends in “Page not found”.
"""

from starlette.middleware import Middleware
from streamlit.starlette import App

from finsent.uncompiled import compile_nothing
from pages.import_path import keep_import_path
from pages.server import OwnVisitorsOnly

compile_nothing()
keep_import_path()
app = App("pages/app.py", middleware=[Middleware(OwnVisitorsOnly)])
