-- The executions of all jobs in the order in which they were queued: for the history of pools and of the server.
create index executions_by_time on executions (queued_at, seq);
