-- One row: the number of the newest claim, which grows over all executions, and how many claims were taken back
-- because their lease had run out.
create table claims (
    id integer primary key check (id = 1),
    newest integer not null,
    lost integer not null
) strict;
insert into claims (id, newest, lost) values (1, 0, 0);

alter table executions add column priority text not null default 'NORMAL'
    check (priority in ('LOW', 'NORMAL', 'HIGH'));
-- host:port of the server that the extractions read.
alter table executions add column source_host text;
-- The newest claim, and until when it holds without a sign of life.
alter table executions add column claim integer;
alter table executions add column lease_until integer;
alter table executions add column attempt integer not null default 1 check (attempt >= 1);
alter table executions add column interruptions integer not null default 0 check (interruptions >= 0);
alter table executions add column requeued_because text;
alter table executions add column not_before integer;
-- Who asked for its end first: so that a kill of the server does not forget it.
alter table executions add column canceled_by text;

-- The queue, group by group in the order in which executions were queued: the first of each group is found
-- without reading a row, and the others of its group are passed without one.
create index executions_queue
    on executions (pool_id, priority, source_host, attempt, seq, not_before) where status = 'QUEUED';
create index executions_running on executions (claim) where status = 'RUNNING';

-- The claim with which a pool was served last.
alter table data_pools add column last_claim integer not null default 0;
