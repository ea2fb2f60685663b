-- Users who are granted permissions together.
create table groups (
    id text primary key not null,
    name text not null unique,
    created_at integer not null
) strict;

create table group_members (
    user_id text not null references users (id) on delete cascade,
    group_id text not null references groups (id) on delete cascade,
    primary key (user_id, group_id)
) strict, without rowid;
create index group_members_by_group on group_members (group_id);

-- A grant can be for a group too; SQLite changes no check of a table that is there.
create table new_grants (
    id integer primary key,
    user_id text references users (id) on delete cascade,
    application_id text references applications (id) on delete cascade,
    group_id text references groups (id) on delete cascade,
    pool_id text references data_pools (id) on delete cascade,
    permission text not null check (permission in (
        'USE_ALL_DATA_MODELS', 'VIEW', 'EDIT', 'MANAGE', 'DATA_PUSH', 'CONTINUOUS_DATA_PUSH', 'EXECUTE', 'METRICS'
    )),
    check ((user_id is not null) + (application_id is not null) + (group_id is not null) = 1),
    check (permission <> 'METRICS' or pool_id is null)
) strict;
insert into new_grants (id, user_id, application_id, pool_id, permission)
select id, user_id, application_id, pool_id, permission from grants;
drop table grants;
alter table new_grants rename to grants;
-- Each is unique, and is what permissions are looked up by.
create unique index grants_of_users on grants (user_id, coalesce(pool_id, ''), permission)
where user_id is not null;
create unique index grants_of_applications on grants (application_id, coalesce(pool_id, ''), permission)
where application_id is not null;
create unique index grants_of_groups on grants (group_id, coalesce(pool_id, ''), permission)
where group_id is not null;
create index grants_by_pool on grants (pool_id);

-- What users and applications may do, by grants of their own and by those of their groups; the scope '' is the whole
-- service. Each condition on it reaches the indexes above. Whoever makes `grants` anew drops it first.
create view held_permissions (holder_type, holder_id, scope, permission) as
select 'USER', user_id, coalesce(pool_id, ''), permission from grants where user_id is not null
union all
select 'APPLICATION', application_id, coalesce(pool_id, ''), permission from grants where application_id is not null
union all
select 'USER', group_members.user_id, coalesce(grants.pool_id, ''), grants.permission
from group_members join grants on grants.group_id = group_members.group_id;
