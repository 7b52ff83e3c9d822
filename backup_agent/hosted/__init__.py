"""Spaces at providers: how they are asked, and as whom."""
