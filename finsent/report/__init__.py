"""What a reader takes away from a comparison."""
