-- What an administrator has set by hand; what is not here has its default.
create table settings (
    name text primary key not null,
    value integer not null
) strict;

-- A permission more, METRICS; SQLite changes no check of a table that is there.
create table new_grants (
    id integer primary key,
    user_id text references users (id) on delete cascade,
    application_id text references applications (id) on delete cascade,
    pool_id text references data_pools (id) on delete cascade,
    permission text not null check (permission in (
        'USE_ALL_DATA_MODELS', 'VIEW', 'EDIT', 'MANAGE', 'DATA_PUSH', 'CONTINUOUS_DATA_PUSH', 'EXECUTE', 'METRICS'
    )),
    check ((user_id is null) <> (application_id is null)),
    check (permission <> 'METRICS' or pool_id is null)
) strict;
insert into new_grants select id, user_id, application_id, pool_id, permission from grants;
drop table grants;
alter table new_grants rename to grants;
create unique index grants_once on grants (coalesce(user_id, application_id), coalesce(pool_id, ''), permission);
create index grants_by_pool on grants (pool_id);
create index grants_by_user on grants (user_id);
create index grants_by_application on grants (application_id);

-- The log's budget: how many messages of an execution are kept, and how many were not.
alter table executions add column logs_kept integer not null default 0;
alter table executions add column logs_dropped integer not null default 0;
update executions
set logs_kept = (select count(*) from log_messages where log_messages.execution_id = executions.id);

-- What is old is found without reading what is not.
create index executions_by_end on executions (finished_at) where finished_at is not null;
create index executions_succeeded on executions (job_id, queued_at, seq) where status = 'SUCCESS';
create index executions_with_logs on executions (finished_at) where finished_at is not null and logs_kept > 0;

-- One row that only grows, for those who watch the server: executions by how they ended, rows and bytes.
create table totals (
    id integer primary key check (id = 1),
    succeeded integer not null default 0,
    failed integer not null default 0,
    canceled integer not null default 0,
    skipped integer not null default 0,
    rows_read integer not null default 0,
    rows_inserted integer not null default 0,
    rows_updated integer not null default 0,
    rows_deleted integer not null default 0,
    rows_rejected integer not null default 0,
    bytes_read integer not null default 0,
    logs_dropped integer not null default 0
) strict;
insert into totals (id) values (1);
