"""load.py PEER full|delta FILE URL TABLE...   loads tables of PostgreSQL or MariaDB into a DuckDB file
load.py check full FILE TABLE COLUMN          says what a loaded table holds, in whatever schema

Each library is used as its own documentation shows. A delta fetches what is newer than the newest row
and merges it by the primary key in one transaction."""

import glob
import json
import os
import sys
from urllib.parse import urlparse

import duckdb

# What ADBC hands over as text gets its declared type back; connectorx is left as it delivers.
DECIMALS = {
    "lineitem": ["l_quantity", "l_extendedprice", "l_discount", "l_tax"],
    "customer": ["c_acctbal"],
}


def attach(connection, url):
    """Gives the schema with the source's tables."""
    kind = "mysql" if url.startswith("mysql:") else "postgres"
    package = f"lib/python*/site-packages/duckdb_extension_{kind}_scanner/extensions/v{duckdb.__version__}"
    (extension,) = glob.glob(os.path.join(sys.prefix, package, "*.duckdb_extension"))
    connection.execute(f"LOAD '{extension}'")
    if kind == "postgres":
        connection.execute(f"ATTACH '{url}' AS source (TYPE postgres, READ_ONLY)")
        return "public"
    place = urlparse(url)
    parts = {"host": place.hostname, "port": place.port, "user": place.username, "password": place.password,
             "database": place.path[1:]}
    words = " ".join(f"{name}={value}" for name, value in parts.items())
    connection.execute(f"ATTACH '{words}' AS source (TYPE mysql, READ_ONLY)")
    return parts["database"]


def load_into(connection, peer, url, schema, table, where, begin):
    """Runs `begin`, a statement that ends where its SELECT follows."""
    if peer == "scanner":
        connection.execute(f"{begin} SELECT * FROM source.{schema}.{table}{where}")
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
        schemas = connection.execute("SELECT schema_name FROM duckdb_tables() WHERE table_name = ? "
                                     "AND NOT contains(schema_name, 'staging')", [table]).fetchall()
        ((schema,),) = schemas
        sql = f"""SELECT count(*)::VARCHAR, sum({column})::DECIMAL(38,2)::VARCHAR, any_value(typeof({column}))
                  FROM "{schema}".{table}"""
        print(json.dumps(dict(zip(("rows", "sum", "type"), connection.execute(sql).fetchone()))))


def main():
    peer, mode, file, *rest = sys.argv[1:]
    if peer == "check":
        return check(file, *rest)
    url, *tables = rest
    with duckdb.connect(file) as connection:
        schema = attach(connection, url) if peer == "scanner" else None
        for table in tables:
            known = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE database_name = current_database() "
                                       "AND table_name = ?", [table]).fetchone()[0]
            if mode == "full" or not known:
                load_into(connection, peer, url, schema, table, "", f"CREATE OR REPLACE TABLE main.{table} AS")
                if mode == "delta":
                    connection.execute(f"ALTER TABLE main.{table} ADD PRIMARY KEY (o_orderkey)")
                continue
            newest = connection.execute(f"SELECT max(updated_at) FROM main.{table}").fetchone()[0].isoformat()
            connection.execute("BEGIN")
            load_into(connection, peer, url, schema, table, f" WHERE updated_at > '{newest}'", "CREATE TEMP TABLE staged AS")
            connection.execute(f"INSERT OR REPLACE INTO main.{table} SELECT * FROM staged")
            connection.execute("COMMIT")


main()
