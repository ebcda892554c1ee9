-- A person, as the identity provider knows them. No password, no name, no key: only what the console needs.
create table account (
    id uuid primary key,
    issuer text not null,
    subject text not null,
    email text not null, -- shown to the person, so that they see who they are signed in as
    created_at timestamptz not null default now(),
    unique (issuer, subject)
);

create table team (
    id uuid primary key,
    personal_of uuid unique references account (id) on delete cascade, -- null for a team of several
    created_at timestamptz not null default now()
);

create table membership (
    team_id uuid not null references team (id) on delete cascade,
    account_id uuid not null references account (id) on delete cascade,
    role text not null check (role in ('owner')),
    created_at timestamptz not null default now(),
    primary key (team_id, account_id)
);
create index membership_account on membership (account_id);

-- One signed-in browser, or one that is about to sign in (account_id null).
create table session (
    id_hash bytea primary key, -- keyed hash of the cookie; the cookie's value is nowhere
    account_id uuid references account (id) on delete cascade,
    team_id uuid references team (id) on delete cascade,
    data jsonb not null default '{}',
    created_at timestamptz not null default now(),
    seen_at timestamptz not null default now(),
    expires_at timestamptz not null,
    check ((account_id is null) = (team_id is null))
);
create index session_account on session (account_id);
create index session_expiry on session (expires_at);

-- Append only. Ids, no names: who did what, where, when.
create table event (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    kind text not null,
    actor_id uuid not null,
    team_id uuid not null,
    environment_id uuid,
    operation_id uuid,
    detail text -- a word from a fixed list, such as which of the two keys
);
create index event_team on event (team_id, id desc);
