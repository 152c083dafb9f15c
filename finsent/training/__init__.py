"""TRL's SFTTrainer put together from a recipe, and what is kept of a training."""
