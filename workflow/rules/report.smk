# From tables and figures to the report.
