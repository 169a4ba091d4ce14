"""The embedded dataset `sample`: its pictures, painted by code."""
