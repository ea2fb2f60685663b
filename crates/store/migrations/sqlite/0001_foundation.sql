-- One row: says whether the key file is the one the sealed columns were written with.
create table secret_check (
    id integer primary key check (id = 1),
    sealed_text blob not null
) strict;

create table users (
    id text primary key not null,
    name text not null,
    email text,
    role text not null check (role in ('ADMIN', 'MEMBER')),
    created_at integer not null
) strict;

create table applications (
    id text primary key not null,
    name text not null,
    created_at integer not null
) strict;

create table data_pools (
    id text primary key not null,
    name text not null,
    description text,
    created_at integer not null,
    created_by_type text not null check (created_by_type in ('USER', 'APPLICATION')),
    created_by_id text not null
) strict;

create table keys (
    id text primary key not null,
    user_id text references users (id) on delete cascade,
    application_id text references applications (id) on delete cascade,
    name text not null,
    hash blob not null unique check (length(hash) = 32),
    created_at integer not null,
    last_used_at integer,
    check ((user_id is null) <> (application_id is null))
) strict;
create index keys_by_user on keys (user_id);
create index keys_by_application on keys (application_id);

-- One row per permission; no pool means the whole service.
create table grants (
    id integer primary key,
    user_id text references users (id) on delete cascade,
    application_id text references applications (id) on delete cascade,
    pool_id text references data_pools (id) on delete cascade,
    permission text not null check (permission in (
        'USE_ALL_DATA_MODELS', 'VIEW', 'EDIT', 'MANAGE', 'DATA_PUSH', 'CONTINUOUS_DATA_PUSH', 'EXECUTE'
    )),
    check ((user_id is null) <> (application_id is null))
) strict;
create unique index grants_once on grants (coalesce(user_id, application_id), coalesce(pool_id, ''), permission);
create index grants_by_pool on grants (pool_id);
create index grants_by_user on grants (user_id);
create index grants_by_application on grants (application_id);

create table data_connections (
    id text primary key not null,
    pool_id text not null references data_pools (id) on delete cascade,
    name text not null,
    sealed_config blob not null,
    created_at integer not null,
    unique (pool_id, name),
    unique (pool_id, id)
) strict;

create table data_jobs (
    id text primary key not null,
    pool_id text not null references data_pools (id) on delete cascade,
    connection_id text,
    name text not null,
    created_at integer not null,
    unique (pool_id, id),
    -- No action, so that deleting a pool may take both sides in one statement.
    foreign key (pool_id, connection_id) references data_connections (pool_id, id)
) strict;
create index data_jobs_by_connection on data_jobs (pool_id, connection_id);

create table tasks (
    id text primary key not null,
    template_id text not null,
    pool_id text not null,
    job_id text not null,
    name text not null,
    description text,
    activation text not null check (activation in ('ENABLED', 'DISABLED')),
    position integer not null check (position >= 0),
    kind text not null check (kind in ('EXTRACTION', 'TRANSFORMATION', 'DATA_MODEL_LOAD')),
    -- By kind: the table extractions, the statement or null, the model load.
    content text not null check (json_valid(content)),
    created_at integer not null,
    unique (pool_id, id),
    foreign key (pool_id, job_id) references data_jobs (pool_id, id) on delete cascade
) strict;
create index tasks_by_job on tasks (pool_id, job_id, position);

create table parameters (
    id text primary key not null,
    pool_id text not null references data_pools (id) on delete cascade,
    task_id text,
    name text not null,
    placeholder text not null,
    description text,
    visibility text not null check (visibility in ('PRIVATE', 'PUBLIC')),
    data_type text not null check (data_type in (
        'DATE', 'DOUBLE', 'INT', 'STRING', 'COLUMN', 'QUALIFIED_COLUMN',
        'LIST_DOUBLE', 'LIST_INT', 'LIST_STRING', 'NULL'
    )),
    origin text not null check (json_valid(origin)),
    stored_values text not null check (json_valid(stored_values)),
    default_values text not null check (json_valid(default_values)),
    pool_parameter_id text,
    unique (pool_id, id),
    foreign key (pool_id, task_id) references tasks (pool_id, id) on delete cascade,
    foreign key (pool_id, pool_parameter_id) references parameters (pool_id, id)
) strict;
create unique index parameters_of_pool on parameters (pool_id, placeholder) where task_id is null;
create unique index parameters_of_task on parameters (task_id, placeholder) where task_id is not null;
create index parameters_by_task on parameters (pool_id, task_id);
create index parameters_by_pool_parameter on parameters (pool_id, pool_parameter_id);

create table data_models (
    id text primary key not null,
    pool_id text not null references data_pools (id) on delete cascade,
    name text not null,
    model_tables text not null check (json_valid(model_tables)),
    foreign_keys text not null check (json_valid(foreign_keys)),
    created_at integer not null
) strict;
create index data_models_by_pool on data_models (pool_id);

create table executions (
    seq integer primary key autoincrement,
    id text not null unique,
    pool_id text not null,
    job_id text not null,
    mode text not null check (mode in ('FULL', 'DELTA')),
    status text not null check (status in ('QUEUED', 'RUNNING', 'SUCCESS', 'FAIL', 'CANCEL', 'SKIPPED')),
    message text,
    started_by_type text not null check (started_by_type in ('USER', 'APPLICATION')),
    started_by_id text not null,
    queued_at integer not null,
    started_at integer,
    finished_at integer,
    idempotency_key text,
    -- What a worker needs; kept only while it may still be needed.
    sealed_spec blob,
    foreign key (pool_id, job_id) references data_jobs (pool_id, id) on delete cascade,
    check (status <> 'QUEUED' or started_at is null),
    check (status <> 'RUNNING' or started_at is not null),
    check ((status in ('QUEUED', 'RUNNING')) = (finished_at is null)),
    check ((status in ('QUEUED', 'RUNNING')) = (sealed_spec is not null))
) strict;
create unique index executions_live on executions (job_id) where status in ('QUEUED', 'RUNNING');
create unique index executions_idempotency on executions (job_id, idempotency_key) where idempotency_key is not null;
create index executions_by_status on executions (status, queued_at, seq) where status in ('QUEUED', 'RUNNING');
create index executions_by_job on executions (pool_id, job_id, queued_at, seq);
create index executions_of_job on executions (job_id, queued_at, seq);

-- Tasks and steps as they were when the execution was started: they outlive the task itself.
create table task_executions (
    execution_id text not null references executions (id) on delete cascade,
    task_id text not null,
    name text not null,
    kind text not null check (kind in ('EXTRACTION', 'TRANSFORMATION', 'DATA_MODEL_LOAD')),
    position integer not null,
    status text not null check (status in ('QUEUED', 'RUNNING', 'SUCCESS', 'FAIL', 'CANCEL', 'SKIPPED')),
    message text,
    started_at integer,
    finished_at integer,
    primary key (execution_id, task_id)
) strict, without rowid;

create table step_executions (
    execution_id text not null,
    task_id text not null,
    position integer not null check (position >= 0),
    name text not null,
    status text not null check (status in ('QUEUED', 'RUNNING', 'SUCCESS', 'FAIL', 'CANCEL', 'SKIPPED')),
    message text,
    row_count integer not null check (row_count >= 0),
    receipt text check (json_valid(receipt)),
    started_at integer,
    finished_at integer,
    primary key (execution_id, task_id, position),
    foreign key (execution_id, task_id) references task_executions (execution_id, task_id) on delete cascade
) strict, without rowid;

create table log_messages (
    seq integer primary key autoincrement,
    id text not null unique,
    execution_id text not null references executions (id) on delete cascade,
    task_id text,
    at integer not null,
    level text not null check (level in ('DEBUG', 'INFO', 'WARNING', 'ERROR')),
    code text not null,
    text text not null
) strict;
create index log_messages_by_execution on log_messages (execution_id, at, seq);
