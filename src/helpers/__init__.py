"""What the notebooks share: one module, one job."""
