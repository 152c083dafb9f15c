"""finsent: QLoRA fine-tuning for financial sentiment, as a library, a command line and a Streamlit lab.

The library never imports Streamlit, and imports torch only inside the functions that compute.
"""
