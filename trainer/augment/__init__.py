"""Random changes of training images: pure functions, and the named policies made of them."""
