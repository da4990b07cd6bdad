-- batch
-- Sums the events of a batch up by account, and adds the sums to the rows. Amounts are in cents.
with changes as (
    select
        regexp_replace(stream, '^account-', '') as account,
        max(data ->> 'owner') filter (where type = 'account-opened') as owner,
        sum(case
                when type in ('money-deposited', 'transfer-received') then (data ->> 'amount')::bigint
                when type in ('money-withdrawn', 'transfer-sent') then -(data ->> 'amount')::bigint
                else 0
            end) as cents,
        max(version) as version
    from events
    group by stream
)
insert into balances as balance (account, owner, cents, version)
select account, coalesce(owner, ''), cents, version
from changes
on conflict (account) do update
set cents = balance.cents + excluded.cents,
    version = excluded.version,
    owner = coalesce(nullif(excluded.owner, ''), balance.owner)
