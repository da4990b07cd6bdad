//! A database where one cast plays its schedules, one after another.
//!
//! Where the log has to be empty, what a schedule left behind is removed; else the log goes on and the reader
//! begins where the schedule before ended.

use annals_devdb::TestFailure;
use annals_eventstore::postgres::{SchemaName, migrate};
use tokio_postgres::{Client, Row, SimpleQueryRow, Statement};

use super::cast::{Before, Call, Cast, Ending, Log, Writer};
use super::gates::plant_gates;
use super::mutant::Mutant;
use super::outcome::{Outcome, Page, Stored};
use super::schedule::{Progress, Schedule};
use super::session::{GateKeeper, Place, Session};
use crate::support::TestDb;

const EVENT: &str = r#"[{"type": "opened", "data": {}}]"#;

/// A database, its gates, and a session for each of the cast.
pub(super) struct Stage {
    cast: Cast,
    owner: Client,
    gates: GateKeeper,
    sessions: Vec<Session>,
    read: Statement,
    stored: Statement,
    last_event: i64,
    /// Whose steps are compared with what the model of waiting says: all but a mutant's.
    is_sound: bool,
    // The last to go: a database with connections takes longer to drop.
    _db: TestDb,
}

impl Stage {
    pub(super) async fn set(cast: &Cast, mutant: Option<Mutant>) -> Result<Self, TestFailure> {
        let db = TestDb::fresh().await?;
        let owner = db.connect().await?;
        // Between the schedules events are removed, which nothing but a test may do.
        owner.batch_execute("alter table annals.events disable trigger user").await?;
        plant_gates(&owner).await?;
        if let Some(mutant) = mutant {
            mutant.plant(&owner).await?;
        }
        if cast.writers.iter().any(|writer| writer.before == Before::AppendToAnotherLog) {
            migrate(&db.url().parse()?, &SchemaName::new("other_log")?).await?;
        }
        if cast.log == Log::WithEvents {
            for writer in &cast.writers {
                owner.batch_execute(&append_to(Call::Append, &account(writer.stream))).await?;
            }
        }
        let gates = GateKeeper::new(db.connect().await?, db.connect().await?).await?;
        let mut sessions = Vec::new();
        for number in 0..cast.sessions() {
            sessions.push(Session::open(db.url(), i32::try_from(number)?, &gates).await?);
        }
        for (session, writer) in sessions.iter().zip(&cast.writers) {
            session.run(setting_before(writer.before)).await?;
        }
        let (read, stored) = (owner.prepare(READ).await?, owner.prepare(STORED).await?);
        let (cast, is_sound) = (cast.clone(), mutant.is_none());
        let mut stage = Self { cast, owner, gates, sessions, read, stored, last_event: 0, is_sound, _db: db };
        stage.stored_behind(0).await?;
        Ok(stage)
    }

    /// Plays one schedule to its end.
    pub(super) async fn play(&mut self, schedule: &Schedule) -> Result<Outcome, TestFailure> {
        if self.cast.log == Log::Empty {
            self.empty_the_log().await?;
        }
        let mut play = Play {
            cursor: self.last_event,
            pages: Vec::new(),
            drawn: vec![i64::MAX; self.cast.writers.len()],
            ended: vec![false; self.cast.writers.len()],
        };
        let mut model = Progress::of(&self.cast);
        for session in &schedule.0 {
            self.step(*session, &mut play).await?;
            if self.is_sound {
                if let Some(next) = model.take(&self.cast, *session) {
                    self.seat(next);
                }
                self.compare_with(&model, schedule);
            }
        }
        assert!(
            self.sessions.iter().all(|session| session.place() == Place::Idle),
            "{schedule:?} stops early"
        );

        let start = self.last_event;
        let page = self.read_the_rest(play.cursor).await?;
        play.pages.push(page);
        let committed = self.stored_behind(start).await?;
        Ok(Outcome { committed, pages: play.pages, drawn: play.drawn, before: start })
    }

    async fn step(&mut self, number: usize, play: &mut Play) -> Result<(), TestFailure> {
        let session = &mut self.sessions[number];
        match self.cast.writers.get(number) {
            _ if session.place() != Place::Idle => {
                session.go_on(&self.gates).await?;
                if session.place() == Place::Idle {
                    self.note_answer(number, play).await?;
                }
            }
            Some(_) if play.drawn[number] != i64::MAX => self.end(number, play).await?,
            Some(writer) => {
                let may_wait =
                    self.cast.writers.iter().filter(|other| other.stream == writer.stream).count() > 1;
                session.start(&self.gates, transaction_of(writer, number), may_wait).await?;
            }
            None => session.start(&self.gates, read_after(play.cursor), false).await?,
        }
        Ok(())
    }

    /// Ends a writer's transaction, and follows the one that can go on because of it.
    async fn end(&mut self, number: usize, play: &mut Play) -> Result<(), TestFailure> {
        let statement = match self.cast.writers[number].ending {
            Ending::Commit => "commit",
            Ending::RollBack => "rollback",
        };
        self.sessions[number].run(statement).await?;
        play.ended[number] = true;
        let stream = self.cast.writers[number].stream;
        let waits_for_it = |(session, writer): (&Session, &Writer)| {
            session.place() == Place::Waiting && writer.stream == stream
        };
        if self.sessions.iter().zip(&self.cast.writers).any(waits_for_it) {
            while !self.sessions.iter_mut().any(Session::goes_on) {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Gives the role of the one who goes on now to whom the server let go on. Of several that wait for a row
    /// it may be any; so far they have done the same.
    fn seat(&mut self, next: usize) {
        let stream = self.cast.writers[next].stream;
        let goes_on = |number: &usize| {
            let writer = self.cast.writers[*number];
            writer.stream == stream && matches!(self.sessions[*number].place(), Place::At(_))
        };
        if let Some(number) = (0..self.cast.writers.len()).find(goes_on) {
            self.sessions.swap(next, number);
        }
    }

    async fn note_answer(&self, number: usize, play: &mut Play) -> Result<(), TestFailure> {
        let rows = self.sessions[number].answer();
        if number < self.cast.writers.len() {
            let receipt = rows.last().and_then(|row| row.get("from_position")).expect("an append's receipt");
            play.drawn[number] = receipt.parse()?;
        } else {
            let number_in = |column| move |row: &SimpleQueryRow| row.get(column)?.parse().ok();
            let settled_to = rows.iter().find_map(number_in("head")).expect("a page has a head");
            let positions = rows.iter().filter_map(number_in("position")).collect();
            let open_writers = (0..play.ended.len()).filter(|writer| !play.ended[*writer]).collect();
            // The head falls when a transaction enters the fence late; a cursor does not.
            play.cursor = play.cursor.max(settled_to);
            let clear_to = self.clear_to().await?;
            play.pages.push(Page { positions, settled_to, clear_to, open_writers });
        }
        Ok(())
    }

    /// Who waits is what the model says, and nobody else.
    fn compare_with(&self, model: &Progress, schedule: &Schedule) {
        for (number, session) in self.sessions.iter().enumerate() {
            let waits = session.place() == Place::Waiting;
            assert_eq!(
                waits,
                model.waits(number),
                "session {number} of {schedule:?} is {:?}",
                session.place()
            );
        }
    }

    async fn empty_the_log(&mut self) -> Result<(), TestFailure> {
        let sql = "delete from annals.events; delete from annals.streams;
                   select setval('annals.events_position_seq', 1, false)";
        self.last_event = 0;
        Ok(self.owner.batch_execute(sql).await?)
    }

    async fn read_the_rest(&self, after: i64) -> Result<Page, TestFailure> {
        let rows = self.owner.query(&self.read, &[&after]).await?;
        let settled_to = rows.first().expect("a page has a head").get(0);
        let positions = rows.iter().filter_map(|row| row.get(1)).collect();
        let clear_to = self.clear_to().await?;
        Ok(Page { positions, settled_to, clear_to, open_writers: Vec::new() })
    }

    async fn clear_to(&self) -> Result<i64, TestFailure> {
        Ok(self.owner.query_one("select clear_to from annals.look()", &[]).await?.get(0))
    }

    /// Returns the events behind a position, and notes the last one.
    async fn stored_behind(&mut self, position: i64) -> Result<Vec<Stored>, TestFailure> {
        let rows = self.owner.query(&self.stored, &[&position]).await?;
        let stored = |row: &Row| Stored { position: row.get(0), stream: row.get(1), version: row.get(2) };
        let events: Vec<Stored> = rows.iter().map(stored).collect();
        self.last_event = events.last().map_or(self.last_event, |event| event.position);
        Ok(events)
    }
}

const READ: &str = "select head, position from annals.read_log_page($1, 100)";

const STORED: &str = "
    select position, stream_id, version from annals.events where position > $1 order by position";

/// What is noted while a schedule is played.
struct Play {
    /// Where the reader reads on.
    cursor: i64,
    pages: Vec<Page>,
    drawn: Vec<i64>,
    ended: Vec<bool>,
}

fn append_to(call: Call, stream: &str) -> String {
    match call {
        Call::Append => format!("select from_position from annals.append('{stream}', -2, '{EVENT}')"),
        Call::AppendEvent => format!(
            "select (annals.append_event('{stream}', -2, gen_random_uuid(), 'opened', 1, '{{}}', null))[2]
                 as from_position"
        ),
        Call::AppendFirstEvent => format!(
            "select (annals.append_first_event('{stream}', gen_random_uuid(), 'opened', 1, '{{}}', null))[2]
                 as from_position"
        ),
    }
}

/// What a session says once, when it begins.
fn setting_before(before: Before) -> &'static str {
    match before {
        Before::SettingLeftBehind => {
            "select set_config('annals_log.fence',
                 pg_current_xact_id()::text || ':' || 'annals.events_position_seq'::regclass::oid, false)"
        }
        Before::SettingWithoutMeaning => "set annals_log.fence = 'garbage :: 7:x'",
        _ => "",
    }
}

fn account(stream: usize) -> String {
    format!("account-{stream}")
}

fn transaction_of(writer: &Writer, number: usize) -> String {
    let append = append_to(writer.call, &account(writer.stream));
    let before = match writer.before {
        Before::AppendToAnotherLog => {
            format!("select from other_log.append('account-{number}', -2, '{EVENT}');")
        }
        // The gates are for the append that comes last.
        Before::AppendToAnotherStream => format!(
            "set local explorer.session = '';
             {};
             set local explorer.session = '{number}';",
            append_to(writer.call, &format!("other-{number}"))
        ),
        Before::SavepointRolledBack => {
            format!("savepoint s; set local explorer.session = ''; {append}; rollback to s;")
        }
        Before::Nothing | Before::SettingLeftBehind | Before::SettingWithoutMeaning => String::new(),
    };
    format!("begin; {before} {append}")
}

fn read_after(cursor: i64) -> String {
    format!("select head, position from annals.read_log_page({cursor}, 100)")
}
