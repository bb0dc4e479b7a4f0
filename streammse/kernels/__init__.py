"""What algorithms share: compiled helpers and kernel families."""
