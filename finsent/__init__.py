"""finsent: QLoRA fine-tuning for financial sentiment, as a library, a command line and a Streamlit lab.

The library never imports Streamlit, and imports torch only inside the functions that compute. Whatever of it is
imported or started, this runs first, so that nothing can be reported to anybody before it is switched off.
"""

from finsent.quiet import keep_to_itself

keep_to_itself()
