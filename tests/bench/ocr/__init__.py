"""`make bench-ocr`: how well and how fast pages are read, beside other engines on the same pages."""
