alter table data_models add column description text;
alter table data_models add column created_by_type text check (created_by_type in ('USER', 'APPLICATION'));
alter table data_models add column created_by_id text;
alter table data_models add column changed_at integer not null default 0;
alter table data_models add column processes text not null default '[]' check (json_valid(processes));
alter table data_models add column calendar text not null default '{}' check (json_valid(calendar));
update data_models set changed_at = created_at;

-- Relations have ids of their own from here on: random UUIDs, version 4.
update data_models set foreign_keys = (
    select json_group_array(json_set(value, '$.id', lower(
        hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
        || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
    )))
    from json_each(data_models.foreign_keys)
);

create table name_mappings (
    seq integer primary key,
    model_id text not null references data_models (id) on delete cascade,
    kind text not null check (kind in ('TABLE', 'COLUMN', 'GENERAL')),
    identifier text not null,
    language text not null,
    translation text not null,
    description text,
    unique (model_id, kind, identifier, language)
) strict;

-- The tasks of executions that load a model, by the model: reloads, and what data jobs do.
create table model_loads (
    execution_id text not null,
    task_id text not null,
    model_id text not null,
    kind text not null check (kind in ('FROM_CACHE', 'COMPLETE', 'PARTIAL')),
    -- Id and name of each table, in the order of the task's steps; none where this was not kept.
    loaded_tables text not null check (json_valid(loaded_tables)),
    -- Broken keys, as sentences. The log has them too, but not for as long.
    warnings text not null check (json_valid(warnings)),
    primary key (execution_id, task_id),
    foreign key (execution_id, task_id) references task_executions (execution_id, task_id) on delete cascade
) strict, without rowid;
create index model_loads_by_model on model_loads (model_id, execution_id);
insert into model_loads (execution_id, task_id, model_id, kind, loaded_tables, warnings)
select told.execution_id, told.task_id, json_extract(tasks.content, '$.data_model_id'),
    case json_extract(tasks.content, '$.tables') when 'ALL' then 'COMPLETE' else 'PARTIAL' end, '[]',
    (
        select json_group_array(text) from log_messages
        where execution_id = told.execution_id and task_id = told.task_id and code = 'MODEL_KEY_WARNING'
    )
from task_executions as told
join tasks on tasks.id = told.task_id and tasks.kind = 'DATA_MODEL_LOAD'
where told.kind = 'DATA_MODEL_LOAD';
