"""Where images come from: directories, archives, tables, prepared datasets, Kaggle."""
