"""Planning geometry: vessel paths and their measures. Values in, values out, source cited."""
