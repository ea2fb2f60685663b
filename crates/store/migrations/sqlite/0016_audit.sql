-- Who asked for what, when, and what came of it. An entry refers to nothing: it outlives what it is about.
create table audit_entries (
    seq integer primary key not null,
    at integer not null,
    caller_type text check (caller_type in ('USER', 'APPLICATION')),
    caller_id text,
    -- As it was then.
    caller_name text,
    client_id text,
    operation text not null,
    method text not null,
    route text not null,
    pool_id text,
    ids text not null check (json_valid(ids)),
    result text not null check (result in ('DONE', 'REFUSED', 'UNKNOWN')),
    status integer,
    error text,
    is_last_of_hour integer not null check (is_last_of_hour in (0, 1)),
    peer text,
    request_id text,
    check ((caller_type is null) = (caller_id is null)),
    check ((result = 'UNKNOWN') = (status is null))
) strict;
-- Each list is read from its newest entry on, by one of these.
create index audit_by_time on audit_entries (at);
create index audit_by_pool on audit_entries (pool_id, at) where pool_id is not null;
create index audit_by_caller on audit_entries (caller_id, at) where caller_id is not null;
create index audit_by_operation on audit_entries (operation, at);
