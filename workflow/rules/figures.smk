# From tables to figures, each as PDF, SVG and PNG with its CSV.
