-- How often a task is tried in one run; what was there before has what had been built in.
alter table tasks add column retry text not null
    default '{"attempts":3,"first_pause_seconds":5,"longest_pause_seconds":60}' check (json_valid(retry));
