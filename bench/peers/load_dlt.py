"""load_dlt.py FILE STATE URL TABLE...   loads whole PostgreSQL tables into a DuckDB file with dlt

The backend is ConnectorX, the fastest of those it has, and files between its steps are Parquet."""

import sys

import dlt
from dlt.sources.sql_database import sql_database

file, state, url, *tables = sys.argv[1:]
source = sql_database(
    credentials=url,
    schema="public",
    table_names=tables,
    backend="connectorx",
    chunk_size=100_000,
    backend_kwargs={"conn": url, "return_type": "arrow_stream", "batch_size": 100_000},
    reflection_level="full_with_precision",
)
pipeline = dlt.pipeline(
    "bench", destination=dlt.destinations.duckdb(file), dataset_name="loaded", pipelines_dir=state
)
pipeline.run(source, write_disposition="replace", loader_file_format="parquet").raise_on_failed_jobs()
