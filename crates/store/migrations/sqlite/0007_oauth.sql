-- A client that can keep a secret acts as an application, which has its id, its grants and its end.
create table oauth_clients (
    id text primary key not null,
    application_id text unique references applications (id) on delete cascade,
    name text not null,
    scopes text not null check (json_valid(scopes)),
    redirect_uris text not null check (json_valid(redirect_uris)),
    access_token_seconds integer check (access_token_seconds between 1 and 2592000),
    -- Access tokens of an earlier generation are refused.
    token_generation integer not null default 1,
    created_at integer not null,
    check (application_id is null or application_id = id)
) strict;
-- The command line that people have: it knows itself by this name, and asks for these scopes.
insert into oauth_clients (id, name, scopes, redirect_uris, created_at) values (
    'content-cli', 'content-cli',
    '["integration.data-pools","studio","package-manager","action-engine.projects"]',
    '[]', unixepoch() * 1000
);

create table oauth_client_secrets (
    id text primary key not null,
    client_id text not null references oauth_clients (id) on delete cascade,
    hash blob not null unique check (length(hash) = 32),
    created_at integer not null,
    last_used_at integer
) strict;
create index oauth_client_secrets_by_client on oauth_client_secrets (client_id);

-- What a user has allowed a client. Its tokens descend from it and end with it.
create table oauth_consents (
    id text primary key not null,
    client_id text not null references oauth_clients (id) on delete cascade,
    user_id text not null references users (id) on delete cascade,
    scopes text not null check (json_valid(scopes)),
    created_at integer not null,
    -- When the newest of its tokens ends.
    expires_at integer not null
) strict;
create index oauth_consents_by_client on oauth_consents (client_id);
create index oauth_consents_by_user on oauth_consents (user_id);
create index oauth_consents_by_end on oauth_consents (expires_at);

create table oauth_refresh_tokens (
    hash blob primary key not null check (length(hash) = 32),
    consent_id text not null references oauth_consents (id) on delete cascade,
    expires_at integer not null,
    -- One that comes a second time was stolen, before or after its owner used it.
    used_at integer
) strict, without rowid;
create index oauth_refresh_tokens_by_consent on oauth_refresh_tokens (consent_id);
create index oauth_refresh_tokens_by_end on oauth_refresh_tokens (expires_at);

create table oauth_codes (
    hash blob primary key not null check (length(hash) = 32),
    client_id text not null references oauth_clients (id) on delete cascade,
    user_id text not null references users (id) on delete cascade,
    scopes text not null check (json_valid(scopes)),
    redirect_uri text not null,
    code_challenge text not null,
    expires_at integer not null,
    -- What it was exchanged for, once it was.
    consent_id text
) strict, without rowid;
create index oauth_codes_by_client on oauth_codes (client_id);
create index oauth_codes_by_user on oauth_codes (user_id);
create index oauth_codes_by_end on oauth_codes (expires_at);

-- Programs that wait until somebody types their code into a browser.
create table oauth_device_requests (
    hash blob primary key not null check (length(hash) = 32),
    user_code text not null unique,
    client_id text not null references oauth_clients (id) on delete cascade,
    scopes text not null check (json_valid(scopes)),
    state text not null check (state in ('PENDING', 'ALLOWED', 'DENIED')),
    user_id text references users (id) on delete cascade,
    interval_seconds integer not null,
    asked_at integer,
    expires_at integer not null,
    check ((state = 'ALLOWED') = (user_id is not null))
) strict, without rowid;
create index oauth_device_requests_by_client on oauth_device_requests (client_id);
create index oauth_device_requests_by_user on oauth_device_requests (user_id);
create index oauth_device_requests_by_end on oauth_device_requests (expires_at);

-- Access tokens that were taken back before their end.
create table oauth_revoked_tokens (
    id text primary key not null,
    expires_at integer not null
) strict, without rowid;
create index oauth_revoked_tokens_by_end on oauth_revoked_tokens (expires_at);

create table oauth_signing_keys (
    id text primary key not null,
    sealed_private blob not null,
    public_key blob not null,
    created_at integer not null,
    -- It signs from then on, until a newer one does.
    signs_from integer not null
) strict;
