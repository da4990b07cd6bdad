-- Tells what a server is and how it is set, for a session that sets nothing itself.
--
-- out  one row; limits are -1 where there is none
-- plan result
select current_setting('server_version_num')::integer as version_number,
    current_setting('server_version') as version,
    current_setting('server_encoding') as encoding,
    pg_is_in_recovery() as is_standby,
    current_setting('default_transaction_read_only')::boolean as is_read_only,
    current_setting('fsync')::boolean as fsync,
    current_setting('full_page_writes')::boolean as full_page_writes,
    current_setting('synchronous_commit') as synchronous_commit,
    current_setting('default_transaction_isolation') as isolation,
    current_setting('idle_in_transaction_session_timeout') as idle_timeout,
    current_setting('autovacuum')::boolean as autovacuum,
    current_setting('max_prepared_transactions')::integer as prepared_max,
    current_setting('max_connections')::integer
        - current_setting('superuser_reserved_connections')::integer
        - coalesce(current_setting('reserved_connections', true), '0')::integer as connections_max,
    (select d.datconnlimit from pg_database as d where d.datname = current_database()) as database_connections_max,
    (select r.rolconnlimit from pg_roles as r where r.rolname = session_user) as role_connections_max,
    (select r.rolsuper from pg_roles as r where r.rolname = session_user) as is_superuser,
    -- What kind of process it is can only be seen of one's own.
    (select count(*) from pg_stat_activity where usesysid is not null and datid is not null) as connections
