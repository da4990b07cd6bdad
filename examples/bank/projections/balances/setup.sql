-- The tables of the balances, in the schema of the projection. Runs at every start.
create table if not exists balances (
    account text primary key,
    owner   text not null,
    cents   bigint not null,
    version bigint not null
);
