"""load.py PEER full|delta FILE URL TABLE...   loads PostgreSQL tables into a DuckDB file
load.py check full FILE TABLE COLUMN          says what a loaded table holds

Each library is used as its own documentation shows. A delta fetches what is newer than the newest row
and merges it by the primary key in one transaction."""

import glob
import json
import os
import sys

import duckdb

# What ADBC hands over as text gets its declared type back; connectorx is left as it delivers.
DECIMALS = {
    "lineitem": ["l_quantity", "l_extendedprice", "l_discount", "l_tax"],
    "customer": ["c_acctbal"],
}


def attach(connection, url):
    package = f"lib/python*/site-packages/duckdb_extension_postgres_scanner/extensions/v{duckdb.__version__}"
    (extension,) = glob.glob(os.path.join(sys.prefix, package, "*.duckdb_extension"))
    connection.execute(f"LOAD '{extension}'")
    connection.execute(f"ATTACH '{url}' AS source (TYPE postgres, READ_ONLY)")


def load_into(connection, peer, url, table, where, begin):
    """Runs `begin`, a statement that ends where its SELECT follows."""
    if peer == "scanner":
        connection.execute(f"{begin} SELECT * FROM source.public.{table}{where}")
        return
    sql = f"SELECT * FROM {table}{where}"
    if peer == "connectorx":
        import connectorx

        rows = connectorx.read_sql(url, sql, return_type="arrow")
        connection.register("rows_read", rows)
        connection.execute(f"{begin} SELECT * FROM rows_read")
        return
    import adbc_driver_postgresql.dbapi

    with adbc_driver_postgresql.dbapi.connect(url) as source, source.cursor() as cursor:
        cursor.execute(sql)
        connection.register("rows_read", cursor.fetch_record_batch())
        casts = ", ".join(f"{name}::DECIMAL(15,2) AS {name}" for name in DECIMALS.get(table, ["o_totalprice"]))
        connection.execute(f"{begin} SELECT * REPLACE ({casts}) FROM rows_read")


def check(file, table, column):
    with duckdb.connect(file, read_only=True) as connection:
        sql = f"SELECT count(*)::VARCHAR, sum({column})::DECIMAL(38,2)::VARCHAR, any_value(typeof({column})) FROM {table}"
        print(json.dumps(dict(zip(("rows", "sum", "type"), connection.execute(sql).fetchone()))))


def main():
    peer, mode, file, *rest = sys.argv[1:]
    if peer == "check":
        return check(file, *rest)
    url, *tables = rest
    with duckdb.connect(file) as connection:
        if peer == "scanner":
            attach(connection, url)
        for table in tables:
            known = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE database_name = current_database() "
                                       "AND table_name = ?", [table]).fetchone()[0]
            if mode == "full" or not known:
                load_into(connection, peer, url, table, "", f"CREATE OR REPLACE TABLE main.{table} AS")
                if mode == "delta":
                    connection.execute(f"ALTER TABLE main.{table} ADD PRIMARY KEY (o_orderkey)")
                continue
            newest = connection.execute(f"SELECT max(updated_at) FROM main.{table}").fetchone()[0].isoformat()
            connection.execute("BEGIN")
            load_into(connection, peer, url, table, f" WHERE updated_at > '{newest}'", "CREATE TEMP TABLE staged AS")
            connection.execute(f"INSERT OR REPLACE INTO main.{table} SELECT * FROM staged")
            connection.execute("COMMIT")


main()
