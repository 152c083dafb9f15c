"""finsent: QLoRA fine-tuning for financial sentiment, as a library, a command line and a Streamlit lab.

The library never imports Streamlit, and imports torch only inside the functions that compute. Whatever of it is
imported or started, this runs first: so nothing can be reported to anybody before that is switched off, and PyTorch
reads how its threads are to wait when it is loaded.
"""

from finsent.openmp import wait_briefly
from finsent.quiet import keep_to_itself

keep_to_itself()
wait_briefly()
