"""Figures from finished tables: each function takes frames and gives a matplotlib Figure.

None of them reads, writes or aggregates; `style.save` alone writes files.
"""
