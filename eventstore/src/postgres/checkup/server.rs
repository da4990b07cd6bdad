//! The server and its settings: those that decide whether the log can keep its promises.

use super::diagnosis::Diagnosis;
use super::facts::ServerFacts;
use crate::postgres::config::StoreConfig;
use crate::postgres::schema::SERVER_VERSION_MIN;

/// A store listens over one connection and wakes over another one, besides its pool.
const CONNECTIONS_FOR_WAKEUPS: usize = 2;

/// Holds what the server says against what the log needs.
pub(super) fn check(facts: &ServerFacts, config: &StoreConfig) -> Vec<Diagnosis> {
    vec![
        server(facts),
        encoding(facts),
        fsync(facts),
        full_page_writes(facts),
        synchronous_commit(facts),
        isolation(facts),
        idle_timeout(facts),
        autovacuum(facts),
        connections(facts, config),
    ]
}

fn server(facts: &ServerFacts) -> Diagnosis {
    const CHECK: &str = "server";
    let version = format!("PostgreSQL {}", facts.version);
    if facts.version_number < SERVER_VERSION_MIN {
        return Diagnosis::fail(CHECK, version, "Annals needs PostgreSQL 15 or later");
    }
    if facts.is_standby {
        let advice =
            "nothing can be appended here, and nobody can LISTEN; readers see what the published head covers";
        return Diagnosis::warn(CHECK, format!("{version}, a standby"), advice);
    }
    if facts.is_read_only {
        let advice =
            "appends are refused: set default_transaction_read_only = off for this role and database";
        return Diagnosis::fail(CHECK, format!("{version}, read-only by default"), advice);
    }
    Diagnosis::ok(CHECK, version)
}

fn encoding(facts: &ServerFacts) -> Diagnosis {
    match facts.encoding.as_str() {
        "UTF8" => Diagnosis::ok("encoding", "UTF8"),
        other => {
            let advice = "payloads need every character: create the database anew with encoding 'UTF8'";
            Diagnosis::fail("encoding", other, advice)
        }
    }
}

fn fsync(facts: &ServerFacts) -> Diagnosis {
    if facts.fsync {
        return Diagnosis::ok("fsync", "on");
    }
    let advice = "a crash of the machine loses acknowledged events or the whole database: set fsync = on";
    Diagnosis::fail("fsync", "off", advice)
}

fn full_page_writes(facts: &ServerFacts) -> Diagnosis {
    if facts.full_page_writes {
        return Diagnosis::ok("full_page_writes", "on");
    }
    let advice =
        "a crash can leave half-written pages: set full_page_writes = on, unless the storage never tears one";
    Diagnosis::warn("full_page_writes", "off", advice)
}

fn synchronous_commit(facts: &ServerFacts) -> Diagnosis {
    const CHECK: &str = "synchronous_commit";
    match facts.synchronous_commit.as_str() {
        "off" => {
            let advice = "appends turn it on for themselves, but checkpoints and read models may be lost in a crash \
                 and be built once more; consider synchronous_commit = on";
            Diagnosis::warn(CHECK, "off", advice)
        }
        other => Diagnosis::ok(CHECK, other),
    }
}

fn isolation(facts: &ServerFacts) -> Diagnosis {
    const CHECK: &str = "transaction_isolation";
    match facts.isolation.as_str() {
        "read committed" => Diagnosis::ok(CHECK, "read committed by default"),
        other => {
            let advice = "the library says read committed for itself; others who call annals.read_all or annals.head \
                 in SQL are refused (LG006): set default_transaction_isolation = 'read committed'";
            Diagnosis::warn(CHECK, format!("{other} by default"), advice)
        }
    }
}

fn idle_timeout(facts: &ServerFacts) -> Diagnosis {
    const CHECK: &str = "idle_in_transaction";
    match facts.idle_timeout.as_str() {
        "0" => {
            let advice = "the store's own pool has a limit, others do not: an append that one of them forgets holds \
                 readers back for ever; set idle_in_transaction_session_timeout for this role or database";
            Diagnosis::warn(CHECK, "sessions may be idle in a transaction for ever", advice)
        }
        limit => Diagnosis::ok(CHECK, format!("sessions that are idle in a transaction end after {limit}")),
    }
}

fn autovacuum(facts: &ServerFacts) -> Diagnosis {
    if facts.autovacuum {
        return Diagnosis::ok("autovacuum", "on");
    }
    let advice = "every append updates the row of its stream, and nobody cleans up: set autovacuum = on";
    Diagnosis::warn("autovacuum", "off", advice)
}

fn connections(facts: &ServerFacts, config: &StoreConfig) -> Diagnosis {
    const CHECK: &str = "connections";
    let (max, needed) = (facts.connections_for_us(), config.pool.max_size + CONNECTIONS_FOR_WAKEUPS);
    let found = format!("{} taken of {max}; a process needs up to {needed}", facts.connections);
    let free = i64::from(max) - facts.connections;
    if usize::try_from(max).unwrap_or_default() < needed {
        let advice = "appends and reads will find no connection: raise max_connections or the limit of the role or \
             database, or use a smaller pool";
        return Diagnosis::fail(CHECK, found, advice);
    }
    if usize::try_from(free).unwrap_or_default() < needed {
        let advice = "one more process may find no connection: raise max_connections, use smaller pools, or put a \
             pooler in between";
        return Diagnosis::warn(CHECK, found, advice);
    }
    Diagnosis::ok(CHECK, found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::checkup::diagnosis::Verdict;

    fn facts() -> ServerFacts {
        ServerFacts {
            version_number: 180_001,
            version: "18.1".to_owned(),
            encoding: "UTF8".to_owned(),
            is_standby: false,
            is_read_only: false,
            fsync: true,
            full_page_writes: true,
            synchronous_commit: "on".to_owned(),
            isolation: "read committed".to_owned(),
            idle_timeout: "1min".to_owned(),
            autovacuum: true,
            prepared_max: 0,
            connections_max: 97,
            database_connections_max: -1,
            role_connections_max: -1,
            is_superuser: false,
            connections: 7,
        }
    }

    fn verdicts(facts: &ServerFacts) -> Vec<(&'static str, Verdict)> {
        let config =
            StoreConfig::new("postgres://ann@localhost/shop".parse().expect("it is a connection string"));
        let found = check(facts, &config);
        assert!(found.iter().all(|each| each.advice.is_some() == (each.verdict > Verdict::Ok)), "{found:?}");
        found
            .iter()
            .filter(|each| each.verdict > Verdict::Ok)
            .map(|each| (each.check, each.verdict))
            .collect()
    }

    #[test]
    fn a_server_as_it_should_be_has_no_fault() {
        assert_eq!(verdicts(&facts()), []);
    }

    #[test]
    fn each_fault_of_a_server_is_told_under_its_name() {
        use Verdict::{Fail, Warn};
        let faults: [(ServerFacts, (&str, Verdict)); 13] = [
            (ServerFacts { version_number: 140_010, ..facts() }, ("server", Fail)),
            (ServerFacts { is_standby: true, ..facts() }, ("server", Warn)),
            (ServerFacts { is_read_only: true, ..facts() }, ("server", Fail)),
            (ServerFacts { encoding: "SQL_ASCII".to_owned(), ..facts() }, ("encoding", Fail)),
            (ServerFacts { fsync: false, ..facts() }, ("fsync", Fail)),
            (ServerFacts { full_page_writes: false, ..facts() }, ("full_page_writes", Warn)),
            (ServerFacts { synchronous_commit: "off".to_owned(), ..facts() }, ("synchronous_commit", Warn)),
            (
                ServerFacts { isolation: "serializable".to_owned(), ..facts() },
                ("transaction_isolation", Warn),
            ),
            (ServerFacts { idle_timeout: "0".to_owned(), ..facts() }, ("idle_in_transaction", Warn)),
            (ServerFacts { autovacuum: false, ..facts() }, ("autovacuum", Warn)),
            (ServerFacts { connections: 90, ..facts() }, ("connections", Warn)),
            (ServerFacts { connections_max: 10, ..facts() }, ("connections", Fail)),
            (ServerFacts { role_connections_max: 10, ..facts() }, ("connections", Fail)),
        ];
        for (facts, fault) in faults {
            assert_eq!(verdicts(&facts), [fault]);
        }
    }

    #[test]
    fn the_limit_of_a_role_does_not_count_for_a_superuser() {
        let facts = ServerFacts { role_connections_max: 10, is_superuser: true, ..facts() };
        assert_eq!(verdicts(&facts), []);
    }
}
