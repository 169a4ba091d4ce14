"""From videos to the faces in them."""
