"""Folders of pictures: reading, inspecting, near-duplicates."""
