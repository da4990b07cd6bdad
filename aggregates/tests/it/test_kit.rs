//! The test kit: it passes what holds, and says readably what does not.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use annals_aggregates::test_kit::given;
use annals_aggregates::{Aggregate, Context, Events, VirtualClock};
use annals_eventstore::Event;

use crate::jar::{Jar, JarCommand, JarEvent, JarRefusal};

/// What a test that fails would print.
fn complaint<T>(test: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(test)).err().expect("the test should have failed");
    *panic.downcast::<String>().expect("a panic with a text")
}

#[test]
fn what_holds_passes() {
    given::<Jar>([JarEvent::Put(3)])
        .and([JarEvent::Taken(1)])
        .when(JarCommand::Empty)
        .then_events([JarEvent::Taken(1), JarEvent::Taken(1)])
        .then_state(|jar| assert_eq!(jar.coins, 0));
    given::<Jar>([]).when(JarCommand::Put(0)).then_nothing();
    given::<Jar>([JarEvent::Put(1)])
        .when(JarCommand::Take(2))
        .then_refused(JarRefusal::NotEnough { coins: 1, wanted: 2 })
        .then_refused_with(|refusal| assert!(matches!(refusal, JarRefusal::NotEnough { .. })))
        .then_state(|jar| assert_eq!(jar.coins, 1));
}

#[test]
fn the_clock_stands_still_and_ids_are_counted() {
    let stamped = |at: &str, id: &str| JarEvent::Stamped { at: at.into(), id: id.into() };
    given::<Jar>([])
        .when(JarCommand::Stamp)
        .then_events([stamped("1970-01-01T00:00:00+00:00", "00000000-0000-0000-0000-000000000001")]);
    given::<Jar>([])
        .at("2026-12-24T18:00:00Z".parse().unwrap())
        .when(JarCommand::Stamp)
        .then_events([stamped("2026-12-24T18:00:00+00:00", "00000000-0000-0000-0000-000000000001")]);
}

#[test]
fn other_events_are_shown_one_a_line_and_marked() {
    let said = complaint(|| {
        given::<Jar>([JarEvent::Put(3)])
            .when(JarCommand::Empty)
            .then_events([JarEvent::Taken(1), JarEvent::Taken(2)])
    });
    assert_eq!(
        said,
        "other events were decided (- expected, + decided)\n    Taken(1)\n  - Taken(2)\n  + Taken(1)\n  + Taken(1)\n"
    );
}

#[test]
fn a_refusal_where_events_were_expected_is_told_in_its_own_words() {
    let said = complaint(|| given::<Jar>([]).when(JarCommand::Take(1)).then_events([JarEvent::Taken(1)]));
    assert_eq!(
        said,
        "the command was refused: 1 coins wanted, 0 in the jar\n  NotEnough { coins: 0, wanted: 1 }"
    );
    assert_eq!(complaint(|| given::<Jar>([]).when(JarCommand::Take(1)).then_nothing()), said);
}

#[test]
fn events_where_none_were_expected_are_shown() {
    let accepted = || given::<Jar>([]).when(JarCommand::Put(1));
    assert_eq!(
        complaint(|| accepted().then_nothing()),
        "events were decided where nothing was to be done (+ decided)\n  + Put(1)\n"
    );
    let refusal = JarRefusal::NotEnough { coins: 0, wanted: 1 };
    assert_eq!(
        complaint(|| accepted().then_refused(refusal)),
        "the command was accepted where a refusal was expected (+ decided)\n  + Put(1)\n"
    );
}

#[test]
fn another_refusal_is_shown_beside_the_expected_one() {
    let said = complaint(|| {
        given::<Jar>([]).when(JarCommand::Take(1)).then_refused(JarRefusal::NotEnough { coins: 0, wanted: 2 })
    });
    assert_eq!(
        said,
        "refused for another reason (- expected, + decided)\n  - NotEnough { coins: 0, wanted: 2 }\n  + NotEnough { coins: 0, wanted: 1 }\n"
    );
}

/// An aggregate whose event forgets a field on its way through the log.
#[derive(Debug, Clone, Default)]
struct Forgetful;

#[derive(Debug, PartialEq, Event)]
#[event(crate = annals_eventstore)]
enum Noted {
    #[event(name = "noted")]
    Noted {
        #[serde(skip_deserializing)]
        note: String,
    },
}

impl Aggregate for Forgetful {
    const CATEGORY: &'static str = "forgetful";
    type Id = u32;
    type Command = ();
    type Event = Noted;
    type Refusal = std::convert::Infallible;

    fn decide(&self, (): (), _: &Context) -> Result<Events<Noted>, Self::Refusal> {
        Ok(Noted::Noted { note: "milk".into() }.into())
    }

    fn evolve(&mut self, _: &Noted) {}
}

#[test]
fn an_event_that_does_not_survive_the_log_fails_the_test_that_decides_it() {
    let said = complaint(|| given::<Forgetful>([]).when(()));
    assert_eq!(
        said,
        "an event is not read back as it was written (- written, + read back)\n  - noted {\"note\":\"milk\"}\n  + noted {\"note\":\"\"}"
    );
}

#[test]
fn commands_follow_each_other_and_time_passes_only_between_them() {
    let stamped = |at: &str, id: u32| JarEvent::Stamped {
        at: at.into(),
        id: format!("00000000-0000-0000-0000-{id:012}"),
    };
    let minute = Duration::from_secs(60);
    given::<Jar>([JarEvent::Put(3)])
        .after(minute)
        .when(JarCommand::Stamp)
        .then_events([stamped("1970-01-01T00:01:00+00:00", 1)])
        .when(JarCommand::Take(4))
        .then_refused(JarRefusal::NotEnough { coins: 3, wanted: 4 })
        .after(minute)
        .when(JarCommand::Stamp)
        .then_events([stamped("1970-01-01T00:02:00+00:00", 2)])
        .and([JarEvent::Put(1)])
        .when(JarCommand::Take(4))
        .then_state(|jar| assert_eq!((jar.coins, jar.changes), (0, 5)));
}

#[tokio::test]
async fn a_clock_of_the_test_is_the_time_of_the_test_kit_and_of_every_context_by_it() {
    let clock = VirtualClock::at("2026-12-24T18:00:00Z".parse().unwrap());
    let store = crate::scripted_store::ScriptedStore::default();
    let (jars, context) = (crate::jar::jars(&store), Context::by(&clock));
    let reserved = given::<Jar>([]).by(&clock).when(JarCommand::Stamp);

    clock.advance(Duration::from_millis(1_500));

    let executed = jars.execute(&1, JarCommand::Stamp, &context).await.unwrap();
    let stamped = |id| JarEvent::Stamped { at: "2026-12-24T18:00:01.500+00:00".into(), id };
    assert_eq!(executed.events(), [stamped("00000000-0000-0000-0000-000000000002".into())]);
    let third = stamped("00000000-0000-0000-0000-000000000003".into());
    reserved.when(JarCommand::Stamp).then_events([third]);
    assert_eq!(context.now(), clock.now());
}

#[test]
fn the_systems_clock_is_not_put_forward() {
    let said = catch_unwind(|| given::<Jar>([]).under(Context::new()).after(Duration::from_secs(1)));
    let said = said.expect_err("nobody sets the system's clock").downcast::<&str>().unwrap();

    assert_eq!(*said, "the system's clock cannot be put forward: give the test a clock of its own");
}
