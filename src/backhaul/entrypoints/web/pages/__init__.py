"""The pages of the console, one module for each thing people look at."""
