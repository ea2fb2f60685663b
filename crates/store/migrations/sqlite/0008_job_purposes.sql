-- What the executions of a job are for. Reloads of a data model and data pushes are executions too, of jobs that
-- the server keeps: one for each data model, under the model's id, and one for each data push, under the push's.
alter table data_jobs add column purpose text not null default 'DATA_JOB'
    check (purpose in ('DATA_JOB', 'DATA_MODEL', 'DATA_PUSH'));
insert into data_jobs (id, pool_id, name, created_at, purpose)
select id, pool_id, name, created_at, 'DATA_MODEL' from data_models;
drop index data_jobs_by_connection;
create index data_jobs_by_connection on data_jobs (pool_id, connection_id, purpose);
create index data_jobs_by_pool on data_jobs (pool_id, purpose, created_at);
