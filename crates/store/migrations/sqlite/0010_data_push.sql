-- Data pushes. Each has the job of the same id that the server keeps for it; that job's execution is the push.
create table push_jobs (
    id text primary key not null,
    pool_id text not null,
    settings text not null check (json_valid(settings)),
    -- What the stream client said of its file; null for a push of the other kind.
    upload text check (json_valid(upload)),
    -- The table that it writes first: as the lane of its execution.
    lane text not null,
    created_at integer not null,
    modified_at integer not null,
    -- From then on it takes no more files.
    submitted_at integer,
    -- It was deleted while it ran: nobody sees it, and it goes when that has ended.
    deleted integer not null default 0 check (deleted in (0, 1)),
    foreign key (pool_id, id) references data_jobs (pool_id, id) on delete cascade
) strict;
create index push_jobs_by_pool on push_jobs (pool_id, created_at, id);
create index push_jobs_by_modified on push_jobs (modified_at);
create index push_jobs_deleted on push_jobs (deleted) where deleted = 1;
create index push_jobs_uploads on push_jobs (pool_id, lane, created_at, id) where upload is not null;

create table push_chunks (
    id text primary key not null,
    push_id text not null references push_jobs (id) on delete cascade,
    position integer not null check (position >= 0),
    kind text not null check (kind in ('UPSERT', 'DELETE')),
    bytes integer not null check (bytes >= 0),
    checksum text not null,
    created_at integer not null,
    unique (push_id, position)
) strict;

-- What an execution writes: of one lane of a pool, one runs at a time, in the order in which they were queued.
alter table executions add column lane text;
create index executions_by_lane on executions (pool_id, lane, seq)
    where lane is not null and status in ('QUEUED', 'RUNNING');
