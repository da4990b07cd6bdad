//! Gates in the functions of a test's own database: where a session says that it has come, and waits.
//!
//! The functions are the real ones. A gate stands where their source says `gap`, and before each row of an
//! insert; it stops only sessions that have a number.

use tokio_postgres::Client;

/// The first number of the advisory locks that gates are made of; of two numbers, so no lock of the fence.
pub(super) const GATES: i32 = 7001;

/// A place to stop, named after what comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    LastDrawn = 1,
    Mark = 2,
    Draw = 3,
    Insert = 4,
    Marks = 5,
    Rows = 6,
    /// Only in a log that draws before it locks.
    Stream = 7,
}

impl Gate {
    pub(super) const ALL: [Self; 7] =
        [Self::LastDrawn, Self::Mark, Self::Draw, Self::Insert, Self::Marks, Self::Rows, Self::Stream];

    /// Reads what a session at this gate says.
    pub(super) fn from_notice(message: &str) -> Option<Self> {
        let number: i32 = message.strip_prefix("at gate ")?.parse().ok()?;
        Self::ALL.into_iter().find(|gate| *gate as i32 == number)
    }

    /// The second number of this gate's lock, for one session.
    pub(super) fn lock_of(self, session: i32) -> i32 {
        session * 16 + self as i32
    }

    /// What a function has to say to stop here.
    pub(super) fn statement(self) -> String {
        format!("perform explorer.gate({});", self as i32)
    }
}

const FUNCTIONS: &str = "
create schema explorer;
-- The functions of the log have the rights of its owner, who does not own the gates.
grant usage on schema explorer to public;

create function explorer.gate(gate integer) returns void language plpgsql as $$
declare
    session integer := nullif(current_setting('explorer.session', true), '')::integer;
begin
    if session is not null then
        raise notice 'at gate %', gate;
        perform pg_advisory_lock_shared(GATES, session * 16 + gate);
        perform pg_advisory_unlock_shared(GATES, session * 16 + gate);
    end if;
end $$;

-- The same in the middle of a number.
create function explorer.gate_in(gate integer) returns bigint language plpgsql as $$
begin
    perform explorer.gate(gate);
    return 0;
end $$;

create function explorer.gate_before_insert() returns trigger language plpgsql as $$
begin
    perform explorer.gate(4);
    return new;
end $$;

create trigger gate before insert on annals.events
    for each row execute function explorer.gate_before_insert();
";

/// The functions that leave their mark by themselves.
pub(super) const APPENDS_OF_ONE_EVENT: [&str; 2] = ["append_event", "append_first_event"];

/// Puts the gates into a log.
pub(super) async fn plant_gates(owner: &Client) -> Result<(), tokio_postgres::Error> {
    owner.batch_execute(&FUNCTIONS.replace("GATES", &GATES.to_string())).await?;
    let gaps = [
        ("enter_fence", "-- gap: between the streams' rows and the last position", Gate::LastDrawn),
        ("enter_fence", "-- gap: between the last position and the mark", Gate::Mark),
        ("enter_fence", "-- gap: between the mark and the draw", Gate::Draw),
        ("look", "-- gap: between the last position and the marks", Gate::Marks),
        ("look", "-- gap: between the marks and the rows", Gate::Rows),
    ];
    for (function, gap, gate) in gaps {
        replace_in(owner, function, &[(gap, &gate.statement())]).await?;
    }
    // The append of one event is a single statement.
    let columns = [
        ("-- gap: between the stream's row and the last position", "explorer.gate(1) as gate_1,"),
        ("-- gap: between the last position and the mark", "+ explorer.gate_in(2)"),
        ("-- gap: between the mark and the draw", "and explorer.gate_in(3) = 0"),
    ];
    for function in APPENDS_OF_ONE_EVENT {
        replace_in(owner, function, &columns).await?;
    }
    // Who has entered the fence before stops as often as who enters it now.
    let stops = [Gate::LastDrawn, Gate::Mark, Gate::Draw].map(Gate::statement);
    replace_in(owner, "enter_fence", &[("return null;", &format!("{} return null;", stops.join(" ")))]).await
}

/// Rewrites a function of the log where it stands; what is replaced must be there once.
pub(super) async fn replace_in(
    owner: &Client,
    function: &str,
    replacements: &[(&str, &str)],
) -> Result<(), tokio_postgres::Error> {
    let sql = "select pg_get_functiondef(oid) from pg_proc
               where proname = $1 and pronamespace = 'annals'::regnamespace";
    let mut source: String = owner.query_one(sql, &[&function]).await?.get(0);
    for (old, new) in replacements {
        assert_eq!(source.matches(old).count(), 1, "{function} has `{old}` not once");
        source = source.replace(old, new);
    }
    owner.batch_execute(&source).await
}
