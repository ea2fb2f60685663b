-- Answers of queries on data models, kept as files for a while. The queries are not kept: they can name people.
create table data_exports (
    id text primary key not null,
    pool_id text not null references data_pools (id) on delete cascade,
    model_id text not null references data_models (id) on delete cascade,
    owner_type text not null check (owner_type in ('USER', 'APPLICATION')),
    owner_id text not null,
    format text not null check (format in ('PARQUET', 'EXCEL', 'CSV')),
    state text not null check (state in ('RUNNING', 'DONE', 'FAILED', 'EXPIRED')),
    message text,
    chunks text check (json_valid(chunks)),
    created_at integer not null,
    finished_at integer,
    check ((state = 'DONE') = (chunks is not null)),
    check ((state = 'FAILED') = (message is not null)),
    check ((state = 'RUNNING') = (finished_at is null))
) strict;
create index data_exports_by_state on data_exports (state, finished_at);
create index data_exports_by_pool on data_exports (pool_id);
create index data_exports_by_model on data_exports (model_id);
