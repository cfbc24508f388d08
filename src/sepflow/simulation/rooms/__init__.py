"""Rooms by the image method, and the responses that are drawn of them."""
