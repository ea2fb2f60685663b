create table schedules (
    id text primary key not null,
    pool_id text not null references data_pools (id) on delete cascade,
    name text not null,
    activation text not null check (activation in ('ENABLED', 'DISABLED')),
    -- The pattern and its time zone, or the schedule that this one follows.
    timetable text check (json_valid(timetable)),
    after_schedule_id text,
    mode text not null check (mode in ('FULL', 'DELTA')),
    priority text not null check (priority in ('LOW', 'NORMAL', 'HIGH')),
    on_failure text not null check (on_failure in ('STOP', 'CONTINUE')),
    overlap text not null check (overlap in ('SKIP', 'QUEUE', 'REPLACE')),
    misfire text not null check (misfire in ('NONE', 'LATEST', 'ALL')),
    jitter_seconds integer not null check (jitter_seconds >= 0),
    saved_by_type text not null check (saved_by_type in ('USER', 'APPLICATION')),
    saved_by_id text not null,
    saved_at integer not null,
    created_at integer not null,
    next_occurrence integer,
    next_due integer,
    unique (pool_id, id),
    unique (pool_id, name),
    -- No action, so that deleting a pool may take both sides in one statement.
    foreign key (pool_id, after_schedule_id) references schedules (pool_id, id),
    check ((timetable is null) <> (after_schedule_id is null)),
    check ((next_occurrence is null) = (next_due is null)),
    check (next_due is null or (activation = 'ENABLED' and timetable is not null))
) strict;
create index schedules_due on schedules (next_due) where next_due is not null;
create index schedules_by_schedule on schedules (pool_id, after_schedule_id) where after_schedule_id is not null;

create table schedule_jobs (
    schedule_id text not null,
    position integer not null check (position >= 0),
    pool_id text not null,
    job_id text not null,
    primary key (schedule_id, position),
    foreign key (pool_id, schedule_id) references schedules (pool_id, id) on delete cascade,
    foreign key (pool_id, job_id) references data_jobs (pool_id, id)
) strict, without rowid;
create index schedule_jobs_by_job on schedule_jobs (pool_id, job_id);
create index schedule_jobs_by_schedule on schedule_jobs (pool_id, schedule_id);

-- One row for each firing, those that did not lead to a run too.
create table schedule_runs (
    seq integer primary key autoincrement,
    id text not null unique,
    schedule_id text not null,
    pool_id text not null,
    cause text not null check (cause in ('OCCURRENCE', 'SCHEDULE', 'REQUEST')),
    -- The occurrence in milliseconds, the run that it follows, or the run itself: nothing fires twice.
    cause_key text not null,
    outcome text not null check (outcome in ('FIRED', 'CAUGHT_UP', 'SKIPPED', 'MISSED')),
    status text not null check (status in ('QUEUED', 'RUNNING', 'SUCCESS', 'FAIL', 'CANCEL', 'SKIPPED')),
    message text,
    mode text not null check (mode in ('FULL', 'DELTA')),
    priority text not null check (priority in ('LOW', 'NORMAL', 'HIGH')),
    on_failure text not null check (on_failure in ('STOP', 'CONTINUE')),
    overlap text not null check (overlap in ('SKIP', 'QUEUE', 'REPLACE')),
    started_by_type text not null check (started_by_type in ('USER', 'APPLICATION')),
    started_by_id text not null,
    cancel_reason text,
    recorded_at integer not null,
    started_at integer,
    finished_at integer,
    unique (schedule_id, cause, cause_key),
    foreign key (pool_id, schedule_id) references schedules (pool_id, id) on delete cascade,
    check ((status in ('QUEUED', 'RUNNING')) = (finished_at is null)),
    check (status <> 'RUNNING' or started_at is not null),
    check (outcome in ('FIRED', 'CAUGHT_UP') or status = 'SKIPPED')
) strict;
create index schedule_runs_live on schedule_runs (schedule_id, seq) where status in ('QUEUED', 'RUNNING');
create index schedule_runs_by_schedule on schedule_runs (schedule_id, seq);

-- The jobs of a run as they were when it fired: they outlive the job itself.
create table schedule_run_jobs (
    run_id text not null references schedule_runs (id) on delete cascade,
    position integer not null check (position >= 0),
    job_id text not null,
    name text not null,
    status text not null check (status in ('QUEUED', 'RUNNING', 'SUCCESS', 'FAIL', 'CANCEL', 'SKIPPED')),
    execution_id text,
    message text,
    started_at integer,
    finished_at integer,
    primary key (run_id, position)
) strict, without rowid;
create index schedule_run_jobs_by_execution on schedule_run_jobs (execution_id) where execution_id is not null;
