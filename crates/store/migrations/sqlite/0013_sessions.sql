-- Argon2id in the form of PHC; none until the user sets one.
alter table users add column password text;

-- Somebody who has signed in, in one browser.
create table sessions (
    hash blob primary key not null check (length(hash) = 32),
    user_id text not null references users (id) on delete cascade,
    created_at integer not null,
    expires_at integer not null
) strict, without rowid;
create index sessions_by_user on sessions (user_id);
create index sessions_by_end on sessions (expires_at);

-- Addresses that sign a user in once.
create table sign_in_links (
    hash blob primary key not null check (length(hash) = 32),
    user_id text not null references users (id) on delete cascade,
    expires_at integer not null
) strict, without rowid;
create index sign_in_links_by_user on sign_in_links (user_id);
create index sign_in_links_by_end on sign_in_links (expires_at);
