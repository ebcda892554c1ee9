create table environments (
    id uuid primary key,
    team_id uuid not null,
    name text not null,
    state text not null check (state in ('creating', 'running', 'deleting', 'deleted', 'failed')),
    port integer,
    url text,
    key_generation integer not null default 1 check (key_generation > 0),
    created_at timestamptz not null,
    released_at timestamptz
);

-- Once nothing of an environment is left (it failed, or is deleted) it holds neither its name nor its port: another may
-- have both, also while the row of a failed one is still shown and can be deleted.
create unique index environments_name on environments (team_id, lower(name)) where released_at is null;
create unique index environments_port on environments (port) where released_at is null;
create index environments_of_team on environments (team_id, created_at desc) where state <> 'deleted';

create table operations (
    id uuid primary key,
    environment_id uuid not null references environments,
    kind text not null check (kind in ('create', 'delete')),
    state text not null check (state in ('running', 'done', 'reverted', 'needs_attention')),
    step text,
    step_started_at timestamptz,
    step_failures integer not null default 0,
    failed_step text,
    error_code text,
    error_message text,
    requested_by uuid,
    started_at timestamptz not null,
    finished_at timestamptz,
    check ((finished_at is null) = (state in ('running', 'needs_attention'))),
    check ((error_code is null) = (error_message is null))
);

create unique index operations_one_live on operations (environment_id) where finished_at is null;
create index operations_of_environment on operations (environment_id, started_at desc);

-- One row per completed step: what is here is never run again.
create table journal (
    operation_id uuid not null references operations,
    step text not null,
    position bigint generated always as identity,
    started_at timestamptz not null,
    finished_at timestamptz not null,
    primary key (operation_id, step)
);

-- What exists outside, or may: the row is committed before the outside is asked. A row without removed_at has, or may
-- have, its resource; a resource without such a row is an orphan.
create table resources (
    id uuid primary key,
    kind text not null check (kind in ('volume', 'instance')),
    environment_id uuid not null references environments,
    operation_id uuid not null references operations,
    declared_at timestamptz not null,
    removed_at timestamptz,
    unique (operation_id, kind)
);

create index resources_of_environment on resources (environment_id) where removed_at is null;

-- Who did what to which environment, and when. Ids only: no name, no key.
create table events (
    id bigint generated always as identity primary key,
    event_id uuid not null unique default gen_random_uuid(),
    kind text not null,
    actor_kind text not null check (actor_kind in ('account', 'system')),
    actor_id uuid,
    team_id uuid not null,
    environment_id uuid not null references environments,
    operation_id uuid references operations,
    detail text,
    at timestamptz not null
);

create index events_of_environment on events (environment_id, id);

create table idempotent_answers (
    team_id uuid not null,
    key text not null,
    request_hash text not null,
    answer jsonb,
    created_at timestamptz not null,
    primary key (team_id, key)
);

create index idempotent_answers_age on idempotent_answers (created_at);

-- A worker advances an environment's operation only while its session holds the advisory lock of this number.
create function lease_key(environment_id uuid) returns bigint language sql immutable as $$
    select ('x' || substr(replace(environment_id::text, '-', ''), 1, 16))::bit(64)::bigint
$$;

create view leases_held as
    select (classid::bigint << 32) | objid::bigint as lease_key
    from pg_locks
    where locktype = 'advisory' and objsubid = 1 and granted
        and database = (select oid from pg_database where datname = current_database());
