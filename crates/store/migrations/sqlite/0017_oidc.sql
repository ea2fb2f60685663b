-- Who somebody is for an issuer of OpenID Connect. It is tied to a user once, and looked up by this from then on.
create table identities (
    issuer text not null,
    subject text not null,
    user_id text not null references users (id) on delete cascade,
    created_at integer not null,
    primary key (issuer, subject),
    -- An e-mail address that gets another owner does not open the user of the one before.
    unique (user_id, issuer)
) strict, without rowid;

-- The issuer by which somebody has signed in; none for a password, a key or a link.
alter table sessions add column issuer text;
