"""Base models in NF4, packing and its attention, skeleton, summary, the memory account."""
