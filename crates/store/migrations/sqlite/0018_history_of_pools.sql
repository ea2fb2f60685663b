-- The executions of one pool in the order in which they were queued: its history reads no other pool's.
create index executions_of_pool on executions (pool_id, queued_at, seq);
