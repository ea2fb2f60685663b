-- A connection that was imported comes without what it signs in with; until somebody gives it, it cannot be used.
alter table data_connections add column credentials text not null default 'GIVEN'
    check (credentials in ('GIVEN', 'MISSING'));
